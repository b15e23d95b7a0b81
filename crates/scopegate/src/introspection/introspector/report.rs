//! Log events of an introspector. Attackers can cause calls, so events are limited.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::introspection::calls::circuit::{Cause, Change, Evidence};
use crate::introspection::introspector::Introspector;
use crate::introspection::responses::failure::Failure;
use crate::telemetry::causes::with_causes;
use crate::telemetry::log_limit::LogLimit;
use crate::telemetry::metrics;

/// The limits: one event of each kind in 10 s. An event about a token must not hide an event about
/// the credentials of this API.
pub(super) struct Report {
    credentials: LogLimit,
    failures: LogLimit,
    prevented: LogLimit,
    opened: LogLimit,
    /// The last opening of the circuit was logged, so its closing is logged too.
    is_opening_logged: AtomicBool,
}

impl Default for Report {
    fn default() -> Self {
        let one = || LogLimit::new(1);
        Self {
            credentials: one(),
            failures: one(),
            prevented: one(),
            opened: one(),
            is_opening_logged: AtomicBool::new(false),
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
        match change {
            Change::None => {}
            Change::Opened => {
                metrics::introspection_suspended(&of.caller.label, true);
                if self.opened.allows_one() {
                    self.is_opening_logged.store(true, Ordering::Relaxed);
                    tracing::warn!(issuer, endpoint, "introspection keeps failing, calls are suspended");
                }
            }
            Change::Closed => {
                metrics::introspection_suspended(&of.caller.label, false);
                if self.is_opening_logged.swap(false, Ordering::Relaxed) {
                    tracing::info!(issuer, endpoint, "introspection works again");
                }
            }
        }
    }
}
