//! Authentication of the client to its issuer (RFC 6749 §2.3).

mod assertion;
pub(crate) mod assertion_source;
mod certificate;
pub(crate) mod digest;
pub(crate) mod form;
pub(crate) mod private_key;
pub(crate) mod secret;
pub(crate) mod signing_algorithm;

use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::client_auth::assertion_source::{AssertionError, AssertionSource};
use crate::client_auth::form::push_encoded;
use crate::client_auth::private_key::PrivateKey;
use crate::client_auth::secret::Secret;
use crate::error::config::ConfigError;
use crate::error::words::SentSecrets;

/// A client id, and the method that authenticates it (RFC 6749 §2.3). The methods have the names of
/// the registry for metadata (RFC 8414 §2).
///
/// | method | prefer it |
/// | --- | --- |
/// | [`private_key_jwt`](Self::private_key_jwt) | if the issuer supports it: an assertion is valid for one minute, and for this issuer only (RFC 9700 §2.5) |
/// | [`client_assertion`](Self::client_assertion) | if the platform of the client issues assertions, so that there is no secret to store (Kubernetes, SPIFFE, CI systems, Entra ID with federated credentials) |
/// | [`tls_client_auth`](Self::tls_client_auth) | if you manage certificates already |
/// | [`client_secret_basic`](Self::client_secret_basic) | otherwise: every issuer supports it (RFC 6749 §2.3.1) |
/// | [`client_secret_post`](Self::client_secret_post) | if the issuer does not decode `Basic` as RFC 6749 §2.3.1 requires |
/// | [`client_secret_basic_raw`](Self::client_secret_basic_raw) | if the issuer does not decode `Basic`, and supports no other method |
///
/// The grant is for confidential clients only (RFC 6749 §4.4), so a client without authentication
/// cannot be created:
///
/// ```compile_fail,E0599
/// // The registry has a method `none`, for public clients.
/// let public = scopegate_client::ClientAuthentication::none("report");
/// ```
#[derive(Clone, Debug)]
pub struct ClientAuthentication {
    id: String,
    method: Method,
}

#[derive(Clone, Debug)]
enum Method {
    Basic(Secret),
    RawBasic(Secret),
    Post(Secret),
    Key(PrivateKey),
    Assertion(AssertionSource),
    Certificate(Secret),
}

/// The parts of a request that authenticate its client.
pub(crate) struct ClientAuthParams {
    /// The `Authorization` header.
    pub(crate) header: Option<HeaderValue>,
    /// Parameters of the body.
    pub(crate) parameters: Vec<(&'static str, Zeroizing<String>)>,
    /// The credentials that must be hidden if the server quotes them.
    pub(crate) secrets: SentSecrets,
}

/// The first characters of every assertion: base64url of the beginning of a JSON object.
const ASSERTION_START: &str = "eyJ";

impl ClientAuthentication {
    /// Authenticates by a secret in the `Authorization` header.
    pub fn client_secret_basic(client_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self { id: client_id.into(), method: Method::Basic(secret.into()) }
    }

    /// Authenticates by a secret in the `Authorization` header that is not form-encoded. Use it for
    /// issuers that read `Basic` as in RFC 7617 §2, and do not decode it (RFC 6749 §2.3.1).
    ///
    /// This differs from [`client_secret_basic`](Self::client_secret_basic) only if the id or the
    /// secret has other characters than letters, digits and `*-._`. The id must not contain a
    /// colon. Both must not contain control characters.
    pub fn client_secret_basic_raw(client_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self { id: client_id.into(), method: Method::RawBasic(secret.into()) }
    }

    /// Authenticates by a secret in the body of the request.
    pub fn client_secret_post(client_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self { id: client_id.into(), method: Method::Post(secret.into()) }
    }

    /// Authenticates by an assertion that is signed with a private key for each request, and valid
    /// for one minute (RFC 7523 §2.2).
    pub fn private_key_jwt(client_id: impl Into<String>, key: PrivateKey) -> Self {
        Self { id: client_id.into(), method: Method::Key(key) }
    }

