//! When are the keys of an issuer fetched again, and by whom? The schedule decides, the task fetches, and
//! requests reach both through the handle.

pub(crate) mod error;
pub(crate) mod handle;
pub(crate) mod schedule;
pub(crate) mod task;
