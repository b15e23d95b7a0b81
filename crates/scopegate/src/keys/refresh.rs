//! Key refresh: when are the keys of an issuer fetched again?
//!
//! The schedule decides, the background task fetches, and requests reach both through the handle.

pub(crate) mod error;
pub(crate) mod handle;
pub(crate) mod outcome;
#[cfg(feature = "fetch")]
pub(crate) mod reader;
pub(crate) mod schedule;
#[cfg(feature = "fetch")]
pub(crate) mod task;
pub(crate) mod waiting;
