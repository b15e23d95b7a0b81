//! Checks: which token is acceptable? One file for each step of
//! [`Verifier::verify`](crate::Verifier::verify). Each check returns the value that it has checked.

pub(crate) mod audience;
#[cfg(feature = "http")]
pub(crate) mod authentication;
pub(crate) mod confirmation;
pub(crate) mod course;
pub(crate) mod form;
pub(crate) mod header;
pub(crate) mod identity;
pub(crate) mod kind;
pub(crate) mod lifetime;
pub(crate) mod scopes;
