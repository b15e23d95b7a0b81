//! One call of a resolver, and the requests that wait for it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use tokio::sync::{Semaphore, watch};
use tokio::time::{timeout, timeout_at};

use crate::background::catch_panic::catch_panic;
use crate::issuer::Issuer;
use crate::issuer::issuers::Resolve;
use crate::telemetry::causes::with_causes;
use crate::verifier::trust::resolver::budget::Cause;
use crate::verifier::trust::resolver::{Resolver, Returned};

/// Maximum number of requests that wait for calls. Each holds a connection and some kilobytes.
const MAX_WAITING: usize = 4_096;

/// Maximum number of requests that wait for one call.
const MAX_WAITING_PER_CALL: usize = 1_024;

/// The end of the wait for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The call has a result.
    Settled,
    /// The application has changed the trust in the name meanwhile, so that the result does not
    /// count.
    Forgotten,
}

/// A call that is queued or runs.
pub(crate) struct Resolution {
    pub(super) cause: Cause,
    /// It has got a permit. Only the holder of the resolver's lock writes it.
    begun: AtomicBool,
    end: watch::Sender<Option<End>>,
    /// The number of requests that wait for calls of the same resolver.
    waiting: Arc<AtomicUsize>,
}

impl Resolution {
    pub(super) fn new(cause: Cause, waiting: &Arc<AtomicUsize>) -> Self {
        let (begun, end) = (AtomicBool::new(false), watch::Sender::new(None));
        Self { cause, begun, end, waiting: Arc::clone(waiting) }
    }

    /// Records that the call has got a permit.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Returns whether it is a renewal without a permit. It may wait for renewals that hang, so
    /// requests must not wait for it.
    pub(super) fn is_queued_renewal(&self) -> bool {
        self.cause.is_renewal() && !self.begun.load(Ordering::Relaxed)
    }

    /// Waits for the end of the call. Returns `None` at once if too many requests wait already.
    pub(crate) async fn ended(&self) -> Option<End> {
        let permit = WaitPermit(&self.waiting);
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        if before >= MAX_WAITING || self.end.receiver_count() >= MAX_WAITING_PER_CALL {
            return None;
        }
        let mut receiver = self.end.subscribe();
        let end = receiver.wait_for(Option::is_some).await.ok().and_then(|end| *end);
        drop(permit);
        end
    }

    pub(super) fn settle(&self) {
        self.end(End::Settled);
    }

    pub(super) fn forget(&self) {
        self.end(End::Forgotten);
    }

    /// Wakes the requests that wait. The first end counts.
    fn end(&self, end: End) {
        self.end.send_if_modified(|current| current.is_none() && current.replace(end).is_none());
    }
}

/// Dropping it, also by a client that disconnected, ends the wait.
struct WaitPermit<'w>(&'w AtomicUsize);

impl Drop for WaitPermit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The end of a call.
pub(super) enum Outcome {
    Returned(Option<Box<Issuer>>),
    /// The reason for the log.
    Failed(String),
}

/// A call. If it is dropped before its end, it has failed: it has panicked, or its runtime has ended.
pub(super) struct Call {
    pub(super) resolver: Weak<Resolver>,
    pub(super) name: Arc<str>,
    pub(super) resolution: Arc<Resolution>,
}

impl Call {
    pub(super) async fn run(self, resolve: Resolve, budget: Arc<Semaphore>, limit: Duration) {
        let permit = budget.acquire_owned().await;
        let begins = |resolver: Arc<Resolver>| resolver.begin(&self.name, &self.resolution);
        if !self.resolver.upgrade().is_some_and(begins) {
            // The name was forgotten, or a request has begun its own call.
            self.resolution.settle();
            return;
        }
        // The text of an error is the application's code, too.
        let shown = |error| Excerpt::new(&ToString::to_string(&error)).to_string();
        let call = catch_panic(async { resolve(&self.name).await.map_err(shown) });
        let answer = timeout(limit, call).await;
        let outcome = match answer {
            Ok(Ok(Ok(issuer))) => Outcome::Returned(issuer.map(Box::new)),
            Ok(Ok(Err(reason))) => Outcome::Failed(reason),
            Ok(Err(panic)) => Outcome::Failed(format!("the resolver has panicked: {panic}")),
            Err(_) => Outcome::Failed(format!("no answer within {} s", limit.as_secs_f64())),
        };
        drop(permit);
        let read = self.resolver.upgrade().map(|resolver| resolver.read(&self.name, outcome));
        let Some(result) = read else { return };
        self.end(self.with_keys(result).await);
    }

    /// Waits for the first keys of an issuer that has another key set than before. Until then, the
    /// issuer is trusted as before.
    async fn with_keys(&self, result: Result<Option<Returned>, String>) -> Result<Option<Returned>, String> {
        let Ok(Some(returned)) = &result else { return result };
        let deadline = self.resolver.upgrade().and_then(|resolver| resolver.waits_for_keys(returned));
        let keys = returned.member.issuer.keys.fetched();
        let (Some(deadline), Some(keys)) = (deadline, keys) else { return result };
        match timeout_at(deadline, keys.refresh().initial_fetch()).await {
            Ok(Some(failure)) => {
                Err(format!("its new key set was not fetched: {}", with_causes(&failure.error)))
            }
            Ok(None) | Err(_) => result,
        }
    }

    fn end(&self, result: Result<Option<Returned>, String>) {
        if let Some(resolver) = self.resolver.upgrade() {
            resolver.settle(&self.name, &self.resolution, result);
        }
        self.resolution.settle();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.resolution.end.borrow().is_none() {
            let is_panic = std::thread::panicking();
            let reason = if is_panic { "the resolver has panicked" } else { "the runtime has ended" };
            self.end(Err(String::from(reason)));
        }
    }
}
