//! Authorization server metadata (RFC 8414, OpenID Connect Discovery): the URLs of an issuer's
//! documents, and the endpoints in a document.

use std::fmt;

use crate::excerpt::Excerpt;
use crate::json::{JsonError, JsonObject, string};
use crate::url::{FetchUrl, SecureUrl};

/// Returns the possible URLs of an issuer's metadata, in the order to try them, without duplicates.
///
/// | order | URL | source |
/// | --- | --- | --- |
/// | 1 | `/.well-known/oauth-authorization-server` + path | RFC 8414 §3.1 |
/// | 2 | path + `/.well-known/openid-configuration` | OpenID Connect Discovery §4 |
/// | 3 | `/.well-known/openid-configuration` + path | RFC 8414 §5 |
pub fn well_known_urls(issuer: &FetchUrl) -> Vec<FetchUrl> {
    let path = issuer.url().path().trim_end_matches('/');
    let mut urls: Vec<FetchUrl> = Vec::with_capacity(3);
    for path in [
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("{path}/.well-known/openid-configuration"),
        format!("/.well-known/openid-configuration{path}"),
    ] {
        let url = issuer.with_path(&path);
        // Without a path, the second and the third URL are equal.
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

/// A metadata document of an issuer.
///
/// It is used for endpoints only. Accepted algorithms, for example, are configured and never taken
/// from metadata (RFC 8725 §3.1).
///
/// ```
/// use scopegate_proto::metadata::Metadata;
/// use scopegate_proto::url::issuer_identifier;
///
/// let issuer = issuer_identifier("https://issuer.example/t1")?;
/// let document = br#"{"issuer":"https://issuer.example/t1","jwks_uri":"https://keys.example/t1"}"#;
/// let keys = Metadata::read(document, &issuer)?.endpoint("jwks_uri")?;
/// assert_eq!(keys.written(), "https://keys.example/t1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Metadata<'a> {
    document: JsonObject<'a>,
    issuer: &'a FetchUrl,
}

impl<'a> Metadata<'a> {
    /// Reads a document, and checks that it belongs to the issuer.
    ///
    /// RFC 8414 §3.3: the document must be rejected if its `issuer` is not identical. Otherwise one
    /// issuer could name the endpoints of another.
    ///
    /// # Errors
    /// Returns [`MetadataError::Json`] or [`MetadataError::WrongIssuer`].
    pub fn read(document: &'a [u8], issuer: &'a FetchUrl) -> Result<Self, MetadataError> {
        let document = JsonObject::from_slice(document).map_err(MetadataError::Json)?;
        match document.get("issuer").and_then(string) {
            Some(found) if found == issuer.written() => Ok(Self { document, issuer }),
            found => {
                let found = found.map(|found| Excerpt::identifier(&found));
                Err(MetadataError::WrongIssuer { found })
            }
        }
    }

    /// Returns the endpoint in a member, such as `token_endpoint`.
    ///
    /// # Errors
    /// Returns [`MetadataError::NoEndpoint`] if the member is absent or not a string. Returns
    /// [`MetadataError::InvalidEndpoint`] if it is not a [`SecureUrl`] that the issuer
    /// [may refer to](FetchUrl::may_refer_to).
    pub fn endpoint(&self, member: &'static str) -> Result<SecureUrl, MetadataError> {
        self.checked(member, self.document.get(member).and_then(string).as_deref())
    }

    /// Returns the URL of a public document in a member, such as `jwks_uri`.
    ///
    /// Unlike [`endpoint`](Self::endpoint), this method accepts `http` over a network if the
    /// issuer's own URL uses it: the metadata was then not protected either. If the issuer uses
    /// `https` or a loopback address, such a URL is rejected.
    ///
    /// # Errors
    /// As [`endpoint`](Self::endpoint).
    pub fn document_endpoint(&self, member: &'static str) -> Result<FetchUrl, MetadataError> {
        let url = self.document.get(member).and_then(string).ok_or(MetadataError::NoEndpoint { member })?;
        let url = FetchUrl::parse_allowing_http(&url).ok();
        url.filter(|url| self.issuer.is_plain_network() || !url.is_plain_network())
            .filter(|url| self.issuer.may_refer_to(url))
            .ok_or(MetadataError::InvalidEndpoint { member })
    }

    /// Returns the endpoint for clients that present a certificate.
    ///
    /// If `mtls_endpoint_aliases` has the member, this is its URL (RFC 8705 §5). Otherwise it is
    /// the same as [`endpoint`](Self::endpoint).
    ///
    /// # Errors
    /// As [`endpoint`](Self::endpoint).
    pub fn mtls_endpoint(&self, member: &'static str) -> Result<SecureUrl, MetadataError> {
        let aliases = self.document.get("mtls_endpoint_aliases");
        let aliases = aliases.and_then(|aliases| JsonObject::from_text(aliases.get()).ok());
        match aliases.as_ref().and_then(|aliases| aliases.get(member)).and_then(string) {
            Some(alias) => self.checked(member, Some(&alias)),
            None => self.endpoint(member),
        }
    }

    fn checked(&self, member: &'static str, url: Option<&str>) -> Result<SecureUrl, MetadataError> {
        let url = SecureUrl::parse(url.ok_or(MetadataError::NoEndpoint { member })?);
        url.ok().filter(|url| self.issuer.may_refer_to(url)).ok_or(MetadataError::InvalidEndpoint { member })
    }
}

/// The reason why a document has no usable endpoint.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataError {
    /// The document is not a JSON object without repeated member names.
    Json(JsonError),
    /// The document's `issuer` differs from the configured issuer.
    #[non_exhaustive]
    WrongIssuer {
        /// The value of `issuer`, if it is a string.
        found: Option<Excerpt>,
    },
    /// The endpoint is absent, or not a string.
    #[non_exhaustive]
    NoEndpoint {
        /// The member of the endpoint.
        member: &'static str,
    },
    /// The URL of the endpoint is not secure, or the issuer may not refer to it.
    #[non_exhaustive]
    InvalidEndpoint {
        /// The member of the endpoint.
        member: &'static str,
    },
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(found) => write!(f, "the metadata document is {found}"),
            Self::WrongIssuer { found: Some(found) } => {
                write!(f, "`issuer` is not exactly the configured issuer, found {found}")
            }
            Self::WrongIssuer { found: None } => f.write_str("`issuer` is missing or not a string"),
            Self::NoEndpoint { member } => write!(f, "`{member}` is missing or not a string"),
            Self::InvalidEndpoint { member } => {
                write!(f, "`{member}` is not an allowed URL, expected https without fragment")
            }
        }
    }
}

