//! The budgets of calls. Each kind of call has its own, so none waits for another kind.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Maximum number of names that are asked for or wait to be, for requests and for their retries
/// each. A name waits for some milliseconds, and requests for 2 s.
pub(super) const MAX_QUEUED: usize = 1_024;

/// The cause of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A request has named an issuer that is not live.
    Request,
    /// The same, and the last call for the name failed.
    RetriedRequest,
    /// The lifetime of a live issuer will end.
    Renewal,
    /// The same, and the last call for the name failed.
    RetriedRenewal,
}

impl Cause {
    pub(super) fn is_renewal(self) -> bool {
        matches!(self, Self::Renewal | Self::RetriedRenewal)
    }
}

/// The permits to call the resolver.
///
/// Calls that hang hold their permits for seconds. From its second call on, a name delays neither
/// new tenants, which share the budget of requests with invented names, nor live issuers.
pub(super) struct Budgets {
    requests: Arc<Semaphore>,
    retried_requests: Arc<Semaphore>,
    renewals: Arc<Semaphore>,
    retried_renewals: Arc<Semaphore>,
}

impl Budgets {
    pub(super) fn new(calls: usize) -> Self {
        let budget = || Arc::new(Semaphore::new(calls));
        Self {
            requests: budget(),
            retried_requests: budget(),
            renewals: budget(),
            retried_renewals: budget(),
        }
    }

    pub(super) fn of(&self, cause: Cause) -> Arc<Semaphore> {
        Arc::clone(match cause {
            Cause::Request => &self.requests,
            Cause::RetriedRequest => &self.retried_requests,
            Cause::Renewal => &self.renewals,
            Cause::RetriedRenewal => &self.retried_renewals,
        })
    }
}

/// The number of pending calls that requests have caused. Renewals are bounded by the live issuers.
#[derive(Default)]
pub(super) struct Queued {
    requests: usize,
    retried_requests: usize,
}

impl Queued {
    /// Counts a call that begins to wait. Returns `false` if there are too many.
    pub(super) fn add(&mut self, cause: Cause) -> bool {
        let Some(queued) = self.of(cause) else { return true };
        if *queued >= MAX_QUEUED {
            return false;
        }
        *queued += 1;
        true
    }

    pub(super) fn remove(&mut self, cause: Cause) {
        if let Some(queued) = self.of(cause) {
            *queued -= 1;
        }
    }

    fn of(&mut self, cause: Cause) -> Option<&mut usize> {
        match cause {
            Cause::Request => Some(&mut self.requests),
            Cause::RetriedRequest => Some(&mut self.retried_requests),
            Cause::Renewal | Cause::RetriedRenewal => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_retries_are_limited_each() {
        let mut queued = Queued::default();
        for cause in [Cause::Request, Cause::RetriedRequest] {
            assert!((0..MAX_QUEUED).all(|_| queued.add(cause)) && !queued.add(cause), "{cause:?}");
            queued.remove(cause);
            assert!(queued.add(cause) && !queued.add(cause));
        }
        assert!((0..2 * MAX_QUEUED).all(|_| queued.add(Cause::Renewal)));
    }
}
