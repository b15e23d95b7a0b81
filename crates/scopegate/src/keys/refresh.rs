//! When are the keys of an issuer fetched again, and by whom?

pub(crate) mod schedule;
pub(crate) mod task;
