//! The authentication of requests by a checked configuration.

use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::client_auth::assertion;
use crate::client_auth::assertion_source::AssertionError;
use crate::client_auth::error::ClientAuthError;
use crate::client_auth::form::push_encoded;
use crate::client_auth::secret::Secret;
use crate::client_auth::{ClientAuthentication, Method};
use crate::http::TransportSettings;
use crate::sent_secrets::SentSecrets;

/// A [`ClientAuthentication`] that was checked, and that authenticates requests.
///
/// ```
/// use std::time::SystemTime;
///
/// use scopegate_proto::client_auth::{Authenticator, ClientAuthentication};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = ClientAuthentication::client_secret_post("report", "s3cret");
/// let params = Authenticator::new(client)?.params("https://issuer.example", SystemTime::now()).await?;
/// assert!(params.header.is_none());
/// assert_eq!(params.parameters[0].0, "client_id");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Authenticator(ClientAuthentication);

/// The parts of a request that authenticate its client.
pub struct ClientAuthParams {
    /// The `Authorization` header, marked as sensitive.
    pub header: Option<HeaderValue>,
    /// Parameters of the body.
    pub parameters: Vec<(&'static str, Zeroizing<String>)>,
    /// The credentials that must be hidden if the server quotes them.
    pub secrets: SentSecrets,
}

/// The first characters of every assertion: base64url of the beginning of a JSON object.
const ASSERTION_START: &str = "eyJ";

impl Authenticator {
    /// Checks a client authentication. Certificates are checked by
    /// [`TransportSettings::check`].
    ///
    /// # Errors
    /// Returns a [`ClientAuthError`] if the client id or the secret is empty, or if this method
    /// cannot send it. Also returns one if a key, its algorithm or an assertion source is invalid.
    pub fn new(client: ClientAuthentication) -> Result<Self, ClientAuthError> {
        client.check()?;
        Ok(Self(client))
    }

    /// Adds the certificate of the client to the settings, if it authenticates by one.
    #[must_use]
    pub fn transport(&self, settings: TransportSettings) -> TransportSettings {
        match &self.0.method {
            Method::Certificate(identity) => settings.identity(identity.as_str()),
            _ => settings,
        }
    }

    /// Returns the client id.
    pub fn client_id(&self) -> &str {
        &self.0.id
    }

    /// Returns whether the client authenticates by a certificate in the TLS handshake.
    pub fn has_certificate(&self) -> bool {
        matches!(self.0.method, Method::Certificate(_))
    }

    /// Returns whether the client signs assertions, which need an audience.
    pub fn needs_audience(&self) -> bool {
        matches!(self.0.method, Method::Key(_))
    }

    /// Returns the parts for exactly one method (RFC 6749 §2.3). `audience` and `now` are for a
    /// signed assertion.
    ///
    /// # Errors
    /// Returns an [`AssertionError`] if there is no assertion.
    ///
    /// # Panics
    /// Panics outside of a Tokio runtime, and on a runtime without timers, if a third party signs
    /// the assertion.
    pub async fn params(&self, audience: &str, now: SystemTime) -> Result<ClientAuthParams, AssertionError> {
        let ClientAuthentication { id, method } = &self.0;
        let client_id = || ("client_id", Zeroizing::new(id.clone()));
        Ok(match method {
            Method::Basic(secret) => basic(&pair(id, secret), secret),
            Method::RawBasic(secret) => basic(&Zeroizing::new([id, ":", secret.as_str()].concat()), secret),
            Method::Post(secret) => {
                let parameter = ("client_secret", Zeroizing::new(secret.as_str().to_owned()));
                let secrets = SentSecrets::new([secret.as_str()]);
                ClientAuthParams { header: None, parameters: vec![client_id(), parameter], secrets }
            }
            Method::Key(key) => {
                let assertion = assertion::sign(id, audience, key, now);
                with_assertion(client_id(), assertion::TYPE, assertion.ok_or(AssertionError::NoRandomness)?)
            }
            Method::Assertion(source) => {
                with_assertion(client_id(), source.kind(), source.assertion().await?)
            }
            Method::Certificate(_) => ClientAuthParams {
                header: None,
                parameters: vec![client_id()],
                secrets: SentSecrets::default(),
            },
        })
    }
}

impl fmt::Debug for ClientAuthParams {
    /// Shows the names of the parameters only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| name).collect();
        f.debug_struct("ClientAuthParams").field("parameters", &names).finish_non_exhaustive()
    }
}

impl fmt::Display for Authenticator {
    /// Writes the client id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn basic_header_encodes_id_and_secret() {
        // E05: RFC 6749 Appendix B
        let client = ClientAuthentication::client_secret_basic("a:b", "%+ é/=");
        let header =
            Authenticator::new(client).unwrap().params("", SystemTime::now()).await.unwrap().header.unwrap();
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"a%3Ab:%25%2B+%C3%A9%2F%3D");
        assert!(header.is_sensitive());
    }

    #[tokio::test]
    async fn raw_basic_header_encodes_nothing() {
        // FR-D7: RFC 7617 §2
        let client = ClientAuthentication::client_secret_basic_raw("a/b", "%+ é/=:");
        let header =
            Authenticator::new(client).unwrap().params("", SystemTime::now()).await.unwrap().header.unwrap();
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), "a/b:%+ é/=:".as_bytes());
        assert!(header.is_sensitive());
    }

    #[tokio::test]
    async fn debug_of_params_hides_secret() {
        for client in [
            ClientAuthentication::client_secret_basic("report", "s3cret"),
            ClientAuthentication::client_secret_post("report", "s3cret"),
        ] {
            let client = Authenticator::new(client).unwrap();
            let text = format!("{client:?} {:?}", client.params("", SystemTime::now()).await.unwrap());
            let secret = STANDARD.encode("report:s3cret");
            assert!(!text.contains("s3cret") && !text.contains(&secret), "{text}");
        }
    }
}
