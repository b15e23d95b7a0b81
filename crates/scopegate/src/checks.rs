//! May a token be accepted? One file for each step of
//! [`Verifier::verify`](crate::Verifier::verify) that looks at claims; each returns what it has checked.

pub(crate) mod audience;
pub(crate) mod confirmation;
pub(crate) mod identity;
pub(crate) mod kind;
pub(crate) mod lifetime;
pub(crate) mod scopes;