    /// Authenticates by an assertion that a third party signs (RFC 7521 §4.2). The third party sets
    /// its audience and its lifetime.
    pub fn client_assertion(client_id: impl Into<String>, source: AssertionSource) -> Self {
        Self { id: client_id.into(), method: Method::Assertion(source) }
    }

    /// Authenticates by a certificate in the TLS handshake (RFC 8705 §2): `tls_client_auth` and
    /// `self_signed_tls_client_auth`.
    ///
    /// The PEM contains the private key (PKCS #8) and the certificate with its chain. The token is
    /// not sender-constrained, because this crate does not present the certificate to APIs.
    pub fn tls_client_auth(client_id: impl Into<String>, identity_pem: impl Into<Secret>) -> Self {
        Self { id: client_id.into(), method: Method::Certificate(identity_pem.into()) }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.id.is_empty() {
            return Err(ConfigError::Empty { setting: "client id" });
        }
        match &self.method {
            Method::Basic(secret) | Method::RawBasic(secret) | Method::Post(secret)
                if secret.as_str().is_empty() =>
            {
                Err(ConfigError::Empty { setting: "client secret" })
            }
            // RFC 7617 §2
            Method::RawBasic(_) if self.id.contains(|c: char| c == ':' || c.is_control()) => {
                let expected = "no colon and no control characters";
                Err(ConfigError::InvalidClientId { expected, found: self.id.clone() })
            }
            Method::RawBasic(secret) if secret.as_str().contains(char::is_control) => {
                Err(ConfigError::InvalidClientSecret { expected: "no control characters" })
            }
            Method::Key(key) => key.check(),
            Method::Assertion(source) => source.check(),
            _ => Ok(()),
        }
    }

    /// Returns the certificate and its key, in PEM, for the TLS handshake.
    pub(crate) fn identity(&self) -> Option<&Secret> {
        match &self.method {
            Method::Certificate(identity) => Some(identity),
            _ => None,
        }
    }

    pub(crate) fn needs_audience(&self) -> bool {
        matches!(self.method, Method::Key(_))
    }

