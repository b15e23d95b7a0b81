//! From an issuer's name to the address of its tokens: RFC 8414 and OpenID Connect Discovery. No I/O here.

use std::fmt;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonError, JsonObject, string};
use url::Url;

use crate::error::excerpt;
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

/// Reads where tokens are to be had out of a metadata document, if it is this issuer's own. A client with a certificate
/// is sent to the address for such clients, if there is one (RFC 8705 §5).
pub(crate) fn token_endpoint(
    document: &[u8],
    issuer: &str,
    reach: Reach,
    by_certificate: bool,
) -> Result<Address, MetadataError> {
    let document = JsonObject::from_slice(document).map_err(MetadataError::Json)?;
    let member = |name| document.get(name).and_then(string);
    // RFC 8414 §3.3: identical, or the document must not be used. Otherwise the secret would go to another issuer.
    match member("issuer") {
        Some(found) if found == issuer => {}
        found => return Err(MetadataError::WrongIssuer(found.map(|found| excerpt(&found)))),
    }
    let alias = document.get("mtls_endpoint_aliases").filter(|_| by_certificate);
    let alias = alias.and_then(|aliases| JsonObject::from_text(aliases.get()).ok());
    let alias = alias.as_ref().and_then(|aliases| aliases.get("token_endpoint")).and_then(string);
    let endpoint = alias.or_else(|| member("token_endpoint")).ok_or(MetadataError::NoTokenEndpoint)?;
    let address = Address::parse("token_endpoint", &endpoint).map_err(|_| MetadataError::BadTokenEndpoint)?;
    match (reach, address.reach) {
        // A server elsewhere has no business with our own machine.
        (Reach::Network, Reach::Loopback) => Err(MetadataError::BadTokenEndpoint),
        (Reach::Network, _) if may_be_this_machine(&address.url) => Err(MetadataError::BadTokenEndpoint),
        _ => Ok(address),
    }
}

/// Why a document does not tell where an issuer's tokens are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MetadataError {
    Json(JsonError),
    WrongIssuer(Option<Excerpt>),
    NoTokenEndpoint,
    BadTokenEndpoint,
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(found) => write!(f, "expected metadata, found a document that is {found}"),
            Self::WrongIssuer(Some(found)) => {
                write!(f, "expected `issuer` to be exactly the configured one, found {found}")
            }
            Self::WrongIssuer(None) => f.write_str("expected `issuer`, found none"),
            Self::NoTokenEndpoint => f.write_str("expected `token_endpoint`, found none"),
            Self::BadTokenEndpoint => {
                f.write_str("expected `token_endpoint` to be an https URL without fragment")
            }
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
        let address = token_endpoint(document.as_bytes(), "https://h/t1", reach, false);
        address.map(|address| address.url.to_string())
    }

    #[test]
    fn tokens_may_be_issued_at_another_host_and_what_else_is_there_does_not_matter() {
        // F05: Cognito's are: the domain of a pool is not its issuer.
        let document =
            r#"{"issuer":"https://h/t1","token_endpoint":"https://tokens/x?y","x":1,"jwks_uri":[]}"#;
        assert_eq!(read(document, Reach::Network).unwrap(), "https://tokens/x?y");
    }

    #[test]
    fn the_issuer_is_compared_exactly() {
        // F04
        for issuer in
            ["https://h/t1/", "https://h/T1", "https://h/t2", "https://H/t1", "https://h:443/t1", ""]
        {
            let document = format!(r#"{{"issuer":"{issuer}","token_endpoint":"https://tokens/x"}}"#);
            assert!(
                matches!(read(&document, Reach::Network), Err(MetadataError::WrongIssuer(Some(_)))),
                "{issuer}"
            );
        }
        for document in
            [r#"{"token_endpoint":"https://t/x"}"#, r#"{"issuer":1,"token_endpoint":"https://t/x"}"#]
        {
            assert_eq!(read(document, Reach::Network), Err(MetadataError::WrongIssuer(None)), "{document}");
        }
    }

    #[test]
    fn a_secret_is_not_sent_without_tls_or_to_our_own_machine() {
        // E02, E07, F05
        let document =
            |endpoint: &str| format!(r#"{{"issuer":"https://h/t1","token_endpoint":"{endpoint}"}}"#);
        for endpoint in ["http://t/x", "ftp://t/x", "/x", "", "https://user@t/x", "https://t/x#f"] {
            assert_eq!(
                read(&document(endpoint), Reach::Network),
                Err(MetadataError::BadTokenEndpoint),
                "{endpoint}"
            );
        }
        for endpoint in [
            "http://127.0.0.1:1/x",
            "https://localhost/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://0.0.0.0/x",
            "https://[::]/x",
            "https://x.localhost/x",
            "https://localhost./x",
        ] {
            assert_eq!(read(&document(endpoint), Reach::Network), Err(MetadataError::BadTokenEndpoint));
            assert!(read(&document(endpoint), Reach::Loopback).is_ok(), "{endpoint}");
        }
        assert_eq!(read(r#"{"issuer":"https://h/t1"}"#, Reach::Network), Err(MetadataError::NoTokenEndpoint));
        let page = "<!doctype html><title>Sign in</title>";
        assert_eq!(read(page, Reach::Network), Err(MetadataError::Json(JsonError::NotJson)));
    }

    #[test]
    fn a_client_with_a_certificate_is_sent_to_the_alias_if_there_is_one() {
        // E25: RFC 8705 §5
        let with_alias = r#"{"issuer":"https://h/t1","token_endpoint":"https://h/token",
            "mtls_endpoint_aliases":{"token_endpoint":"https://mtls.h/token"}}"#;
        let without = r#"{"issuer":"https://h/t1","token_endpoint":"https://h/token",
            "mtls_endpoint_aliases":{"revocation_endpoint":"https://mtls.h/revoke"}}"#;
        let bad = with_alias.replace("https://mtls.h/token", "http://mtls.h/token");
        let read = |document: &str, by_certificate| {
            let address = token_endpoint(document.as_bytes(), "https://h/t1", Reach::Network, by_certificate);
            address.map(|address| address.url.to_string())
        };
        assert_eq!(read(with_alias, true).as_deref(), Ok("https://mtls.h/token"));
        assert_eq!(read(with_alias, false).as_deref(), Ok("https://h/token"));
        assert_eq!(read(without, true).as_deref(), Ok("https://h/token"));
        assert_eq!(read(&bad, true), Err(MetadataError::BadTokenEndpoint));
    }
}
