//! How does the client authenticate to its issuer (RFC 6749 §2.3)?

mod assertion;
pub(crate) mod form;
pub(crate) mod private_key;
pub(crate) mod secret;

use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::client_auth::form::push_encoded;
use crate::client_auth::private_key::PrivateKey;
use crate::client_auth::secret::Secret;
use crate::error::config::ConfigError;

/// A client id, and the one method that authenticates it (RFC 6749 §2.3). The names are those of
/// the registry that metadata uses (RFC 8414 §2).
///
/// | method | prefer it |
/// | --- | --- |
/// | [`private_key_jwt`](Self::private_key_jwt) | if the issuer supports it: an assertion is valid for one minute, and for this issuer only (RFC 9700 §2.5) |
/// | [`tls_client_auth`](Self::tls_client_auth) | if you manage certificates already |
/// | [`client_secret_basic`](Self::client_secret_basic) | otherwise; every issuer supports it (RFC 6749 §2.3.1) |
/// | [`client_secret_post`](Self::client_secret_post) | if the issuer does not decode `Basic` as RFC 6749 §2.3.1 requires |
///
/// The grant is for confidential clients only (RFC 6749 §4.4), so a client without authentication
/// cannot be created:
///
/// ```compile_fail
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
    Post(Secret),
    Key(PrivateKey),
    Certificate(Secret),
}

