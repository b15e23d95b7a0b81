//! The words of an answer: a token (RFC 6749 §5.1), or a reason why there is none (§5.2). No I/O here.

use std::fmt;
use std::time::Duration;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::error::excerpt::Excerpt;
use crate::json::{JsonObject, NotAnObject, string};
use crate::token::scope::Scopes;

/// A token, and what the issuer says about it.
pub(crate) struct TokenResponse {
    pub(crate) token: Zeroizing<String>,
    /// `None` when the issuer does not say.
    pub(crate) lifetime: Option<Duration>,
    /// `None` when the issuer does not say, which means: what was asked for.
    pub(crate) scopes: Option<Scopes>,
}

/// An issuer's answer must not last for ever here: a client that was removed is noticed after a day.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Reads a successful answer. Unknown members do not matter, and neither does a refresh token, which this grant should
/// not give (RFC 6749 §4.4.3) and which is never used. `hides` says which texts must not be shown.
pub(crate) fn token(body: &[u8], hides: impl Fn(&str) -> bool) -> Result<TokenResponse, NotAToken> {
    let answer = JsonObject::from_slice(body).map_err(NotAToken::NotAnObject)?;
    let kind = answer.get("token_type").and_then(string).ok_or(NotAToken::NoTokenType)?;
    // RFC 6749 §7.1: a token of a type that is not understood must not be used.
    let token = answer.get("access_token").and_then(string).map(|token| Zeroizing::new(token.into_owned()));
    if !kind.eq_ignore_ascii_case("bearer") {
        let quotes = hides(&kind) || token.is_some_and(|token| kind.contains(token.as_str()));
        return Err(NotAToken::OtherTokenType((!quotes).then(|| Excerpt::new(&kind))));
    }
    let lifetime = answer.get("expires_in").filter(is_there).map(lifetime).transpose()?;
    let scopes = match answer.get("scope").filter(is_there) {
        None => None,
        Some(value) => {
            Some(string(value).and_then(|text| Scopes::parse(&text)).ok_or(NotAToken::MalformedScope)?)
        }
    };
    let token = token.filter(|token| !token.is_empty()).ok_or(NotAToken::NoAccessToken)?;
    Ok(TokenResponse { token, lifetime, scopes })
}

/// Some issuers write `null` for what they do not say.
fn is_there(value: &&RawValue) -> bool {
    value.get() != "null"
}

/// Seconds: a number, or a number in a string, as some issuers write it. A token that ends when it begins is none.
fn lifetime(value: &RawValue) -> Result<Duration, NotAToken> {
    let number = string(value).map_or_else(|| value.get().to_owned(), std::borrow::Cow::into_owned);
    let number_is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let seconds: f64 = number.parse().ok().filter(|_| number_is_plain).ok_or(NotAToken::MalformedLifetime)?;
    if seconds < 1.0 {
        return Err(NotAToken::MalformedLifetime);
    }
    // Larger numbers than fit become infinite, and the minimum finite again.
    Ok(Duration::from_secs_f64(seconds.floor().min(LONGEST_LIFETIME.as_secs_f64())))
}

/// Why an answer is not a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotAToken {
    NotAnObject(NotAnObject),
    NoTokenType,
    /// Without the type when it cannot be shown.
    OtherTokenType(Option<Excerpt>),
    NoAccessToken,
    NotABearerToken,
    /// It lives shorter than the request for it took.
    Ended,
    MalformedLifetime,
    MalformedScope,
}

impl fmt::Display for NotAToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject(found) => {
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

impl std::error::Error for NotAToken {}

/// What an issuer says about a refusal, as far as it can be read.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) code: Option<Excerpt>,
    pub(crate) description: Option<Excerpt>,
}

