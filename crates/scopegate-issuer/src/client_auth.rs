//! Client authentication: reads the credentials of a request (RFC 6749 §2.3.1) and checks them.
//!
//! A client has a secret, or signs assertions. Client certificates and public clients are not
//! supported.

pub(crate) mod assertion;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use self::assertion::Assertion;
use crate::config::client::ClientConfig;
use crate::config::secret::Secret;
use crate::http::form::{self, Form};
use crate::http::oauth_error::OAuthError;
use crate::pool::state::PoolState;

/// The unverified credentials of a client.
///
/// `Debug` shows neither id nor secret, because a client that confuses them sends its secret as its
/// id.
pub(crate) struct Credentials {
    id: String,
    method: AuthMethod,
}

/// The authentication method of a client, with the value that it sent.
enum AuthMethod {
    Basic(String),
    Body(String),
    Assertion(Assertion),
}

impl Credentials {
    /// Reads credentials from the `Authorization` header or from the body. Rejects requests with
    /// both. The query is never read.
    pub(crate) fn read(headers: &HeaderMap, form: &Form) -> Result<Self, OAuthError> {
        let mut authorization = headers.get_all(AUTHORIZATION).iter();
        match (authorization.next(), authorization.next()) {
            (None, _) => Self::from_body(form),
            (Some(_), Some(_)) => Err(OAuthError::RepeatedAuthorization),
            (Some(header), None) => {
                let credentials = Self::from_basic(header)?;
                // A client id in the body is not a second authentication method (RFC 6749 §3.2.1), but
                // it must be the same id.
                let another_id = form.get("client_id").is_some_and(|id| id != credentials.id);
                let in_body = ["client_secret", "client_assertion", "client_assertion_type"];
                if another_id || in_body.iter().any(|name| form.get(name).is_some()) {
                    return Err(OAuthError::TwoMethods);
                }
                Ok(credentials)
            }
        }
    }

    fn from_body(form: &Form) -> Result<Self, OAuthError> {
        if form.get("client_assertion").or(form.get("client_assertion_type")).is_some() {
            return Self::from_assertion(form);
        }
        match (form.get("client_id"), form.get("client_secret")) {
            (Some(id), Some(secret)) => {
                Ok(Self { id: id.to_owned(), method: AuthMethod::Body(secret.to_owned()) })
            }
            (None, None) => Err(OAuthError::NoCredentials),
            _ => Err(OAuthError::IncompleteBodyCredentials),
        }
    }

    /// Reads a client assertion (RFC 7523 §2.2). The client id in the body is optional, and must be
    /// the same id (RFC 7521 §4.2).
    fn from_assertion(form: &Form) -> Result<Self, OAuthError> {
        if form.get("client_secret").is_some() {
            return Err(OAuthError::TwoMethods);
        }
        let typed = form.get("client_assertion_type") == Some(assertion::TYPE);
        let assertion = form.get("client_assertion").filter(|_| typed).and_then(Assertion::parse);
        let assertion = assertion.ok_or(OAuthError::MalformedAssertion)?;
        let id = assertion.subject().ok_or(OAuthError::MalformedAssertion)?.to_owned();
        if form.get("client_id").is_some_and(|named| named != id) {
            return Err(OAuthError::WrongAssertion);
        }
        Ok(Self { id, method: AuthMethod::Assertion(assertion) })
    }

