//! The other side: a client that gets an access token as RFC 6749 §4.4 says. A token is never printed whole, nor a
//! secret at all.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A client of the issuer: an id and its secret.
#[derive(Clone, Copy)]
pub(crate) struct Credentials {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
}

/// Known to everybody: they are built into the local issuer, which listens on a loopback address only.
pub(crate) const READER: Credentials = Credentials { id: "local-reader", secret: "local-reader-secret" };
pub(crate) const WRITER: Credentials = Credentials { id: "local-writer", secret: "local-writer-secret" };
pub(crate) const OTHER: Credentials = Credentials { id: "local-other", secret: "local-other-secret" };

/// What the token endpoint answers (RFC 6749 §5.1).
#[derive(Debug, Deserialize)]
pub(crate) struct TokenResponse {
    pub(crate) access_token: Token,
    pub(crate) token_type: String,
    pub(crate) expires_in: u64,
}

impl Credentials {
    /// Asks for a token, with Basic authentication (RFC 6749 §2.3.1).
    pub(crate) async fn request_token(self, http: &Client, endpoint: &str) -> reqwest::Result<Response> {
        let form = [("grant_type", "client_credentials")];
        let request = http.post(endpoint).basic_auth(self.id, Some(self.secret)).form(&form);
        request.send().await?.error_for_status()
    }

    /// Asks for a token and takes it out of the answer.
    pub(crate) async fn token(self, http: &Client, endpoint: &str) -> reqwest::Result<Token> {
        let response: TokenResponse = self.request_token(http, endpoint).await?.json().await?;
        Ok(response.access_token)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An access token, good or not.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Token(String);

impl Token {
    /// The whole token: for a request, not for people.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What is written in the token. A caller does not need to look, and whoever has to trust it verifies it first.
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

/// The first characters, which are those of every token of an issuer.
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
    fn neither_a_token_nor_a_secret_is_shown() {
        let token = Token::from("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl".to_owned());
        assert_eq!(token.to_string(), "eyJhbGciOi…");
        assert_eq!(format!("{token:?}"), "Token(eyJhbGciOi…)");
        assert_eq!(format!("{READER:?}"), r#"Credentials { id: "local-reader", .. }"#);
    }

    #[test]
    fn the_claims_of_a_token_are_its_second_part() {
        let token = Token::from("e30.eyJzdWIiOiJhIn0.e30".to_owned());
        assert_eq!(Value::Object(token.unverified_claims()), serde_json::json!({ "sub": "a" }));
        assert!(Token::from("not a token".to_owned()).unverified_claims().is_empty());
    }
}