/// The parts of a request that authenticate its client.
pub(crate) struct ClientAuthParams {
    /// The `Authorization` header.
    pub(crate) header: Option<HeaderValue>,
    /// Parameters of the body.
    pub(crate) parameters: Vec<(&'static str, Zeroizing<String>)>,
}

impl ClientAuthentication {
    /// Authenticates by a secret in the `Authorization` header.
    pub fn client_secret_basic(client_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self { id: client_id.into(), method: Method::Basic(secret.into()) }
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

    /// Authenticates by a certificate in the TLS handshake (RFC 8705 §2): `tls_client_auth` and
    /// `self_signed_tls_client_auth`.
    ///
    /// The PEM contains the private key (PKCS #8) and the certificate with its chain. The token is
    /// not bound to it: this crate does not present the certificate to APIs.
    pub fn tls_client_auth(client_id: impl Into<String>, identity_pem: impl Into<Secret>) -> Self {
        Self { id: client_id.into(), method: Method::Certificate(identity_pem.into()) }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.id.is_empty() {
            return Err(ConfigError::Empty { setting: "client id" });
        }
        match &self.method {
            Method::Basic(secret) | Method::Post(secret) if secret.as_str().is_empty() => {
                Err(ConfigError::Empty { setting: "client secret" })
            }
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

    /// Returns the parts for exactly one method (RFC 6749 §2.3); `None` if the system has no
    /// randomness.
    pub(crate) fn params(&self, audience: &str, now: SystemTime) -> Option<ClientAuthParams> {
        let id = || ("client_id", Zeroizing::new(self.id.clone()));
        Some(match &self.method {
            Method::Basic(secret) => {
                ClientAuthParams { header: basic(&self.id, secret), parameters: Vec::new() }
            }
            Method::Post(secret) => {
                let secret = ("client_secret", Zeroizing::new(secret.as_str().to_owned()));
                ClientAuthParams { header: None, parameters: vec![id(), secret] }
            }
            Method::Key(key) => {
                let assertion = assertion::sign(&self.id, audience, key, now)?;
                let kind = Zeroizing::new(assertion::TYPE.to_owned());
                // The id is optional here (RFC 7521 §4.2); some issuers ask for it.
                let parameters = vec![id(), ("client_assertion_type", kind), ("client_assertion", assertion)];
                ClientAuthParams { header: None, parameters }
            }
            Method::Certificate(_) => ClientAuthParams { header: None, parameters: vec![id()] },
        })
    }

    /// Returns whether a string of a server contains the secret or an assertion, because a server
    /// may quote a request.
    pub(crate) fn leaks_into(&self, text: &str) -> bool {
        match &self.method {
            Method::Basic(secret) => {
                // As in the header, and as sent without form-encoding.
                let pairs =
                    [pair(&self.id, secret), Zeroizing::new([&self.id, ":", secret.as_str()].concat())];
                contains_encoded(text, secret)
                    || pairs.iter().any(|pair| text.contains(base64(pair).as_str()))
            }
            Method::Post(secret) => contains_encoded(text, secret),
            // Every JSON object begins like this in base64url, and so every assertion.
            Method::Key(_) => text.contains("eyJ"),
            Method::Certificate(_) => false,
        }
    }
}

/// RFC 6749 §2.3.1: both are form-urlencoded before they are joined, so a colon in the id stays a
/// part of it.
fn basic(id: &str, secret: &Secret) -> Option<HeaderValue> {
    let pair = pair(id, secret);
    let mut text = Zeroizing::new(String::with_capacity(6 + pair.len().div_ceil(3) * 4));
    text.push_str("Basic ");
    STANDARD.encode_string(pair.as_bytes(), &mut text);
    let mut header = HeaderValue::try_from(text.as_str()).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn pair(id: &str, secret: &Secret) -> Zeroizing<String> {
    let secret = secret.as_str();
    let mut pair = Zeroizing::new(String::with_capacity(3 * (id.len() + secret.len()) + 1));
    push_encoded(&mut pair, id);
    pair.push(':');
    push_encoded(&mut pair, secret);
    pair
}

/// Encodes without padding, so that the result is found before any continuation.
fn base64(text: &str) -> Zeroizing<String> {
    Zeroizing::new(STANDARD_NO_PAD.encode(text))
}

/// Returns whether a string contains the secret verbatim, percent-encoded in any way, or escaped by
/// backslashes.
fn contains_encoded(text: &str, secret: &Secret) -> bool {
    let secret = secret.as_str();
    let holds = |text: &[u8], part: &[u8]| text.windows(part.len().max(1)).any(|window| window == part);
    let bare = Zeroizing::new(secret.replace('\\', ""));
    text.contains(secret)
        || [b'+', b' '].iter().any(|&plus| {
            let decoded = percent_decoded(text, plus);
            let unescaped: Vec<u8> = decoded.iter().copied().filter(|&byte| byte != b'\\').collect();
            holds(&decoded, secret.as_bytes()) || holds(&Zeroizing::new(unescaped), bare.as_bytes())
        })
}

/// Decodes percent-encoding; everything that is not an escape is copied.
fn percent_decoded(text: &str, plus: u8) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *byte == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        let stands_for =
            escaped.map_or(if *byte == b'+' { plus } else { *byte }, |(high, low)| high << 4 | low);
        out.push(stands_for);
        rest = tail.get(if escaped.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16)?.try_into().ok()
}

impl fmt::Display for ClientAuthentication {
    /// The client id.
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
            ClientAuthentication::client_secret_post("report", "s3cret"),
            ClientAuthentication::tls_client_auth("report", "s3cret"),
        ] {
            let text = format!("{client:?}");
            assert!(text.contains("report") && !text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn basic_header_encodes_id_and_secret() {
        // E05: RFC 6749 Appendix B
        let params = ClientAuthentication::client_secret_basic("a:b", "%+ é/=").params("", SystemTime::now());
        let header = params.unwrap().header.unwrap();
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"a%3Ab:%25%2B+%C3%A9%2F%3D");
        assert!(header.is_sensitive());
    }

    #[test]
    fn empty_id_or_secret_is_rejected() {
        // E01
        for client in [
            ClientAuthentication::client_secret_basic("", "s"),
            ClientAuthentication::client_secret_basic("c", ""),
            ClientAuthentication::client_secret_post("c", ""),
        ] {
            assert!(matches!(client.check(), Err(ConfigError::Empty { .. })));
        }
        assert!(ClientAuthentication::client_secret_post("c", "s").check().is_ok());
    }
}
