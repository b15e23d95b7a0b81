//! The reasons why a proof is rejected.

use std::fmt;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonError;
use scopegate_proto::jws::JwsError;

use crate::token::algorithm::Algorithm;
use crate::token::numeric_date::NumericDate;

/// The reason why the DPoP proof of a request is rejected (RFC 9449 §4.3).
///
/// Neither `Display` nor `Debug` contains the proof, its `jti` or its nonce.
#[non_exhaustive]
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields have the expected and the found values of their variant")]
pub enum DpopProofError {
    /// The request has no `DPoP` header.
    Missing,
    /// The request has more than one `DPoP` header.
    Several,
    /// The header is longer than 8 KiB.
    #[non_exhaustive]
    TooLong { limit: usize, found: usize },
    /// The header is not one JWT in canonical form.
    #[non_exhaustive]
    NotAJwt { found: JwsError },
    /// The JOSE header is malformed, or needs an extension.
    #[non_exhaustive]
    InvalidHeader { reason: String },
    /// `typ` is not `dpop+jwt`.
    #[non_exhaustive]
    WrongType { found: Option<Excerpt> },
    /// `alg` is not one of the accepted algorithms.
    #[non_exhaustive]
    UnacceptableAlgorithm { expected: Vec<Algorithm>, found: Algorithm },
    /// `jwk` is absent, contains a private key, or is not a key of this `alg`.
    #[non_exhaustive]
    UnusableKey { reason: String },
    /// The token is bound to another key than `jwk`.
    OtherKey,
    /// The payload is not a JSON object with unique member names.
    #[non_exhaustive]
    InvalidPayload { found: JsonError },
    /// A required claim is absent.
    #[non_exhaustive]
    MissingClaim { claim: &'static str },
    /// A claim does not have the form that its definition requires.
    #[non_exhaustive]
    MalformedClaim { claim: &'static str, expected: &'static str },
    /// `htm` is not the method of the request.
    #[non_exhaustive]
    OtherMethod { found: Excerpt },
    /// `htu` is not the URL of the request. `expected` is the configured origin, `found` the origin
    /// of `htu`. If they are equal, the paths differ.
    #[non_exhaustive]
    OtherUrl { expected: String, found: Excerpt },
    /// `ath` is not the hash of the request's token.
    OtherToken,
    /// `iat` is too old.
    #[non_exhaustive]
    Expired { issued_at: NumericDate, now: NumericDate },
    /// `iat` is in the future.
    #[non_exhaustive]
    NotYetValid { issued_at: NumericDate, now: NumericDate },
    /// The signature does not verify with `jwk`.
    BadSignature,
    /// A nonce is required, and the proof has none.
    MissingNonce,
    /// The nonce has expired, or is not a nonce of this API.
    UnknownNonce,
    /// The proof was used before.
    Replayed,
}

impl fmt::Display for DpopProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("expected a `DPoP` header, found none"),
            Self::Several => f.write_str("expected one `DPoP` header, found several"),
            Self::TooLong { limit, found } => {
                write!(f, "expected a proof of at most {limit} bytes, found {found}")
            }
            Self::NotAJwt { found } => write!(f, "expected one JWT: {found}"),
            Self::InvalidHeader { reason } => f.write_str(reason),
            Self::WrongType { found } => {
                write!(f, "expected `typ` to be dpop+jwt, found ")?;
                match found {
                    Some(found) => fmt::Display::fmt(found, f),
                    None => f.write_str("none"),
                }
            }
            Self::UnacceptableAlgorithm { expected, found } => {
                f.write_str("expected `alg` to be one of")?;
                expected.iter().try_for_each(|one| write!(f, " {one}"))?;
                write!(f, ", found {found}")
            }
            Self::UnusableKey { reason } => write!(f, "the key in `jwk` {reason}"),
            Self::OtherKey => f.write_str("the token is bound to another key than `jwk`"),
            Self::InvalidPayload { found } => write!(f, "the payload is {found}"),
            Self::MissingClaim { claim } => write!(f, "claim `{claim}` is absent"),
            Self::MalformedClaim { claim, expected } => write!(f, "claim `{claim}`: expected {expected}"),
            Self::OtherMethod { found } => {
                write!(f, "expected `htm` to be the request's method, found {found}")
            }
            Self::OtherUrl { expected, found } => {
                write!(f, "expected `htu` to be the request's URL at {expected}, found a URL at {found}")
            }
            Self::OtherToken => f.write_str("expected `ath` to be the hash of the request's token"),
            Self::Expired { issued_at, now } => {
                write!(f, "`iat` is {issued_at}, used at {now}: {} s later", now.secs_since(*issued_at))
            }
            Self::NotYetValid { issued_at, now } => {
                write!(f, "`iat` is {issued_at}, used at {now}: {} s earlier", issued_at.secs_since(*now))
            }
            Self::BadSignature => f.write_str("the signature does not verify with `jwk`"),
            Self::MissingNonce => f.write_str("expected a `nonce`, found none"),
            Self::UnknownNonce => f.write_str("the `nonce` has expired or is not of this API"),
            Self::Replayed => f.write_str("the proof was used before"),
        }
    }
}

impl std::error::Error for DpopProofError {}