impl std::error::Error for MetadataError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::{issuer_identifier, issuer_identifier_allowing_http};

    const REMOTE: &str = "https://h/t1";
    const LOCAL: &str = "http://localhost/t1";

    /// The members of the endpoints that the other crates use.
    const MEMBERS: [&str; 2] = ["jwks_uri", "token_endpoint"];

    fn read(document: &str, issuer: &str, member: &'static str) -> Result<String, MetadataError> {
        let issuer = issuer_identifier(issuer).unwrap();
        let metadata = Metadata::read(document.as_bytes(), &issuer)?;
        let endpoint = metadata.endpoint(member).map(FetchUrl::from);
        // For a secure issuer, both methods accept the same URLs.
        assert_eq!(metadata.document_endpoint(member), endpoint);
        Ok(endpoint?.written().to_owned())
    }

    #[test]
    fn metadata_urls_are_listed_in_order() {
        // F02, F03
        let urls = |issuer: &str| {
            let urls = well_known_urls(&issuer_identifier(issuer).unwrap());
            urls.into_iter().map(|url| url.url().to_string()).collect::<Vec<_>>()
        };
        for issuer in ["https://h/t1", "https://h/t1/"] {
            assert_eq!(
                urls(issuer),
                [
                    "https://h/.well-known/oauth-authorization-server/t1",
                    "https://h/t1/.well-known/openid-configuration",
                    "https://h/.well-known/openid-configuration/t1",
                ]
            );
        }
        assert_eq!(
            urls("https://h:8443"),
            [
                "https://h:8443/.well-known/oauth-authorization-server",
                "https://h:8443/.well-known/openid-configuration",
            ]
        );
    }

    #[test]
    fn metadata_urls_stay_on_loopback() {
        let issuer = issuer_identifier("http://127.0.0.1:9400/pool").unwrap();
        let urls = well_known_urls(&issuer);
        assert!(urls.len() == 3 && urls.iter().all(|url| url.is_loopback() && !url.is_https()));
    }

    #[test]
    fn endpoint_on_another_host_is_accepted() {
        // F05: unknown members are ignored; the domain of a Cognito pool differs from its issuer
        let document = r#"{"issuer":"https://h/t1","jwks_uri":"https://keys/x","x":1,
            "token_endpoint":"https://tokens/x?y","id_token_signing_alg_values_supported":["none"]}"#;
        assert_eq!(read(document, REMOTE, "jwks_uri").as_deref(), Ok("https://keys/x"));
        assert_eq!(read(document, REMOTE, "token_endpoint").as_deref(), Ok("https://tokens/x?y"));
        let document = document.replace("\"https://keys/x\"", "[]");
        assert_eq!(read(&document, REMOTE, "token_endpoint").as_deref(), Ok("https://tokens/x?y"));
        assert_eq!(
            read(&document, REMOTE, "jwks_uri"),
            Err(MetadataError::NoEndpoint { member: "jwks_uri" })
        );
    }

    #[test]
    fn other_spelling_of_issuer_is_rejected() {
        // F04, W13
        for member in MEMBERS {
            for issuer in
                ["https://h/t1/", "https://h/T1", "https://h/t2", "https://H/t1", "https://h:443/t1", ""]
            {
                let document = format!(r#"{{"issuer":"{issuer}","{member}":"https://e/x"}}"#);
                let found = Some(Excerpt::new(issuer));
                assert_eq!(read(&document, REMOTE, member), Err(MetadataError::WrongIssuer { found }));
            }
            for issuer in ["", r#""issuer":1,"#] {
                let document = format!(r#"{{{issuer}"{member}":"https://e/x"}}"#);
                assert_eq!(read(&document, REMOTE, member), Err(MetadataError::WrongIssuer { found: None }));
            }
        }
    }

    #[test]
    fn plain_or_local_endpoint_is_rejected() {
        // E02, E07, F05, F06
        for member in MEMBERS {
            let document =
                |issuer: &str, endpoint: &str| format!(r#"{{"issuer":"{issuer}","{member}":"{endpoint}"}}"#);
            for endpoint in ["http://e/x", "ftp://e/x", "/x", "", "https://user@e/x", "https://e/x#f"] {
                let error = Err(MetadataError::InvalidEndpoint { member });
                assert_eq!(read(&document(REMOTE, endpoint), REMOTE, member), error, "{endpoint}");
                assert_eq!(read(&document(LOCAL, endpoint), LOCAL, member), error, "{endpoint}");
            }
            for endpoint in [
                "http://127.0.0.1:1/x",
                "https://localhost/x",
                "https://127.1/x",
                "https://[::ffff:127.0.0.1]/x",
                "https://0.0.0.0/x",
                "https://[::]/x",
                "https://localhost./x",
                "https://keys.localhost/x",
            ] {
                let error = Err(MetadataError::InvalidEndpoint { member });
                assert_eq!(read(&document(REMOTE, endpoint), REMOTE, member), error, "{endpoint}");
                assert!(read(&document(LOCAL, endpoint), LOCAL, member).is_ok(), "{endpoint}");
            }
            assert!(read(&document(REMOTE, "https://localhost.example/x"), REMOTE, member).is_ok());
            let empty = r#"{"issuer":"https://h/t1"}"#;
            assert_eq!(read(empty, REMOTE, member), Err(MetadataError::NoEndpoint { member }));
        }
    }

    #[test]
    fn plain_document_url_requires_plain_issuer() {
        // FR-A15: for an issuer with TLS, `read` compares both kinds of endpoints.
        const PLAIN: &str = "http://keycloak:8080/realms/a";
        let issuer = issuer_identifier_allowing_http(PLAIN).unwrap();
        let document =
            |url: &str| format!(r#"{{"issuer":"{PLAIN}","jwks_uri":"{url}","token_endpoint":"{url}"}}"#);
        let named = |url: &str, read: fn(&Metadata<'_>) -> Result<FetchUrl, MetadataError>| {
            read(&Metadata::read(document(url).as_bytes(), &issuer).unwrap())
                .map(|url| url.written().to_owned())
        };
        for url in ["http://keycloak:8080/realms/a/certs", "http://keys:8080/x?y", "https://keys.example/x"] {
            assert_eq!(named(url, |metadata| metadata.document_endpoint("jwks_uri")).as_deref(), Ok(url));
        }
        for url in ["http://127.0.0.1:1/x", "http://x.localhost/x", "http://0.0.0.0/x", "ftp://keys/x", "/x"]
        {
            let invalid = Err(MetadataError::InvalidEndpoint { member: "jwks_uri" });
            assert_eq!(named(url, |metadata| metadata.document_endpoint("jwks_uri")), invalid, "{url}");
        }
        // Secrets are sent to the other endpoints.
        let token = |metadata: &Metadata<'_>| metadata.endpoint("token_endpoint").map(FetchUrl::from);
        assert!(named("https://keycloak/token", token).is_ok());
        let invalid = Err(MetadataError::InvalidEndpoint { member: "token_endpoint" });
        assert_eq!(named("http://keycloak:8080/token", token), invalid);
        let missing = Metadata::read(document("x").as_bytes(), &issuer).unwrap().document_endpoint("keys");
        assert_eq!(missing, Err(MetadataError::NoEndpoint { member: "keys" }));
    }

    #[test]
    fn error_begins_with_the_cause() {
        for (document, text) in [
            ("[]", "the metadata document is not one JSON object"),
            (
                r#"{"issuer":"https://x"}"#,
                "`issuer` is not exactly the configured issuer, found \"https://x\"",
            ),
            ("{}", "`issuer` is missing or not a string"),
            (r#"{"issuer":"https://h/t1"}"#, "`jwks_uri` is missing or not a string"),
            (
                r#"{"issuer":"https://h/t1","jwks_uri":"http://h"}"#,
                "`jwks_uri` is not an allowed URL, expected https without fragment",
            ),
        ] {
            assert_eq!(read(document, REMOTE, "jwks_uri").unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn sign_in_page_is_not_metadata() {
        // F05
        let page = "<!doctype html><title>Sign in</title>";
        assert_eq!(read(page, REMOTE, "jwks_uri"), Err(MetadataError::Json(JsonError::NotJson)));
    }

    #[test]
    fn mtls_alias_replaces_the_endpoint() {
        // E25: RFC 8705 §5
        let with_alias = r#"{"issuer":"https://h/t1","token_endpoint":"https://h/token",
            "mtls_endpoint_aliases":{"token_endpoint":"https://mtls.h/token"}}"#;
        let without = r#"{"issuer":"https://h/t1","token_endpoint":"https://h/token",
            "mtls_endpoint_aliases":{"revocation_endpoint":"https://mtls.h/revoke"}}"#;
        let issuer = issuer_identifier(REMOTE).unwrap();
        let mtls = |document: &str| {
            let metadata = Metadata::read(document.as_bytes(), &issuer)?;
            metadata.mtls_endpoint("token_endpoint").map(|url| url.written().to_owned())
        };
        assert_eq!(mtls(with_alias).as_deref(), Ok("https://mtls.h/token"));
        assert_eq!(read(with_alias, REMOTE, "token_endpoint").as_deref(), Ok("https://h/token"));
        assert_eq!(mtls(without).as_deref(), Ok("https://h/token"));
        let invalid = Err(MetadataError::InvalidEndpoint { member: "token_endpoint" });
        for bad in ["http://mtls.h/token", "https://127.0.0.1/token"] {
            assert_eq!(mtls(&with_alias.replace("https://mtls.h/token", bad)), invalid, "{bad}");
        }
    }
}