    /// Returns the parts for exactly one method (RFC 6749 §2.3).
    pub(crate) async fn params(
        &self,
        audience: &str,
        now: SystemTime,
    ) -> Result<ClientAuthParams, AssertionError> {
        let id = || ("client_id", Zeroizing::new(self.id.clone()));
        Ok(match &self.method {
            Method::Basic(secret) => basic(&pair(&self.id, secret), secret),
            Method::RawBasic(secret) => {
                basic(&Zeroizing::new([&self.id, ":", secret.as_str()].concat()), secret)
            }
            Method::Post(secret) => {
                let parameter = ("client_secret", Zeroizing::new(secret.as_str().to_owned()));
                let secrets = SentSecrets::new([secret.as_str()]);
                ClientAuthParams { header: None, parameters: vec![id(), parameter], secrets }
            }
            Method::Key(key) => {
                let assertion = assertion::sign(&self.id, audience, key, now);
                with_assertion(id(), assertion::TYPE, assertion.ok_or(AssertionError::NoRandomness)?)
            }
            Method::Assertion(source) => with_assertion(id(), source.kind(), source.assertion().await?),
            Method::Certificate(_) => {
                ClientAuthParams { header: None, parameters: vec![id()], secrets: SentSecrets::default() }
            }
        })
    }
}

fn with_assertion(
    id: (&'static str, Zeroizing<String>),
    kind: &str,
    assertion: Zeroizing<String>,
) -> ClientAuthParams {
    let secrets = SentSecrets::new([assertion.as_str(), ASSERTION_START]);
    let kind = Zeroizing::new(kind.to_owned());
    // The id is optional here (RFC 7521 §4.2), and some issuers require it.
    let parameters = vec![id, ("client_assertion_type", kind), ("client_assertion", assertion)];
    ClientAuthParams { header: None, parameters, secrets }
}

fn basic(pair: &Zeroizing<String>, secret: &Secret) -> ClientAuthParams {
    let mut text = Zeroizing::new(String::with_capacity(6 + pair.len().div_ceil(3) * 4));
    text.push_str("Basic ");
    STANDARD.encode_string(pair.as_bytes(), &mut text);
    let secrets = SentSecrets::new([secret.as_str(), text.get(6..).unwrap_or_default()]);
    let header = HeaderValue::try_from(text.as_str()).ok().map(|mut header| {
        header.set_sensitive(true);
        header
    });
    ClientAuthParams { header, parameters: Vec::new(), secrets }
}

/// Joins the id and the secret. Both are form-urlencoded first (RFC 6749 §2.3.1), so a colon in the
/// id stays a part of it.
fn pair(id: &str, secret: &Secret) -> Zeroizing<String> {
    let secret = secret.as_str();
    let mut pair = Zeroizing::new(String::with_capacity(3 * (id.len() + secret.len()) + 1));
    push_encoded(&mut pair, id);
    pair.push(':');
    push_encoded(&mut pair, secret);
    pair
}

impl fmt::Display for ClientAuthentication {
    /// Writes the client id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_id_and_hides_secret() {
        for client in [
            ClientAuthentication::client_secret_basic("report", "s3cret"),
            ClientAuthentication::client_secret_basic_raw("report", "s3cret"),
            ClientAuthentication::client_secret_post("report", "s3cret"),
            ClientAuthentication::tls_client_auth("report", "s3cret"),
        ] {
            let text = format!("{client:?}");
            assert!(text.contains("report") && !text.contains("s3cret"), "{text}");
        }
    }

    #[tokio::test]
    async fn basic_header_encodes_id_and_secret() {
        // E05: RFC 6749 Appendix B
        let client = ClientAuthentication::client_secret_basic("a:b", "%+ é/=");
        let header = client.params("", SystemTime::now()).await.unwrap().header.unwrap();
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"a%3Ab:%25%2B+%C3%A9%2F%3D");
        assert!(header.is_sensitive());
    }

    #[tokio::test]
    async fn raw_basic_header_encodes_nothing() {
        // FR-D7: RFC 7617 §2
        let client = ClientAuthentication::client_secret_basic_raw("a/b", "%+ é/=:");
        let header = client.params("", SystemTime::now()).await.unwrap().header.unwrap();
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), "a/b:%+ é/=:".as_bytes());
        assert!(header.is_sensitive());
    }

    #[test]
    fn raw_basic_rejects_colon_and_control_characters() {
        // FR-D7
        let check =
            |id: &str, secret: &str| ClientAuthentication::client_secret_basic_raw(id, secret).check();
        assert!(check("a/b", "s:é").is_ok());
        assert!(matches!(check("a:b", "s"), Err(ConfigError::InvalidClientId { .. })));
        assert!(matches!(check("a\nb", "s"), Err(ConfigError::InvalidClientId { .. })));
        let error = check("a", "s3\ncret").unwrap_err();
        assert!(matches!(error, ConfigError::InvalidClientSecret { .. }));
        assert!(!format!("{error} {error:?}").contains("s3"));
    }

    #[test]
    fn empty_id_or_secret_is_rejected() {
        // E01
        for client in [
            ClientAuthentication::client_secret_basic("", "s"),
            ClientAuthentication::client_secret_basic("c", ""),
            ClientAuthentication::client_secret_basic_raw("c", ""),
            ClientAuthentication::client_secret_post("c", ""),
            ClientAuthentication::client_assertion("", AssertionSource::file("/f")),
            ClientAuthentication::client_assertion("c", AssertionSource::file("")),
        ] {
            assert!(matches!(client.check(), Err(ConfigError::Empty { .. })));
        }
        assert!(ClientAuthentication::client_secret_post("c", "s").check().is_ok());
    }
}
