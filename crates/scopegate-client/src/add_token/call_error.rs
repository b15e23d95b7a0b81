//! The error of a call with a token.

use std::fmt;

use crate::error::Error;
use crate::error::proof::SignProofError;

/// The error of a call with a token.
#[non_exhaustive]
#[derive(Debug)]
pub enum CallError<E> {
    /// No token is available, so no request was sent.
    Token(Error),
    /// No DPoP proof could be made for the token, so the request was not sent.
    Proof(SignProofError),
    /// The error of the HTTP client.
    Call(E),
}

impl<E> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "no access token",
            Self::Proof(_) => "no proof for the access token",
            Self::Call(_) => "the call failed",
        })
    }
}

impl<E: std::error::Error + 'static> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self {
            Self::Token(error) => error,
            Self::Proof(error) => error,
            Self::Call(error) => error,
        })
    }
}
