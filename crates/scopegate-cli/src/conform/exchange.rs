//! The record of a hostile request.

use crate::conform::response::{NoResponse, Response};

/// A request that was sent, and its result.
pub(super) struct Exchange {
    /// The id of its check.
    pub(super) check: &'static str,
    pub(super) label: &'static str,
    pub(super) response: Result<Response, NoResponse>,
}
