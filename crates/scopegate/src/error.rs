//! Why a token in hand was not accepted. Mistakes in a configuration are `error/config.rs`.
//!
//! The texts are for the operator's log. What the caller of an API is told is decided in one place at the
//! HTTP edge, and is never taken from here.

pub(crate) mod config;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonError;
use scopegate_proto::jws::Part;
use scopegate_proto::scope::Scopes;

use crate::denied::Denied;
use crate::scope::requirement::Requirement;
use crate::token::algorithm::Algorithm;
use crate::token::key_name::split_thumbprint_id;
use crate::token::numeric_date::NumericDate;

/// Why a token was not accepted, with what was expected and what was found.
///
/// Three kinds of people act on it: the caller, for nearly every variant (HTTP 401); the caller's
/// administrator, for [`InsufficientScope`](Error::InsufficientScope) (403); the operator of the API, for
/// [`KeysUnavailable`](Error::KeysUnavailable) (503).
///
/// Neither `Display` nor `Debug` holds the token. They may hold single values of it, as [`Excerpt`]s, so they
/// belong in a log and not in a response: variants up to [`BadSignature`](Error::BadSignature) report on text
/// that nobody has vouched for.
#[non_exhaustive]
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are what their variant says was expected and found")]
pub enum Error {
    /// The token is larger than any that is looked at: 16 KiB.
    #[non_exhaustive]
    TooLong { limit: usize, found: usize },
    /// A signed token has exactly three parts between two dots (RFC 7515 §7.1). No more than ten are counted.
    #[non_exhaustive]
    NotThreeParts { found: usize },
    /// Five parts, or a header with `enc`: an encrypted token (JWE), which this crate does not read.
    Encrypted,
    /// A part is empty, or not the one base64url spelling of its bytes, without padding (RFC 7515 §2).
    #[non_exhaustive]
    NotBase64Url { part: Part },
    /// The header or the payload is not one JSON object with different member names.
    #[non_exhaustive]
    InvalidJson { part: Part, found: JsonError },

