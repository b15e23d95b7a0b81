//! From an issuer's name to the address of its keys: RFC 8414 and OpenID Connect Discovery. No I/O here.

use std::fmt;

use url::Url;

use crate::error::excerpt::Excerpt;
use crate::token::json::{JsonError, JsonObject, string};
use crate::url::{Address, Reach, may_be_this_machine};

/// Where an issuer's metadata may be, in the order that it is asked for: RFC 8414 §3.1, which puts the well-known
/// part before the issuer's path; OpenID Connect Discovery §4, which puts it behind; and what RFC 8414 §5 makes of the
/// latter.
pub(crate) fn well_known(issuer: &Url) -> [Url; 3] {
    let path = issuer.path().trim_end_matches('/');
    let at = |path: &str| {
        let mut url = issuer.clone();
        url.set_path(path);
        url
    };
    [
        at(&format!("/.well-known/oauth-authorization-server{path}")),
        at(&format!("{path}/.well-known/openid-configuration")),
        at(&format!("/.well-known/openid-configuration{path}")),
    ]
}

/// Reads where the keys are out of a metadata document, if it is this issuer's own.
///
/// Nothing else is taken from it: which algorithms are accepted is a matter of configuration, whatever the issuer lists
/// (RFC 8725 §3.1).
pub(crate) fn jwks_address(document: &[u8], issuer: &str, reach: Reach) -> Result<Address, MetadataError> {
    let document = JsonObject::from_slice(document).map_err(MetadataError::InvalidJson)?;
    let member = |name| document.get(name).and_then(string);
    // RFC 8414 §3.3: identical, or the document must not be used. Otherwise one issuer could speak for another.
    match member("issuer") {
        Some(found) if found == issuer => {}
        found => return Err(MetadataError::WrongIssuer(found.map(|found| Excerpt::new(&found)))),
    }
    let jwks_uri = member("jwks_uri").ok_or(MetadataError::NoJwksUri)?;
    let address = Address::parse("jwks_uri", &jwks_uri).map_err(|_| MetadataError::BadJwksUri)?;
    match (reach, address.reach) {
        // A server elsewhere has no business with our own machine.
        (Reach::Network, Reach::Loopback) => Err(MetadataError::BadJwksUri),
        (Reach::Network, _) if may_be_this_machine(&address.url) => Err(MetadataError::BadJwksUri),
        _ => Ok(address),
    }
}

/// Why a document does not tell where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MetadataError {
    InvalidJson(JsonError),
    WrongIssuer(Option<Excerpt>),
    NoJwksUri,
    BadJwksUri,
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidJson(found) => write!(f, "expected metadata, found a document that is {found}"),
            Self::WrongIssuer(Some(found)) => {
                write!(f, "expected `issuer` to be exactly the configured one, found {found}")
            }
            Self::WrongIssuer(None) => f.write_str("expected `issuer`, found none"),
            Self::NoJwksUri => f.write_str("expected `jwks_uri`, found none"),
            Self::BadJwksUri => f.write_str("expected `jwks_uri` to be an https URL"),
        }
    }
}

impl std::error::Error for MetadataError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_at_three_addresses_in_this_order() {
        // F02, F03
        let addresses = |issuer: &str| well_known(&issuer.parse().unwrap()).map(String::from);
        for issuer in ["https://h/t1", "https://h/t1/"] {
            assert_eq!(
                addresses(issuer),
                [
                    "https://h/.well-known/oauth-authorization-server/t1",
                    "https://h/t1/.well-known/openid-configuration",
                    "https://h/.well-known/openid-configuration/t1",
                ]
            );
        }
        assert_eq!(
            addresses("https://h:8443"),
            [
                "https://h:8443/.well-known/oauth-authorization-server",
                "https://h:8443/.well-known/openid-configuration",
                "https://h:8443/.well-known/openid-configuration",
            ]
        );
    }

    fn read(document: &str, reach: Reach) -> Result<String, MetadataError> {
        jwks_address(document.as_bytes(), "https://h/t1", reach).map(|address| address.url.to_string())
    }

    #[test]
    fn the_keys_of_the_issuer_may_be_on_another_host() {
        // F05: unknown members do not matter
        let document = r#"{"issuer":"https://h/t1","jwks_uri":"https://keys/x","x":1,"id_token_signing_alg_values_supported":["none"]}"#;
        assert_eq!(read(document, Reach::Network).unwrap(), "https://keys/x");
    }

    #[test]
    fn the_issuer_is_compared_exactly() {
        // F04, W13
        for issuer in
            ["https://h/t1/", "https://h/T1", "https://h/t2", "https://H/t1", "https://h:443/t1", ""]
        {
            let document = format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://keys/x"}}"#);
            assert!(
                matches!(read(&document, Reach::Network), Err(MetadataError::WrongIssuer(Some(_)))),
                "{issuer}"
            );
        }
        for document in [r#"{"jwks_uri":"https://keys/x"}"#, r#"{"issuer":1,"jwks_uri":"https://keys/x"}"#] {
            assert_eq!(read(document, Reach::Network), Err(MetadataError::WrongIssuer(None)), "{document}");
        }
    }

    #[test]
    fn keys_are_not_fetched_without_tls_or_from_our_own_machine() {
        // F06
        let document = |jwks_uri: &str| format!(r#"{{"issuer":"https://h/t1","jwks_uri":"{jwks_uri}"}}"#);
        for jwks_uri in ["http://keys/x", "ftp://keys/x", "/x", "", "https://user@keys/x"] {
            assert_eq!(
                read(&document(jwks_uri), Reach::Network),
                Err(MetadataError::BadJwksUri),
                "{jwks_uri}"
            );
        }
        for jwks_uri in [
            "http://127.0.0.1:1/x",
            "https://localhost/x",
            "https://127.1/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://0.0.0.0/x",
            "https://[::]/x",
            "https://localhost./x",
            "https://keys.localhost/x",
        ] {
            assert_eq!(
                read(&document(jwks_uri), Reach::Network),
                Err(MetadataError::BadJwksUri),
                "{jwks_uri}"
            );
            assert!(read(&document(jwks_uri), Reach::Loopback).is_ok(), "{jwks_uri}");
        }
        assert!(read(&document("https://localhost.example/x"), Reach::Network).is_ok());
        assert_eq!(read(r#"{"issuer":"https://h/t1"}"#, Reach::Network), Err(MetadataError::NoJwksUri));
    }

    #[test]
    fn a_sign_in_page_is_not_metadata() {
        // F05
        let page = "<!doctype html><title>Sign in</title>";
        assert_eq!(read(page, Reach::Network), Err(MetadataError::InvalidJson(JsonError::NotJson)));
    }
}
