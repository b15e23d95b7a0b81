//! Reads the body of a response: a token (RFC 6749 §5.1), or an error (§5.2).

use std::fmt;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonError, JsonObject, string};
use scopegate_proto::scope::Scopes;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::error::excerpt;

/// A token and its parameters.
pub(crate) struct TokenResponse {
    pub(crate) token: Zeroizing<String>,
    /// `None` if the issuer does not state it.
    pub(crate) lifetime: Option<Duration>,
    /// `None` if the issuer does not state them, which means that it granted the requested scopes.
    pub(crate) scopes: Option<Scopes>,
}

/// Caps `expires_in`, so that a client that was removed at the issuer loses its token within a day.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Reads a successful response. Ignores unknown members, and a refresh token, which this grant
/// should not return (RFC 6749 §4.4.3) and which is never used. `redact` returns whether a string
/// must not be shown.
pub(crate) fn token(body: &[u8], redact: impl Fn(&str) -> bool) -> Result<TokenResponse, TokenResponseError> {
    let object = JsonObject::from_slice(body).map_err(TokenResponseError::Json)?;
    let kind = object.get("token_type").and_then(string).ok_or(TokenResponseError::NoTokenType)?;
    // RFC 6749 §7.1: a token of a type that is not understood must not be used.
    let token = object.get("access_token").and_then(string).map(|token| Zeroizing::new(token.into_owned()));
    if !kind.eq_ignore_ascii_case("bearer") {
        let quotes = redact(&kind) || token.is_some_and(|token| kind.contains(token.as_str()));
        return Err(TokenResponseError::OtherTokenType((!quotes).then(|| excerpt(&kind))));
    }
    let lifetime = object.get("expires_in").filter(is_there).map(lifetime).transpose()?;
    let scopes = match object.get("scope").filter(is_there) {
        None => None,
        Some(value) => {
            Some(string(value).and_then(|text| text.parse().ok()).ok_or(TokenResponseError::MalformedScope)?)
        }
    };
    let token = token.filter(|token| !token.is_empty()).ok_or(TokenResponseError::NoAccessToken)?;
    Ok(TokenResponse { token, lifetime, scopes })
}

/// Some issuers write `null` for absent members.
fn is_there(value: &&RawValue) -> bool {
    value.get() != "null"
}

/// Reads seconds: a number, or a number in a string, as some issuers write it. Must be at least 1.
fn lifetime(value: &RawValue) -> Result<Duration, TokenResponseError> {
    let number = string(value).map_or_else(|| value.get().to_owned(), std::borrow::Cow::into_owned);
    let number_is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let seconds: f64 =
        number.parse().ok().filter(|_| number_is_plain).ok_or(TokenResponseError::MalformedLifetime)?;
    if seconds < 1.0 {
        return Err(TokenResponseError::MalformedLifetime);
    }
    // Larger numbers than fit become infinite, and the minimum finite again.
    Ok(Duration::from_secs_f64(seconds.floor().min(MAX_LIFETIME.as_secs_f64())))
}

/// Why a response is not a token response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenResponseError {
    Json(JsonError),
    NoTokenType,
    /// `None` if the type must not be shown.
    OtherTokenType(Option<Excerpt>),
    NoAccessToken,
    NotABearerToken,
    /// The token expired before the response arrived.
    Ended,
    MalformedLifetime,
    MalformedScope,
}

impl fmt::Display for TokenResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(found) => {
                write!(f, "expected a token response, found a document that is {found}")
            }
            Self::NoTokenType => f.write_str("expected `token_type`, found none"),
            Self::OtherTokenType(Some(found)) => {
                write!(f, "expected `token_type` to be Bearer, found {found}")
            }
            Self::OtherTokenType(None) => f.write_str("expected `token_type` to be Bearer, found another"),
            Self::NoAccessToken => f.write_str("expected `access_token`, found none"),
            Self::NotABearerToken => {
                f.write_str("expected `access_token` to have the characters of a bearer token, found others")
            }
            Self::Ended => {
                f.write_str("expected a token that can be used, found one that has ended meanwhile")
            }
            Self::MalformedLifetime => f.write_str("expected `expires_in` to be a positive number"),
            Self::MalformedScope => f.write_str("expected `scope` to be a list of scopes"),
        }
    }
}

