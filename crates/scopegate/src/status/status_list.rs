//! The state of the status lists, for operators.

use std::time::SystemTime;

/// The state of one status list of an issuer. Get it from
/// [`IssuerStatus::status_lists`](crate::IssuerStatus::status_lists).
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusListStatus {
    /// The list's URL, without its query.
    pub url: String,
    /// Whether tokens of the list can be accepted.
    pub usable: bool,
    /// The time at which the current list was requested.
    pub fetched_at: Option<SystemTime>,
    /// The size of the inflated list in bytes.
    pub bytes: usize,
    /// The error of the last fetch with all causes. `None` if it succeeded.
    pub last_failure: Option<String>,
}