    /// A header parameter is absent that must be there, or is not what its definition says.
    #[non_exhaustive]
    MalformedHeader { parameter: &'static str, expected: &'static str, found: Option<Excerpt> },
    /// `alg` is not an algorithm that this issuer's tokens may be signed with (RFC 8725 §3.1).
    #[non_exhaustive]
    UnacceptableAlgorithm { expected: Vec<Algorithm>, found: Excerpt },
    /// The header has `crit`: the token depends on an extension, and this crate knows none (RFC 7515
    /// §4.1.11).
    CriticalExtension,
    /// `typ` names another kind of token (RFC 8725 §3.11, RFC 9068 §4).
    #[non_exhaustive]
    WrongType { expected: &'static str, found: Option<Excerpt> },

    /// `iss` is absent, or is not exactly the name of an issuer that is trusted (RFC 9068 §4). Of those that are,
    /// `expected` has up to three.
    #[non_exhaustive]
    UnknownIssuer { expected: Vec<String>, found: Option<Excerpt> },
    /// The token could not be verified: there are no usable keys of its issuer, or its key is unknown and no fetch has
    /// succeeded for a refresh period, so that the key may exist.
    #[non_exhaustive]
    KeysUnavailable { issuer: String, retry_after: Duration },
    /// The issuer publishes no key with this id that verifies this algorithm. If it publishes one with this id that is
    /// not used, `skipped` has the reason.
    #[non_exhaustive]
    UnknownKey { issuer: String, key_id: Option<Excerpt>, algorithm: Algorithm, skipped: Option<String> },
    /// Several of the issuer's keys fit, and trying them in turn would let a caller multiply our work.
    #[non_exhaustive]
    AmbiguousKey { issuer: String, key_id: Option<Excerpt>, algorithm: Algorithm, found: usize },
    /// The token is used at or after its `exp`, leeway included (RFC 7519 §4.1.4). This is judged before the signature, so a
    /// forged token can be expired too.
    #[non_exhaustive]
    Expired { expired_at: NumericDate, now: NumericDate, leeway: Duration },
    /// The token is used before its `nbf`, or its `iat` lies in the future, leeway included. This too is judged before the
    /// signature.
    #[non_exhaustive]
    NotYetValid { claim: &'static str, valid_from: NumericDate, now: NumericDate, leeway: Duration },
    /// The signature does not verify with the key that the token names.
    #[non_exhaustive]
    BadSignature { issuer: String, key_id: Option<Excerpt> },

    /// A required claim is absent. `exp` is looked for before the signature is checked, so its absence is unverified.
    #[non_exhaustive]
    MissingClaim { claim: &'static str },
    /// A claim does not have the form that its definition requires. `exp`, `nbf` and `iat` are read before the signature
    /// is checked, so their values are unverified.
    #[non_exhaustive]
    MalformedClaim { claim: Cow<'static, str>, expected: &'static str, found: Option<Excerpt> },
    /// A claim is not what a rule of its issuer requires: Entra ID's `tid` names another tenant, or
    /// [`require_claim`](crate::Issuer::require_claim) asks for another value.
    #[non_exhaustive]
    WrongClaim { claim: Cow<'static, str>, expected: String, found: Option<Excerpt> },
    /// The token is valid, and its claims do not fit the type that the application reads them as: HTTP 403,
    /// because another token would not help. `claim` names the claim that does not fit, if it is known. `found` has
    /// the type that was found and the one that was expected, and never the value, which may be personal data. If no
    /// token of the issuer fits, the application's type is wrong.
    #[non_exhaustive]
    UnexpectedClaims { claim: Option<String>, expected: &'static str, found: Excerpt },
    /// The token is for somebody else (RFC 7519 §4.1.3); of those that it is for, `found` has up to three, and `expected` as
    /// many of those that are accepted. An empty `expected` means that this issuer's tokens are bound to clients and no
    /// audience was configured, so only a token without `aud` is for us.
    #[non_exhaustive]
    WrongAudience { expected: Vec<String>, found: Vec<Excerpt> },
    /// The token was issued to a client that is not on the list, of which `expected` has up to three.
    #[non_exhaustive]
    WrongClient { expected: Vec<String>, found: Option<Excerpt> },
    /// The token is an ID token or another kind that grants no access (RFC 8725 §3.12). `found` has only the type of a
    /// claim that must be absent, because it may hold a credential.
    #[non_exhaustive]
    NotAnAccessToken { claim: &'static str, expected: &'static str, found: Option<Excerpt> },
    /// The token is bound to a key (RFC 7800) whose possession this crate cannot check yet, or the binding is
    /// malformed. Taken as a bearer token it would lose the protection that its issuer gave it.
    #[non_exhaustive]
    SenderConstrained { binding: &'static str },

    /// The token is good and lacks scopes that are needed (RFC 6750 §3.1).
    #[non_exhaustive]
    InsufficientScope { required: Requirement, granted: Scopes },
    /// The token is valid, and a [check](crate::VerifierBuilder::check) of the application denies it.
    Denied(Denied),
}

/// The groups of [`Error`]s. Responses, metrics and the documentation derive from this grouping alone.
///
/// | kind | status | who acts |
/// | --- | --- | --- |
/// | `Malformed`, `Untrusted`, `UnknownKey`, `Expired`, `NotYetValid`, `BadSignature`, `NotForUs`, `Unacceptable` | 401 | the client: get another token |
/// | `InsufficientScope` | 403 | the client's administrator: grant the scope |
/// | `UnexpectedClaims` | 403 | the application's author: the type or the issuer's configuration is wrong |
/// | `Denied` | 403 | a rule of the application decided |
/// | `Unavailable` | 503 | the operator: the issuer's keys are unavailable |
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The token is not a signed JWT in canonical form.
    Malformed,
    /// No trusted issuer is named.
    Untrusted,
    /// The issuer publishes no such key, or several that fit.
    UnknownKey,
    /// The token is used after its `exp`. Lifetimes are checked before the signature, so a forged token can be
    /// expired too.
    Expired,
    /// The token is used before its `nbf` or `iat`: often a clock that is wrong.
    NotYetValid,
    /// The signature does not verify.
    BadSignature,
    /// The token was issued for another API or another client.
    NotForUs,
    /// The issuer has signed the token, or claims to have, and its header or claims are not those of an access
    /// token that may be used here.
    Unacceptable,
    /// The token is valid and lacks a scope.
    InsufficientScope,
    /// The token is valid, and its claims do not fit the application's type.
    UnexpectedClaims,
    /// The token is valid, and a rule of the application denies it.
    Denied,
    /// The token could not be verified, because the issuer's keys are unavailable.
    Unavailable,
}

impl ErrorKind {
    /// A stable code, for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Untrusted => "unknown_issuer",
            Self::UnknownKey => "unknown_key",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::BadSignature => "bad_signature",
            Self::NotForUs => "not_for_us",
            Self::Unacceptable => "unacceptable",
            Self::InsufficientScope => "insufficient_scope",
            Self::UnexpectedClaims => "unexpected_claims",
            Self::Denied => "denied",
            Self::Unavailable => "keys_unavailable",
        }
    }

    /// The HTTP status that the caller gets: 401, 403 or 503.
    pub fn status(self) -> u16 {
        match self {
            Self::InsufficientScope | Self::UnexpectedClaims | Self::Denied => 403,
            Self::Unavailable => 503,
            Self::Malformed
            | Self::Untrusted
            | Self::UnknownKey
            | Self::Expired
            | Self::NotYetValid
            | Self::BadSignature
            | Self::NotForUs
            | Self::Unacceptable => 401,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// The group that the error belongs to.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLong { .. }
            | Self::NotThreeParts { .. }
            | Self::Encrypted
            | Self::NotBase64Url { .. }
            | Self::InvalidJson { .. }
            | Self::MalformedHeader { .. } => ErrorKind::Malformed,
            Self::UnknownIssuer { .. } => ErrorKind::Untrusted,
            Self::UnknownKey { .. } | Self::AmbiguousKey { .. } => ErrorKind::UnknownKey,
            Self::Expired { .. } => ErrorKind::Expired,
            Self::NotYetValid { .. } => ErrorKind::NotYetValid,
            Self::BadSignature { .. } => ErrorKind::BadSignature,
            Self::WrongAudience { .. } | Self::WrongClient { .. } => ErrorKind::NotForUs,
            Self::UnacceptableAlgorithm { .. }
            | Self::CriticalExtension
            | Self::WrongType { .. }
            | Self::MissingClaim { .. }
            | Self::MalformedClaim { .. }
            | Self::WrongClaim { .. }
            | Self::NotAnAccessToken { .. }
            | Self::SenderConstrained { .. } => ErrorKind::Unacceptable,
            Self::InsufficientScope { .. } => ErrorKind::InsufficientScope,
            Self::UnexpectedClaims { .. } => ErrorKind::UnexpectedClaims,
            Self::Denied(_) => ErrorKind::Denied,
            Self::KeysUnavailable { .. } => ErrorKind::Unavailable,
        }
    }
}

impl std::error::Error for Error {}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// For unit tests only: with it, no variant could ever hold what cannot be compared.
#[cfg(test)]
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit, found } => write!(f, "a token of {found} bytes; at most {limit} are read"),
            Self::NotThreeParts { found } => write!(f, "expected a token of 3 parts, found {found}"),
            Self::Encrypted => f.write_str("expected a signed token (JWS), found an encrypted one (JWE)"),
            Self::NotBase64Url { part } => write!(f, "the {part} is empty or not canonical base64url"),
            Self::InvalidJson { part, found } => write!(f, "the {part} is {found}"),
            Self::MalformedHeader { parameter, expected, found } => {
                write!(f, "header parameter `{parameter}`: expected {expected}, found {}", OrNone(found))
            }
            Self::UnacceptableAlgorithm { expected, found } => {
                write!(f, "expected `alg` to be one of {}, found {found}", Listed(expected))
            }
            Self::CriticalExtension => f.write_str("the header has `crit`, and no extension is supported"),
            Self::WrongType { expected, found } => {
                write!(f, "expected `typ` to be {expected}, found {}", OrNone(found))
            }
            Self::UnknownIssuer { expected, found } => {
                write!(
                    f,
                    "expected `iss` to be a trusted issuer such as {}, found {}",
                    Listed(expected),
                    OrNone(found)
                )
            }
            Self::KeysUnavailable { issuer, retry_after } => {
                write!(
                    f,
                    "the keys of {issuer} cannot be had now; next attempt in {} s",
                    retry_after.as_secs()
                )
            }
            Self::UnknownKey { issuer, key_id, skipped: Some(reason), .. } => {
                write!(f, "the key of {issuer} with {} is not used: it {reason}", NamedKey(key_id))
            }
            Self::UnknownKey { issuer, key_id, algorithm, skipped: None } => {
                write!(f, "{issuer} publishes no {algorithm} key with {}", NamedKey(key_id))
            }
            Self::AmbiguousKey { issuer, key_id, algorithm, found } => {
                write!(f, "{issuer} publishes {found} {algorithm} keys that fit {}", NamedKey(key_id))
            }
            Self::BadSignature { issuer, key_id } => {
                write!(f, "the signature does not verify with the key {} of {issuer}", OrNone(key_id))
            }
            Self::MissingClaim { claim } => write!(f, "claim `{claim}` is absent"),
            Self::MalformedClaim { claim, expected, found } => {
                write!(f, "claim `{claim}`: expected {expected}, found {}", OrNone(found))
            }
            Self::WrongClaim { claim, expected, found } => {
                write!(f, "expected `{claim}` to be {expected}, found {}", OrNone(found))
            }
            Self::UnexpectedClaims { claim, expected, found } => {
                f.write_str("the claims of a valid token do not fit the application's type ")?;
                match claim {
                    Some(claim) => write!(f, "{expected}: claim {}: {found}", Excerpt::new(claim)),
                    None => write!(f, "{expected}: {found}"),
                }
            }
            Self::Expired { expired_at, now, leeway } => {
                let late = now.secs_since(*expired_at);
                write!(
                    f,
                    "expired at {expired_at}, used at {now}: {late} s later (leeway {} s)",
                    leeway.as_secs()
                )
            }
            Self::NotYetValid { claim, valid_from, now, leeway } => {
                let early = valid_from.secs_since(*now);
                let leeway = leeway.as_secs();
                write!(f, "`{claim}` is {valid_from}, used at {now}: {early} s earlier (leeway {leeway} s)")
            }
            Self::Denied(denied) => fmt::Display::fmt(denied, f),
            Self::WrongAudience { expected, found } if expected.is_empty() => {
                write!(f, "expected no `aud`, because no audience is configured; found {}", Listed(found))
            }
            Self::WrongAudience { expected, found } => {
                write!(
                    f,
                    "expected `aud` to hold an audience such as {}, found {}",
                    Listed(expected),
                    Listed(found)
                )
            }
            Self::WrongClient { expected, found } => {
                write!(f, "expected a client such as {}, found {}", Listed(expected), OrNone(found))
            }
            Self::NotAnAccessToken { claim, expected, found } => {
                write!(f, "not an access token: expected `{claim}` to be {expected}, found {}", OrNone(found))
            }
            Self::SenderConstrained { binding } => {
                write!(f, "the token is bound to a key (`{binding}`), which a bearer token cannot prove")
            }
            Self::InsufficientScope { required, granted } => {
                // All that an issuer normally grants, and not all that fits into a token.
                let granted = Excerpt::with_limit(&granted.to_string(), 1_000);
                write!(f, "expected the scopes {required}, found {granted}")
            }
        }
    }
}