impl std::error::Error for TokenResponseError {}

/// An error response (RFC 6749 §5.2), as far as it can be read.
#[derive(Debug, Default)]
pub(crate) struct ErrorResponse {
    pub(crate) code: Option<Excerpt>,
    pub(crate) description: Option<Excerpt>,
}

/// Reads an error response. `redact` returns whether a string must not be shown.
pub(crate) fn error_response(body: &[u8], redact: impl Fn(&str) -> bool) -> ErrorResponse {
    let Ok(object) = JsonObject::from_slice(body) else { return ErrorResponse::default() };
    let text = |name| {
        let text = object.get(name).and_then(string).filter(|text| !text.is_empty() && !redact(text))?;
        Some(excerpt(&text))
    };
    ErrorResponse { code: text("error"), description: text("error_description") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Result<TokenResponse, TokenResponseError> {
        token(body.as_bytes(), |_| false)
    }

    fn with(member: &str) -> Result<TokenResponse, TokenResponseError> {
        read(&format!(r#"{{"access_token":"t","token_type":"Bearer"{member}}}"#))
    }

    #[test]
    fn response_without_token_or_type_is_rejected() {
        // E08
        assert_eq!(with("").unwrap().token.as_str(), "t");
        for (body, expected) in [
            (r#"{"token_type":"Bearer"}"#, TokenResponseError::NoAccessToken),
            (r#"{"access_token":"","token_type":"Bearer"}"#, TokenResponseError::NoAccessToken),
            (r#"{"access_token":1,"token_type":"Bearer"}"#, TokenResponseError::NoAccessToken),
            (r#"{"access_token":null,"token_type":"Bearer"}"#, TokenResponseError::NoAccessToken),
            (r#"{"access_token":"t"}"#, TokenResponseError::NoTokenType),
            (r#"{"access_token":"t","token_type":1}"#, TokenResponseError::NoTokenType),
            (r#"["t"]"#, TokenResponseError::Json(JsonError::NotJson)),
            ("<!doctype html>", TokenResponseError::Json(JsonError::NotJson)),
            ("", TokenResponseError::Json(JsonError::NotJson)),
        ] {
            assert_eq!(read(body).err(), Some(expected), "{body}");
        }
    }

    #[test]
    fn token_type_must_be_bearer_in_any_case() {
        // E09
        for kind in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            assert!(read(&format!(r#"{{"access_token":"t","token_type":"{kind}"}}"#)).is_ok(), "{kind}");
        }
        for kind in ["mac", "N_A", "DPoP", "Bearer ", "", "bearer,DPoP"] {
            let read = read(&format!(r#"{{"access_token":"t0","token_type":"{kind}"}}"#));
            assert_eq!(read.err(), Some(TokenResponseError::OtherTokenType(Some(excerpt(kind)))), "{kind}");
        }
    }

    #[test]
    fn unknown_members_are_ignored_and_repeated_rejected() {
        // E10, E13
        assert!(with(r#","x":{"access_token":"y"},"refresh_token":"r","id_token":null"#).is_ok());
        let repeated = TokenResponseError::Json(JsonError::RepeatedName);
        assert_eq!(with(r#","access_token":"u""#).err(), Some(repeated));
        // With the two of every response, one more than an object may have.
        let further = (0..255).map(|n| format!(",\"x{n}\":0")).collect::<Vec<_>>().concat();
        assert_eq!(with(&further).err(), Some(TokenResponseError::Json(JsonError::TooManyMembers)));
    }

    #[test]
    fn expires_in_is_number_or_number_in_string() {
        // E11
        let seconds =
            |value: &str| with(&format!(r#","expires_in":{value}"#)).map(|read| read.lifetime.unwrap());
        for (value, expected) in [
            ("3600", 3_600),
            (r#""3600""#, 3_600),
            ("3600.9", 3_600),
            ("3.6e3", 3_600),
            ("1", 1),
            ("86400", 86_400),
            ("86401", 86_400),
            ("1e18", 86_400),
            ("1e400", 86_400),
            ("99999999999999999999999999", 86_400),
        ] {
            assert_eq!(seconds(value), Ok(Duration::from_secs(expected)), "{value}");
        }
        for value in
            ["0", "-1", "0.9", "-1e400", "true", "[]", r#""""#, r#""x""#, r#""inf""#, r#""nan""#, r#"" 1""#]
        {
            assert_eq!(seconds(value).err(), Some(TokenResponseError::MalformedLifetime), "{value}");
        }
        assert_eq!(with("").unwrap().lifetime, None);
        assert_eq!(with(r#","expires_in":null"#).unwrap().lifetime, None);
    }

    #[test]
    fn granted_scopes_are_read_if_present() {
        // E12
        assert_eq!(with(r#","scope":"b a""#).unwrap().scopes, "a b".parse().ok());
        assert_eq!(with(r#","scope":"""#).unwrap().scopes, Some(Scopes::default()));
        assert_eq!(with("").unwrap().scopes, None);
        for scope in [r#"["a"]"#, "1", r#""a\"b""#, r#""é""#] {
            assert_eq!(with(&format!(r#","scope":{scope}"#)).err(), Some(TokenResponseError::MalformedScope));
        }
    }

    #[test]
    fn error_response_is_read_as_far_as_possible() {
        // E14
        let read = |body: &str| {
            let error_response = error_response(body.as_bytes(), |text| text.contains("s3cret"));
            let text = |text: Option<Excerpt>| text.map(|text| text.as_str().to_owned());
            (text(error_response.code), text(error_response.description))
        };
        for code in [
            "invalid_request",
            "invalid_client",
            "invalid_grant",
            "unauthorized_client",
            "unsupported_grant_type",
            "invalid_scope",
        ] {
            assert_eq!(read(&format!(r#"{{"error":"{code}"}}"#)), (Some(code.to_owned()), None));
        }
        let both = read(r#"{"error":"invalid_client","error_description":"no\nway"}"#);
        assert_eq!(both, (Some("invalid_client".to_owned()), Some("no\nway".to_owned())));
        for body in ["", "<html>", "[]", "{}", r#"{"error":1}"#, r#"{"error":""}"#] {
            assert_eq!(read(body), (None, None), "{body}");
        }
        let long = read(&format!(r#"{{"error_description":"{}"}}"#, "ä".repeat(121)));
        assert_eq!(long, (None, Some("ä".repeat(120))));
        let quoted = read(r#"{"error":"invalid_client","error_description":"s3cret is wrong"}"#);
        assert_eq!(quoted, (Some("invalid_client".to_owned()), None), "a server may quote what it was sent");
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = token(&body, |_| false);
            let _ = error_response(&body, |_| false);
        }

        #[test]
        fn written_token_response_is_read_back(
            text in "[ -~]{1,40}",
            expires in proptest::option::of(1u64..200_000),
            scope in proptest::option::of("[a-z]{1,5}( [a-z]{1,5}){0,3}"),
        ) {
            let mut body = serde_json::json!({ "access_token": text, "token_type": "bearer" });
            if let Some(expires) = expires { body["expires_in"] = expires.into(); }
            if let Some(scope) = &scope { body["scope"] = scope.as_str().into(); }
            let read = read(&body.to_string()).unwrap();
            prop_assert_eq!(read.token.as_str(), text);
            prop_assert_eq!(read.lifetime, expires.map(|s| Duration::from_secs(s.min(86_400))));
            prop_assert_eq!(read.scopes, scope.and_then(|scope| scope.parse().ok()));
        }
    }
}
