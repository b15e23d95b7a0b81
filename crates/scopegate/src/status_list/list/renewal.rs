//! The methods of a list for the task that renews it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scopegate_proto::backoff::jitter;
use tokio::time::{Instant, sleep_until};

use super::{BY_TASK, List, MIN_PERIOD};
use crate::status_list::document::{SignedBy, VerifiedList};
use crate::status_list::error::ListError;
use crate::status_list::snapshot::Snapshot;
use crate::telemetry::causes::with_causes;
use crate::token::numeric_date::NumericDate;

/// The part of the period after which a list is renewed, and its random deviation, as for key sets.
const RENEW_AT: f64 = 0.8;
const JITTER: f64 = 0.1;

/// A list is used for this long after the issuer has withdrawn the key that signed it, if it cannot
/// be renewed. An issuer may replace the key a little earlier than its lists.
const USED_WITHOUT_KEY: Duration = Duration::from_secs(300);

/// If a list is this much older than its period, requests wait for a fetch. The process may have
/// been suspended.
const OVERDUE_AFTER: Duration = Duration::from_secs(10);

/// A list that no token uses is not renewed. This is its period without a use.
const IDLE: Duration = Duration::from_secs(3_600);

/// The next fetch of an idle list. The next token makes a fetch due earlier.
const NEVER: Duration = Duration::from_secs(30 * 24 * 3_600);

impl List {
    /// Waits until a fetch is due.
    pub(in crate::status_list) async fn wait_until_due(&self) {
        loop {
            let due = self.state().due;
            if due <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Begins a fetch. Returns `false` if no token has used the list for an hour. The
    /// list is then dropped, and the next token makes a fetch due.
    ///
    /// Each look-up is a use, by a revoked token too. Without the list, that token would get 503 and
    /// cause another fetch.
    ///
    /// It also drops a list that has reached its end by the monotonic clock, because the wall clock
    /// may have been set back.
    pub(in crate::status_list) fn begin(&self) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        if self.take_use(BY_TASK) {
            state.last_use = now;
        }
        let is_idle = now.duration_since(state.last_use) >= IDLE;
        if is_idle || state.usable_until.is_some_and(|end| now >= end) {
            self.drop_snapshot(&mut state);
        }
        if is_idle {
            state.due = now + NEVER;
            state.backoff.reset();
        }
        state.under_way = !is_idle && !state.ended;
        state.under_way
    }

    /// Replaces the list. `asked` is the time before the request, `random` is uniform
    /// in 0..1. Fails if the list is older than an earlier one, or if the budget has no room.
    pub(in crate::status_list) fn publish(
        &self,
        list: VerifiedList,
        asked: (Instant, SystemTime),
        max_stale: Duration,
        random: f64,
    ) -> Result<(), ListError> {
        let mut state = self.state();
        if state.ended {
            // Its room may be another list's by now.
            return Ok(());
        }
        let at = NumericDate::from(asked.1);
        let usable_until = list.usable_until(at, max_stale);
        if usable_until <= at {
            return Err(ListError::TooOld { issued_at: list.issued_at, max_stale });
        }
        if let Some(newest) = state.newest.filter(|newest| list.issued_at < *newest) {
            return Err(ListError::Older { issued_at: list.issued_at, newest });
        }
        state.newest = Some(list.issued_at);
        state.reserved.set(list.array.len()).map_err(ListError::NoMemory)?;
        let rest = usable_until.duration_since(at);
        let period = list.ttl.min(max_stale / 2).min(rest.max(MIN_PERIOD));
        let current_until = at.plus(period + OVERDUE_AFTER);
        let not_before = at.minus(max_stale);
        let snapshot = Snapshot::new(list.array, not_before, current_until, usable_until);
        self.snapshot.store(Some(Arc::new(snapshot)));
        let now = Instant::now();
        state.fetched = Some((now, at.plus(now.saturating_duration_since(asked.0))));
        state.usable_until = Some(asked.0 + rest);
        state.signed_by = Some(list.signed_by);
        state.backoff.reset();
        state.last_success = Some(asked.1);
        state.last_failure = None;
        let renewal = asked.0 + period.mul_f64(RENEW_AT * jitter(JITTER, random));
        state.end_fetch(renewal.max(now + MIN_PERIOD));
        self.changed.send_replace(());
        Ok(())
    }

    /// If the issuer no longer publishes the key that signed the list, makes a fetch
    /// due, and ends the list 5 min later. Returns whether it did.
    pub(in crate::status_list) fn check_key(
        &self,
        now: NumericDate,
        publishes: impl FnOnce(&SignedBy) -> bool,
    ) -> bool {
        let mut state = self.state();
        if state.signed_by.as_ref().is_none_or(publishes) {
            return false;
        }
        state.signed_by = None;
        if let Some(snapshot) = self.snapshot.load().as_deref() {
            snapshot.end_by(now.plus(USED_WITHOUT_KEY));
        }
        let end = Instant::now() + USED_WITHOUT_KEY;
        state.usable_until = state.usable_until.map(|until| until.min(end));
        self.make_due(&mut state, now);
        true
    }

    /// Records a failed fetch. The list stays.
    pub(in crate::status_list) fn failed(&self, error: &ListError, now: NumericDate, random: f64) {
        let mut state = self.state();
        self.extend(now);
        let delay = state.backoff.next_delay(random);
        state.last_failure = Some(with_causes(error));
        state.end_fetch(Instant::now() + delay);
        self.changed.send_replace(());
    }

    /// Records the end of the task. If its runtime has ended, requests use the list until its end.
    pub(in crate::status_list) fn ended(&self) {
        self.state().ended = true;
        self.changed.send_replace(());
    }
}
