//! Token responses (RFC 6749 §5.1).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonError, JsonObject, string, strings};
use scopegate_proto::scope::{Scopes, is_scope};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::dpop;
use crate::dpop::binding::Binding;
use scopegate_proto::sent_secrets::SentSecrets;

/// A token and its parameters.
pub(crate) struct TokenResponse {
    pub(crate) token: Zeroizing<String>,
    /// `None` if the issuer does not state it, or if it cannot be read.
    pub(crate) lifetime: Option<Duration>,
    pub(crate) scopes: GrantedScopes,
    /// Optional members that cannot be read. They are reported, and the token is used.
    pub(crate) unreadable: Vec<Unreadable>,
    pub(crate) kind: TokenKind,
}

/// The type of a token.
pub(crate) enum TokenKind {
    /// A bearer token, although a bound one was requested or not.
    Bearer { bound_was_requested: bool },
    /// The token is bound to this key.
    Bound(Arc<Binding>),
}

/// The accepted types of tokens.
pub(crate) enum TokenTypes {
    Bearer,
    /// A token that is bound to this key.
    Dpop(Arc<Binding>),
    /// A token that is bound to this key, or a bearer token.
    DpopOrBearer(Arc<Binding>),
}

/// The issuer's statement about the granted scopes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum GrantedScopes {
    Stated(Scopes),
    /// The issuer does not state them, so it granted the requested scopes (RFC 6749 §5.1).
    AsRequested,
    /// The issuer states them in a form that cannot be read.
    Unknown,
}

/// A member that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) name: &'static str,
    /// The part that cannot be read, or `None` if it must not be shown.
    pub(crate) found: Option<Excerpt>,
}

/// Maximum of `expires_in`. A client that was removed at the issuer loses its token within a day.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Reads a successful response. Adds the token to the `secrets`, which are not shown.
///
/// `access_token` and `token_type` are required. An optional member that cannot be read is
/// reported, and the token is used. Unknown members are ignored. So is a refresh token, which this
/// grant should not return (RFC 6749 §4.4.3).
pub(crate) fn token(
    body: &[u8],
    types: &TokenTypes,
    secrets: &mut SentSecrets,
) -> Result<TokenResponse, TokenResponseError> {
    let object = JsonObject::from_slice(body).map_err(TokenResponseError::Json)?;
    let token = object.get("access_token").and_then(string).map(|token| Zeroizing::new(token.into_owned()));
    if let Some(token) = &token {
        secrets.add(token);
    }
    let kind = object.get("token_type").and_then(string).ok_or(TokenResponseError::NoTokenType)?;
    let kind = types.accept(&kind).ok_or_else(|| {
        let (found, expected) = (secrets.show(&kind), types.expected());
        TokenResponseError::OtherTokenType { found, expected }
    })?;
    let mut unreadable = Vec::new();
    let mut report = |name, found: &str| unreadable.push(Unreadable { name, found: secrets.show(found) });
    let lifetime = object.get("expires_in").filter(is_there).and_then(|value| {
        let seconds = lifetime(value);
        if seconds.is_none() {
            report("expires_in", value.get());
        }
        seconds
    });
    let scopes = match object.get("scope").filter(is_there) {
        None => GrantedScopes::AsRequested,
        Some(value) => granted_scopes(value, |found| report("scope", found)),
    };
    let token = token.filter(|token| !token.is_empty()).ok_or(TokenResponseError::NoAccessToken)?;
    Ok(TokenResponse { token, lifetime, scopes, unreadable, kind })
}