/// A value that may be absent.
struct OrNone<'a>(&'a Option<Excerpt>);

impl fmt::Display for OrNone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => fmt::Display::fmt(value, f),
            None => f.write_str("none"),
        }
    }
}

/// The parameter by which a token names its key, and the value.
struct NamedKey<'a>(&'a Option<Excerpt>);

impl fmt::Display for NamedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_ref().and_then(|id| split_thumbprint_id(id.as_str())) {
            Some((parameter, value)) => write!(f, "`{parameter}` {}", Excerpt::identifier(value)),
            None => write!(f, "`kid` {}", OrNone(self.0)),
        }
    }
}

/// Values with commas between.
struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (position, value) in self.0.iter().enumerate() {
            write!(f, "{}{value}", if position == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_with_many_scopes_does_not_flood_a_log() {
        let granted =
            |n: usize| (0..n).map(|i| format!("orders/read-{i}").parse().unwrap()).collect::<Scopes>();
        let message = |n| Error::InsufficientScope { required: "a".into(), granted: granted(n) }.to_string();
        assert_eq!(message(2), r#"expected the scopes a, found "orders/read-0 orders/read-1""#);
        assert!(message(1_000).len() < 1_100 && message(1_000).ends_with('…'), "{}", message(1_000));
    }
}
