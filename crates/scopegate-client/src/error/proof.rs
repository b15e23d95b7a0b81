//! The error of a proof of possession.

use std::fmt;

/// The reason why no DPoP proof can be made for a request (RFC 9449 §4.2).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignProofError {
    /// The URI has no scheme and host, or another scheme than `http` and `https`. A proof names the
    /// whole URL.
    InvalidUri,
    /// The system has no randomness.
    NoRandomness,
}

impl fmt::Display for SignProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidUri => "no DPoP proof: expected an absolute http or https URI",
            Self::NoRandomness => "no DPoP proof: the system has no randomness",
        })
    }
}

impl std::error::Error for SignProofError {}
