//! Doors for the fuzz targets to what reads the bytes that a server has chosen. They are there with
//! the cfg `fuzzing` alone, which fuzzers set, and are no part of the API.

use http::{HeaderMap, HeaderValue};
use scopegate_proto::url::issuer_identifier;
use tokio::time::Instant;

use crate::add_token::challenge;
use crate::endpoint::discovery;
use crate::endpoint::error_response;
use crate::endpoint::response::{self, GrantedScopes};
use crate::error::words::SentSecrets;
use crate::token::{AccessToken, TokenScopes};

/// Reads a token response. What was read, as text for comparisons: token, lifetime in seconds,
/// scopes.
pub fn token_response(body: &[u8]) -> Option<(String, Option<u64>, Option<String>)> {
    let read = response::token(body, &mut SentSecrets::default()).ok()?;
    let scopes = match read.scopes {
        GrantedScopes::Stated(scopes) => Some(scopes.to_string()),
        GrantedScopes::AsRequested | GrantedScopes::Unknown => None,
    };
    Some((read.token.to_string(), read.lifetime.map(|lifetime| lifetime.as_secs()), scopes))
}

/// Whether a text can be sent as a bearer token, by what would be sent.
pub fn header_of(token: &str) -> Option<HeaderValue> {
    let now = Instant::now();
    let token = AccessToken::new(token, TokenScopes::default(), now)?;
    Some(token.header_value())
}

/// Reads an error response: its strings as they would be logged.
pub fn error_response(body: &[u8]) -> (Option<String>, Option<String>) {
    let read = error_response::error_response(body, &SentSecrets::default());
    (read.code.map(|code| code.to_string()), read.description.map(|text| text.to_string()))
}

/// Reads challenges: the error that was found, as text.
pub fn challenge(headers: &HeaderMap) -> Option<String> {
    challenge::bearer_error(headers).map(|error| format!("{error:?}"))
}

/// Reads the metadata of an issuer: the URL of its token endpoint.
pub fn metadata(document: &[u8], issuer: &str) -> Option<String> {
    let issuer = issuer_identifier(issuer).ok()?;
    let endpoint = discovery::token_endpoint(document, &issuer, false).ok()?;
    Some(endpoint.url().to_string())
}