impl TokenTypes {
    /// Returns `None` for another type. A token of a type that is not understood must not be used
    /// (RFC 6749 §7.1). A bearer token in place of a bound one would be a downgrade (RFC 9449 §5).
    fn accept(&self, kind: &str) -> Option<TokenKind> {
        let is_bearer = || BEARER_TYPES.iter().any(|bearer| kind.eq_ignore_ascii_case(bearer));
        match self {
            Self::Dpop(binding) | Self::DpopOrBearer(binding) if kind.eq_ignore_ascii_case(dpop::SCHEME) => {
                Some(TokenKind::Bound(Arc::clone(binding)))
            }
            Self::DpopOrBearer(_) if is_bearer() => Some(TokenKind::Bearer { bound_was_requested: true }),
            Self::Bearer if is_bearer() => Some(TokenKind::Bearer { bound_was_requested: false }),
            Self::Bearer | Self::Dpop(_) | Self::DpopOrBearer(_) => None,
        }
    }

    fn expected(&self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop(_) => "DPoP, because a token that is bound to a key was requested",
            Self::DpopOrBearer(_) => "DPoP or Bearer",
        }
    }
}

/// The type of RFC 6750, and the name that Apigee gives to it.
const BEARER_TYPES: [&str; 2] = ["bearer", "BearerToken"];

/// Reads a list of scopes: a string (RFC 6749 §3.3), or an array of strings, as some issuers write
/// it. Items that are no scopes are reported and left out.
fn granted_scopes(value: &RawValue, mut report: impl FnMut(&str)) -> GrantedScopes {
    let Some(items) = string(value).map(|text| vec![text]).or_else(|| strings(value)) else {
        report(value.get());
        return GrantedScopes::Unknown;
    };
    let (scopes, others): (Vec<&str>, Vec<&str>) = items
        .iter()
        .flat_map(|item| item.split(' '))
        .filter(|item| !item.is_empty())
        .partition(|item| is_scope(item));
    if !others.is_empty() {
        report(&others.join(" "));
    }
    GrantedScopes::Stated(scopes.join(" ").parse().unwrap_or_default())
}

/// Some issuers write `null` for absent members.
fn is_there(value: &&RawValue) -> bool {
    value.get() != "null"
}

/// Reads seconds: a number, or a number in a string, as some issuers write it. Returns `None` if it
/// is less than 1.
fn lifetime(value: &RawValue) -> Option<Duration> {
    let number = string(value).map_or_else(|| value.get().to_owned(), std::borrow::Cow::into_owned);
    let number_is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let seconds: f64 = number.parse().ok().filter(|_| number_is_plain)?;
    // Numbers that are too large become infinite, and `min` makes them finite again.
    (seconds >= 1.0).then(|| Duration::from_secs_f64(seconds.floor().min(MAX_LIFETIME.as_secs_f64())))
}

/// The reason why a response is not a token response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenResponseError {
    Json(JsonError),
    NoTokenType,
    OtherTokenType {
        /// `None` if the type must not be shown.
        found: Option<Excerpt>,
        expected: &'static str,
    },
    NoAccessToken,
    NotABearerToken,
    /// The token expired before the response arrived.
    Ended,
}

impl TokenResponseError {
    /// Returns whether the response has no token at all, so that it may be an error instead.
    pub(crate) fn lacks_token(&self) -> bool {
        matches!(self, Self::NoTokenType | Self::NoAccessToken)
    }
}

impl fmt::Display for TokenResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(found) => {
                write!(f, "the body is {found}")
            }
            Self::NoTokenType => f.write_str("`token_type` is missing or not a string"),
            Self::OtherTokenType { found: Some(found), expected } => {
                write!(f, "`token_type` is {found}: expected {expected}")
            }
            Self::OtherTokenType { found: None, expected } => {
                write!(f, "`token_type` is another one: expected {expected}")
            }
            Self::NoAccessToken => f.write_str("`access_token` is missing, empty or not a string"),
            Self::NotABearerToken => {
                f.write_str("`access_token` has characters that a bearer token must not have")
            }
            Self::Ended => f.write_str("the token expired before the response arrived"),
        }
    }
}

impl std::error::Error for TokenResponseError {}

#[cfg(test)]
mod tests;
