//! Authentication of a client to an issuer's endpoints (RFC 6749 §2.3).
//!
//! [`ClientAuthentication`] is the configuration, and [`Authenticator`] authenticates requests by it.

mod assertion;
mod assertion_source;
mod authenticator;
mod certificate;
mod digest;
mod error;
mod form;
mod private_key;
mod secret;
mod signing_algorithm;

use std::fmt;

pub use assertion_source::{AssertionError, AssertionSource};
pub use authenticator::{Authenticator, ClientAuthParams};
pub use digest::sha256;
pub use error::ClientAuthError;
pub use form::form;
pub use private_key::{PrivateKey, random_bytes};
pub use secret::Secret;
pub use signing_algorithm::SigningAlgorithm;

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
/// let public = scopegate_proto::client_auth::ClientAuthentication::none("report");
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

    pub(crate) fn check(&self) -> Result<(), ClientAuthError> {
        if self.id.is_empty() {
            return Err(ClientAuthError::Empty { setting: "client id" });
        }
        match &self.method {
            Method::Basic(secret) | Method::RawBasic(secret) | Method::Post(secret)
                if secret.as_str().is_empty() =>
            {
                Err(ClientAuthError::Empty { setting: "client secret" })
            }
            // RFC 7617 §2
            Method::RawBasic(_) if self.id.contains(|c: char| c == ':' || c.is_control()) => {
                let expected = "no colon and no control characters";
                Err(ClientAuthError::InvalidClientId { expected, found: self.id.clone() })
            }
            Method::RawBasic(secret) if secret.as_str().contains(char::is_control) => {
                Err(ClientAuthError::InvalidClientSecret { expected: "no control characters" })
            }
            Method::Key(key) => key.check(),
            Method::Assertion(source) => source.check(),
            _ => Ok(()),
        }
    }
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

    #[test]
    fn raw_basic_rejects_colon_and_control_characters() {
        // FR-D7
        let check =
            |id: &str, secret: &str| ClientAuthentication::client_secret_basic_raw(id, secret).check();
        assert!(check("a/b", "s:é").is_ok());
        assert!(matches!(check("a:b", "s"), Err(ClientAuthError::InvalidClientId { .. })));
        assert!(matches!(check("a\nb", "s"), Err(ClientAuthError::InvalidClientId { .. })));
        let error = check("a", "s3\ncret").unwrap_err();
        assert!(matches!(error, ClientAuthError::InvalidClientSecret { .. }));
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
            assert!(matches!(client.check(), Err(ClientAuthError::Empty { .. })));
        }
        assert!(ClientAuthentication::client_secret_post("c", "s").check().is_ok());
    }
}
