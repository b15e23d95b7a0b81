//! Log events and the gauge of an introspector. Attackers can cause calls, so events are limited.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::background::catch_panic::ignore_panic;
use crate::introspection::calls::circuit::{Cause, Evidence};
use crate::introspection::calls::circuits::{Change, Suspended};
use crate::introspection::introspector::Introspector;
use crate::introspection::responses::failure::Failure;
use crate::telemetry::causes::with_causes;
use crate::telemetry::log_limit::LogLimit;
use crate::telemetry::metrics;
use crate::telemetry::metrics::issuer_label::IssuerLabel;

/// The limits: one event of each kind in 10 s. An event about a token must not hide an event about
/// the credentials of this API, and suspended calls for unseen tokens not those for known ones.
pub(super) struct Report {
    credentials: LogLimit,
    failures: LogLimit,
    prevented: LogLimit,
    suspended: LogLimit,
    suspended_unseen: LogLimit,
    /// The last suspension was logged, so its end is logged too.
    is_suspension_logged: AtomicBool,
    /// The calls of the introspector that this one replaces were suspended. The first success shows
    /// that the change has helped.
    follows_suspension: AtomicBool,
    gauge: Mutex<Gauge>,
}

/// The state of the gauge that introspectors of one issuer share.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gauge {
    Zero,
    One,
    /// It belongs to a successor. Calls that end later do not change it.
    HandedOver,
}

impl Default for Report {
    fn default() -> Self {
        let one = || LogLimit::new(1);
        Self {
            credentials: one(),
            failures: one(),
            prevented: one(),
            suspended: one(),
            suspended_unseen: one(),
            is_suspension_logged: AtomicBool::new(false),
            follows_suspension: AtomicBool::new(false),
            gauge: Mutex::new(Gauge::Zero),
        }
    }
}

impl Report {
    /// Reports a request that gets no result, because its call is prevented or not awaited.
    pub(super) fn prevented(&self, of: &Introspector, reason: &'static str) {
        metrics::introspection_prevented(&of.caller.label, reason);
        if self.prevented.allows_one() {
            let (issuer, endpoint) = (&*of.caller.issuer, of.endpoint.url.without_query());
            tracing::warn!(issuer, endpoint, reason, "introspection prevented");
        }
    }

    /// Reports the end of a call.
    pub(super) fn ended(&self, of: &Introspector, change: Change, failure: Option<&Failure>) {
        let (issuer, endpoint) = (&*of.caller.issuer, of.endpoint.url.without_query());
        if let Some(failure) = failure {
            let is_ours = failure.evidence() == Evidence::Fails(Cause::Credentials);
            if is_ours && self.credentials.allows_one() {
                let error = with_causes(failure);
                tracing::error!(issuer, endpoint, error, "introspection credentials are invalid");
            } else if !is_ours && self.failures.allows_one() {
                let error = with_causes(failure);
                tracing::warn!(issuer, endpoint, error, "introspection failed");
            }
        }
        let works = failure.is_none() && self.follows_suspension.swap(false, Ordering::Relaxed);
        match change {
            Change::None if works => tracing::info!(issuer, endpoint, "introspection works again"),
            Change::None => {}
            Change::Opened(suspended) => {
                self.set_gauge(&of.caller.label, true);
                if self.of(suspended).allows_one() {
                    self.is_suspension_logged.store(true, Ordering::Relaxed);
                    let tokens = suspended.as_str();
                    tracing::warn!(
                        issuer,
                        endpoint,
                        tokens,
                        "introspection keeps failing, calls are suspended"
                    );
                }
            }
            Change::Closed => {
                self.set_gauge(&of.caller.label, false);
                if self.is_suspension_logged.swap(false, Ordering::Relaxed) {
                    tracing::info!(issuer, endpoint, "introspection works again");
                }
            }
        }
    }

    fn of(&self, suspended: Suspended) -> &LogLimit {
        if suspended.known { &self.suspended } else { &self.suspended_unseen }
    }

    /// Continues the report of an introspector that this one replaces, with calls that are not
    /// suspended.
    pub(super) fn continue_with(&self, before: &Self, label: &IssuerLabel) {
        if before.hand_over_gauge(label) {
            self.follows_suspension.store(true, Ordering::Relaxed);
        }
    }

    /// Ends the use of the gauge. Returns whether calls were suspended.
    pub(super) fn hand_over_gauge(&self, label: &IssuerLabel) -> bool {
        let was_suspended = std::mem::replace(&mut *self.gauge(), Gauge::HandedOver) == Gauge::One;
        if was_suspended {
            // A panic of the recorder must not prevent the change of an issuer.
            ignore_panic(|| metrics::introspection_suspended(label, false));
        }
        was_suspended
    }

    fn set_gauge(&self, label: &IssuerLabel, is_suspended: bool) {
        let mut gauge = self.gauge();
        if *gauge != Gauge::HandedOver {
            *gauge = if is_suspended { Gauge::One } else { Gauge::Zero };
            // With the lock, so that no earlier value follows.
            metrics::introspection_suspended(label, is_suspended);
        }
    }

    fn gauge(&self) -> MutexGuard<'_, Gauge> {
        // No code that runs under this lock leaves the state half changed.
        self.gauge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