    fn from_basic(header: &HeaderValue) -> Result<Self, OAuthError> {
        let (scheme, encoded) = split_at_space(header.as_bytes());
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return Err(OAuthError::UnsupportedScheme);
        }
        let decoded = STANDARD.decode(encoded.trim_ascii()).map_err(|_| OAuthError::MalformedBasic)?;
        // Id and secret are form-urlencoded before they are joined, so the first colon separates them.
        let colon = decoded.iter().position(|&byte| byte == b':').ok_or(OAuthError::MalformedBasic)?;
        let (id, secret) = decoded.split_at(colon);
        let id = form::decode(id).ok_or(OAuthError::MalformedBasic)?;
        let secret = form::decode(secret.get(1..).unwrap_or_default()).ok_or(OAuthError::MalformedBasic)?;
        Ok(Self { id, method: AuthMethod::Basic(secret) })
    }

    /// Returns the pool that has a client of this id.
    pub(crate) fn pool<'a>(&self, pools: &'a [Arc<PoolState>]) -> Option<&'a Arc<PoolState>> {
        pools.iter().find(|pool| pool.client(&self.id).is_some())
    }

    /// Returns the client, if the pool has it and its credentials are valid.
    pub(crate) fn check<'a>(&self, pool: Option<&'a Arc<PoolState>>) -> Result<Client<'a>, OAuthError> {
        let client = pool.and_then(|pool| Some(Client { pool, settings: pool.client(&self.id)? }));
        let (given, error) = match &self.method {
            AuthMethod::Basic(secret) => (secret, OAuthError::WrongBasicCredentials),
            AuthMethod::Body(secret) => (secret, OAuthError::WrongBodyCredentials),
            AuthMethod::Assertion(assertion) => {
                let signer = client.filter(|client| client.has_signed(assertion));
                return signer.ok_or(OAuthError::WrongAssertion);
            }
        };
        // A client with a key has no secret, so an empty secret must not authenticate it.
        let client = client.filter(|client| client.settings.key.is_none());
        // For an unknown client, a decoy is compared, so that the response time does not reveal which
        // ids exist.
        let decoy = Secret::new("there is no such client".to_owned());
        let right = client.map_or(&decoy, |client| &client.settings.secret).matches(given);
        client.filter(|_| right).ok_or(error)
    }
}

/// An authenticated client. Only [`Credentials::check`] creates it.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) pool: &'a Arc<PoolState>,
    pub(crate) settings: &'a ClientConfig,
}

impl Client<'_> {
    fn has_signed(&self, assertion: &Assertion) -> bool {
        let (pool, endpoint) = (self.pool, self.pool.token_endpoint());
        let audiences = [pool.issuer(), &endpoint];
        self.settings.key.as_ref().is_some_and(|key| {
            assertion.is_valid(&self.settings.id, key, &audiences, pool.now(), pool.replay_cache())
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

fn split_at_space(header: &[u8]) -> (&[u8], &[u8]) {
    let space = header.iter().position(|&byte| byte == b' ').unwrap_or(header.len());
    header.split_at(space)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::PoolConfig;
    use crate::config::secret::tests::COMPARISONS;

    fn pool() -> Arc<PoolState> {
        let client = ClientConfig::new("known", "s3cret", ["r/s"]);
        let config = PoolConfig::new("eu_1").resource_server("r", ["s"]).client(client);
        Arc::new(PoolState::new(config, "http://localhost", Arc::new(Clock::system())))
    }

    fn credentials(id: &str, secret: &str) -> Credentials {
        Credentials { id: id.to_owned(), method: AuthMethod::Body(secret.to_owned()) }
    }

    /// Returns whether the client is accepted, and the number of secrets that were compared.
    fn check(id: &str, secret: &str, pool: Option<&Arc<PoolState>>) -> (bool, u32) {
        COMPARISONS.set(0);
        let accepted = credentials(id, secret).check(pool).is_ok();
        (accepted, COMPARISONS.get())
    }

    #[test]
    fn client_check_compares_exactly_one_secret() {
        let pool = pool();
        assert_eq!(check("known", "s3cret", Some(&pool)), (true, 1));
        assert_eq!(check("known", "wrong", Some(&pool)), (false, 1));
        assert_eq!(check("unknown", "s3cret", Some(&pool)), (false, 1));
        assert_eq!(check("unknown", "s3cret", None), (false, 1));
    }

    #[test]
    fn decoy_secret_authenticates_no_client() {
        assert_eq!(check("unknown", "there is no such client", Some(&pool())), (false, 1));
    }

    #[test]
    fn credentials_debug_shows_neither_id_nor_secret() {
        assert_eq!(format!("{:?}", credentials("known", "s3cret")), "Credentials { .. }");
    }
}
