//! Which credentials does a request carry? One file for each scheme.

pub(crate) mod bearer;
