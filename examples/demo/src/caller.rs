//! Clients of the issuer, and their tokens. `scopegate_client` fetches the tokens.
//!
//! Tokens are printed in part only, and secrets never.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_client::{
    AccessToken, ClientAuthentication, ClientCredentials, ClientCredentialsBuilder, DpopKey,
};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// A client of the issuer: an id and its secret.
#[derive(Clone, Copy)]
pub(crate) struct Credentials {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
}

/// The secrets are public: they are built into the local issuer, which listens on a loopback
/// address.
pub(crate) const READER: Credentials = Credentials { id: "local-reader", secret: "local-reader-secret" };
pub(crate) const WRITER: Credentials = Credentials { id: "local-writer", secret: "local-writer-secret" };
pub(crate) const OTHER: Credentials = Credentials { id: "local-other", secret: "local-other-secret" };

impl Credentials {
    /// Returns credentials for this token endpoint and these scopes. Without scopes, the issuer
    /// grants all scopes of the client.
    ///
    /// # Errors
    /// Returns an error if the endpoint is not a secure URL.
    pub(crate) fn at(self, endpoint: &str, scopes: &[&str]) -> Result<ClientCredentials, Failure> {
        let builder = self.builder(endpoint).scopes(scopes.iter().copied());
        builder.build().map_err(|error| Failure::setting(&error))
    }

    /// Fetches a token that is bound to a new key of the client (DPoP).
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub(crate) async fn bound_token(self, endpoint: &str) -> Result<AccessToken, Failure> {
        let credentials = self.builder(endpoint).dpop(DpopKey::per_token()).build();
        let credentials = credentials.map_err(|error| Failure::setting(&error))?;
        credentials.token().await.map_err(|error| Failure::runtime(&error))
    }

    fn builder(self, endpoint: &str) -> ClientCredentialsBuilder {
        let client = ClientAuthentication::client_secret_basic(self.id, self.secret);
        ClientCredentials::builder(client).token_endpoint(endpoint)
    }

    /// Fetches a token with all scopes of the client.
    ///
    /// # Errors
    /// Returns an error if the issuer does not grant a token.
    pub(crate) async fn token(self, endpoint: &str) -> Result<AccessToken, Failure> {
        self.at(endpoint, &[])?.token().await.map_err(|error| Failure::runtime(&error))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An access token, valid or not.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// Returns the complete token. Use it for requests only.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the claims without verification. Callers need no claims, and APIs verify them first.
    pub(crate) fn unverified_claims(&self) -> Map<String, Value> {
        let payload = self.0.split('.').nth(1).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
        serde_json::from_slice(&payload).unwrap_or_default()
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&AccessToken> for Token {
    fn from(token: &AccessToken) -> Self {
        Self(token.secret().to_owned())
    }
}

/// Writes only the first characters, which are the same in every token of an issuer.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.10}…", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_and_display_hide_token_and_secret() {
        let token = Token::from("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl".to_owned());
        assert_eq!(token.to_string(), "eyJhbGciOi…");
        assert_eq!(format!("{token:?}"), "Token(eyJhbGciOi…)");
        assert_eq!(format!("{READER:?}"), r#"Credentials { id: "local-reader", .. }"#);
    }

    #[test]
    fn unverified_claims_are_second_part_of_token() {
        let token = Token::from("e30.eyJzdWIiOiJhIn0.e30".to_owned());
        assert_eq!(Value::Object(token.unverified_claims()), serde_json::json!({ "sub": "a" }));
        assert!(Token::from("not a token".to_owned()).unverified_claims().is_empty());
    }
}
