//! What have the calls brought so far? For the status, and for the time until the next attempt.

use std::time::Duration;

use tokio::time::Instant;

use crate::introspection::calls::circuit::Evidence;
use crate::status::introspection::IntrospectionStatus;

/// The results of the calls that have ended.
#[derive(Default)]
pub(crate) struct Tally {
    succeeded: u64,
    failed: u64,
    last_failure: Option<String>,
    /// The end of the time that the server has asked for.
    busy_until: Option<Instant>,
}

impl Tally {
    /// Records the end of a call. Returns the failure before it, to be dropped without the lock.
    pub(crate) fn record(
        &mut self,
        evidence: Evidence,
        failure: Option<String>,
        busy_until: Option<Instant>,
    ) -> Option<String> {
        match evidence {
            Evidence::None => return failure,
            Evidence::Works => self.succeeded += 1,
            Evidence::Fails(_) | Evidence::Undecided => self.failed += 1,
        }
        self.busy_until = busy_until;
        std::mem::replace(&mut self.last_failure, failure)
    }

    /// Returns how long the server wants no calls.
    pub(crate) fn busy_for(&self, now: Instant) -> Duration {
        self.busy_until.map(|until| until.saturating_duration_since(now)).unwrap_or_default()
    }

    /// Adds the results to a status.
    pub(crate) fn report(&self, status: IntrospectionStatus) -> IntrospectionStatus {
        IntrospectionStatus {
            calls_succeeded: self.succeeded,
            calls_failed: self.failed,
            last_failure: self.last_failure.clone(),
            ..status
        }
    }
}
