//! Entry points of the fuzz targets to the parsers of untrusted input. They exist only with the cfg
//! `fuzzing`, which fuzzers set, and are no part of the API.

use http::{HeaderMap, HeaderValue};
use scopegate_proto::url::issuer_identifier;
use tokio::time::Instant;

use crate::add_token::challenge;
use crate::endpoint::discovery;
use crate::endpoint::error_response;
use crate::endpoint::response::{self, GrantedScopes, TokenTypes};
use crate::token::{AccessToken, Scheme, TokenScopes};
use scopegate_proto::sent_secrets::SentSecrets;

/// Parses a token response. Returns the token, the lifetime in seconds and the scopes, for
/// comparisons.
pub fn token_response(body: &[u8]) -> Option<(String, Option<u64>, Option<String>)> {
    let read = response::token(body, &TokenTypes::Bearer, &mut SentSecrets::default()).ok()?;
    let scopes = match read.scopes {
        GrantedScopes::Stated(scopes) => Some(scopes.to_string()),
        GrantedScopes::AsRequested | GrantedScopes::Unknown => None,
    };
    Some((read.token.to_string(), read.lifetime.map(|lifetime| lifetime.as_secs()), scopes))
}

/// Returns the header of a bearer token, or `None` if the string is no bearer token.
pub fn header_of(token: &str) -> Option<HeaderValue> {
    let now = Instant::now();
    let token = AccessToken::new(token, TokenScopes::default(), now, None)?;
    Some(token.header_value())
}

/// Parses an error response. Returns the strings that would be logged.
pub fn error_response(body: &[u8]) -> (Option<String>, Option<String>) {
    let read = error_response::error_response(body, &SentSecrets::default());
    (read.code.map(|code| code.to_string()), read.description.map(|text| text.to_string()))
}

/// Parses challenges. Returns the error as a string.
pub fn challenge(headers: &HeaderMap) -> Option<String> {
    challenge::token_error(headers, Scheme::Bearer).map(|error| format!("{error:?}"))
}

/// Parses the metadata of an issuer. Returns the URL of its token endpoint.
pub fn metadata(document: &[u8], issuer: &str) -> Option<String> {
    let issuer = issuer_identifier(issuer).ok()?;
    let endpoint = discovery::token_endpoint(document, &issuer, false).ok()?;
    Some(endpoint.url().to_string())
}