/// Reads a refusal. `hides` says which texts must not be shown.
pub(crate) fn refusal(body: &[u8], hides: impl Fn(&str) -> bool) -> Refusal {
    let Ok(answer) = JsonObject::from_slice(body) else { return Refusal::default() };
    let text = |name| {
        let text = answer.get(name).and_then(string).filter(|text| !text.is_empty() && !hides(text))?;
        Some(Excerpt::new(&text))
    };
    Refusal { code: text("error"), description: text("error_description") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Result<TokenResponse, NotAToken> {
        token(body.as_bytes(), |_| false)
    }

    fn with(member: &str) -> Result<TokenResponse, NotAToken> {
        read(&format!(r#"{{"access_token":"t","token_type":"Bearer"{member}}}"#))
    }

    #[test]
    fn a_token_and_its_type_are_needed() {
        // E08
        assert_eq!(with("").unwrap().token.as_str(), "t");
        for (body, expected) in [
            (r#"{"token_type":"Bearer"}"#, NotAToken::NoAccessToken),
            (r#"{"access_token":"","token_type":"Bearer"}"#, NotAToken::NoAccessToken),
            (r#"{"access_token":1,"token_type":"Bearer"}"#, NotAToken::NoAccessToken),
            (r#"{"access_token":null,"token_type":"Bearer"}"#, NotAToken::NoAccessToken),
            (r#"{"access_token":"t"}"#, NotAToken::NoTokenType),
            (r#"{"access_token":"t","token_type":1}"#, NotAToken::NoTokenType),
            (r#"["t"]"#, NotAToken::NotAnObject(NotAnObject::NotJson)),
            ("<!doctype html>", NotAToken::NotAnObject(NotAnObject::NotJson)),
            ("", NotAToken::NotAnObject(NotAnObject::NotJson)),
        ] {
            assert_eq!(read(body).err(), Some(expected), "{body}");
        }
    }

    #[test]
    fn the_type_is_bearer_in_any_case_and_nothing_else() {
        // E09
        for kind in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            assert!(read(&format!(r#"{{"access_token":"t","token_type":"{kind}"}}"#)).is_ok(), "{kind}");
        }
        for kind in ["mac", "N_A", "DPoP", "Bearer ", "", "bearer,DPoP"] {
            let answer = read(&format!(r#"{{"access_token":"t0","token_type":"{kind}"}}"#));
            assert_eq!(answer.err(), Some(NotAToken::OtherTokenType(Some(Excerpt::new(kind)))), "{kind}");
        }
    }

    #[test]
    fn unknown_members_are_ignored_and_repeated_ones_refused() {
        // E10, E13
        assert!(with(r#","x":{"access_token":"y"},"refresh_token":"r","id_token":null"#).is_ok());
        let repeated = NotAToken::NotAnObject(NotAnObject::RepeatedName);
        assert_eq!(with(r#","access_token":"u""#).err(), Some(repeated));
    }

    #[test]
    fn a_lifetime_is_a_number_also_in_a_string() {
        // E11
        let seconds =
            |value: &str| with(&format!(r#","expires_in":{value}"#)).map(|answer| answer.lifetime.unwrap());
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
            assert_eq!(seconds(value).err(), Some(NotAToken::MalformedLifetime), "{value}");
        }
        assert_eq!(with("").unwrap().lifetime, None);
        assert_eq!(with(r#","expires_in":null"#).unwrap().lifetime, None);
    }

    #[test]
    fn granted_scopes_are_read_where_they_are_named() {
        // E12
        assert_eq!(with(r#","scope":"b a""#).unwrap().scopes, Scopes::parse("a b"));
        assert_eq!(with(r#","scope":"""#).unwrap().scopes, Some(Scopes::default()));
        assert_eq!(with("").unwrap().scopes, None);
        for scope in [r#"["a"]"#, "1", r#""a\"b""#, r#""é""#] {
            assert_eq!(with(&format!(r#","scope":{scope}"#)).err(), Some(NotAToken::MalformedScope));
        }
    }

    #[test]
    fn a_refusal_is_read_as_far_as_it_can_be() {
        // E14
        let read = |body: &str| {
            let refusal = refusal(body.as_bytes(), |text| text.contains("s3cret"));
            let text = |text: Option<Excerpt>| text.map(|text| text.as_str().to_owned());
            (text(refusal.code), text(refusal.description))
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
        let quoted = read(r#"{"error":"invalid_client","error_description":"s3cret is wrong"}"#);
        assert_eq!(quoted, (Some("invalid_client".to_owned()), None), "a server may quote what it was sent");
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = token(&body, |_| false);
            let _ = refusal(&body, |_| false);
        }

        #[test]
        fn what_is_read_is_what_was_written(
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
            prop_assert_eq!(read.scopes, scope.and_then(|scope| Scopes::parse(&scope)));
        }
    }
}
