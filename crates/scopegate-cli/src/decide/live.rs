//! The rules in use, which a reload replaces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use scopegate::Verifier;
use tokio::sync::Notify;

use crate::decide::rules::Rules;

/// The rules in use, and the verifier of all of them.
///
/// Rules are replaced at once. The rules of an issuer are in the verifier, so a reload that changes them
/// takes two steps. Requests that meet it are decided again: no request is decided by the routes of one
/// file and the issuers of another.
pub(crate) struct Live {
    pub(crate) verifier: Verifier,
    rules: ArcSwap<Rules>,
    /// Odd while issuers change.
    generation: AtomicU64,
    settled: Notify,
}

/// The rules at one time.
pub(super) struct Snapshot {
    pub(super) rules: Arc<Rules>,
    generation: u64,
}

impl Live {
    pub(crate) fn new(verifier: Verifier, rules: Rules) -> Self {
        let rules = ArcSwap::from_pointee(rules);
        Self { verifier, rules, generation: AtomicU64::new(0), settled: Notify::new() }
    }

    /// Returns the rules in use, also while issuers change.
    ///
    /// Do not hold them while you wait.
    pub(crate) fn rules(&self) -> Guard<Arc<Rules>> {
        self.rules.load()
    }

    /// Returns the rules for a decision. Waits while issuers change, which takes microseconds.
    pub(super) async fn snapshot(&self) -> Snapshot {
        loop {
            // Created first, so that no notification is missed.
            let settled = self.settled.notified();
            let generation = self.generation.load(Ordering::SeqCst);
            if generation.is_multiple_of(2) {
                return Snapshot { rules: self.rules.load_full(), generation };
            }
            settled.await;
        }
    }

    /// Returns whether no issuer has changed since the snapshot.
    pub(super) fn is_current(&self, snapshot: &Snapshot) -> bool {
        self.generation.load(Ordering::SeqCst) == snapshot.generation
    }

    /// Replaces the rules. Only one task may call it.
    pub(crate) fn replace(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// Changes issuers, and returns the result. `change` calls [`replace`](Self::replace) if it succeeds.
    /// Only one task may call it.
    pub(crate) fn change_issuers<T>(&self, change: impl FnOnce() -> T) -> T {
        self.generation.fetch_add(1, Ordering::SeqCst);
        let result = change();
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.settled.notify_waiters();
        result
    }
}
