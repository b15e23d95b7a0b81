//! The state of a resolver under its lock: live issuers, pending calls and their results.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::time::Instant;

use super::answers::Answers;
use super::budget::{Cause, Queued};
use super::call::Resolution;
use super::live::LiveIssuers;
use super::parked::Parked;
use crate::keys::source::KeySource;
use crate::status::ResolverStatus;
use crate::verifier::trust::change_log::Change;
use crate::verifier::trust::member::Member;

/// The state under the lock. Requests of live issuers do not take it.
pub(super) struct State {
    pub(super) live: LiveIssuers,
    pub(super) parked: Parked,
    pub(super) pending: HashMap<Arc<str>, Arc<Resolution>>,
    pub(super) queued: Queued,
    pub(super) answers: Answers,
    /// The number of requests that wait for calls.
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) counts: ResolverStatus,
    /// The changes that are not yet recorded, because subscribers must not run under the lock.
    pub(super) changes: Vec<(Change, Arc<str>)>,
    /// The part of `live_of_all` that is of this resolver.
    pub(super) recorded: usize,
}

impl State {
    pub(super) fn new(max_issuers: usize) -> Self {
        Self {
            live: LiveIssuers::new(max_issuers),
            parked: Parked::default(),
            pending: HashMap::new(),
            queued: Queued::default(),
            answers: Answers::default(),
            waiting: Arc::default(),
            counts: ResolverStatus::default(),
            changes: Vec::new(),
            recorded: 0,
        }
    }

    /// Adds a call, which replaces a pending one. Returns `None` if there are too many.
    pub(super) fn enqueue(&mut self, name: Arc<str>, cause: Cause) -> Option<(Arc<str>, Arc<Resolution>)> {
        if !self.queued.add(cause) {
            return None;
        }
        self.dequeue(&name);
        let resolution = Arc::new(Resolution::new(cause, &self.waiting));
        self.pending.insert(Arc::clone(&name), Arc::clone(&resolution));
        Some((name, resolution))
    }

    /// Removes the pending call for a name, and returns it. Its result does not count.
    pub(super) fn dequeue(&mut self, name: &str) -> Option<Arc<Resolution>> {
        let resolution = self.pending.remove(name)?;
        self.queued.remove(resolution.cause);
        Some(resolution)
    }

    /// Keeps the key source of an evicted issuer, if it has one. Returns the sources that no longer
    /// stay.
    pub(super) fn park(
        &mut self,
        evicted: Option<&Member>,
        time: Duration,
        now: Instant,
    ) -> Vec<Arc<KeySource>> {
        let mut ended = self.parked.take_older(time, now);
        if let Some(source) = evicted.and_then(|member| member.source.as_ref()) {
            ended.extend(self.parked.add(Arc::clone(source), now));
        }
        ended
    }

    pub(super) fn is_current(&self, name: &str, resolution: &Arc<Resolution>) -> bool {
        self.pending.get(name).is_some_and(|current| Arc::ptr_eq(current, resolution))
    }
}
