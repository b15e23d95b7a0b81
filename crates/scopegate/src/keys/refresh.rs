//! When are the keys of an issuer fetched again, and by whom? The schedule decides, the task fetches, and
//! requests reach both through the handle.

pub(crate) mod abort_on_drop;
#[cfg(feature = "fetch")]
mod catch_panic;
pub(crate) mod error;
pub(crate) mod handle;
pub(crate) mod outcome;
#[cfg(feature = "fetch")]
mod reader;
pub(crate) mod schedule;
#[cfg(feature = "fetch")]
pub(crate) mod task;
mod waiting;
