//! One open connection of a store, and whether it is of use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scopegate_proto::backoff::Backoff;

use crate::connection::open::Connection;

/// Delays between attempts to connect. The longest one is the `Retry-After` of the responses.
pub(super) const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

/// A connection to a server that has responded.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// The number of proofs that were looked up or stored.
    uses: AtomicU64,
    /// The delays since the last connection that was of use.
    backoff: Backoff,
}

impl Opened {
    pub(super) fn new(connection: Connection, backoff: Backoff) -> Self {
        Self { connection, uses: AtomicU64::new(0), backoff }
    }

    /// Notes that a proof was looked up or stored.
    pub(super) fn was_of_use(&self) {
        self.uses.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the delays before another connection.
    pub(super) fn backoff(&self) -> Backoff {
        if self.uses() == 0 { self.backoff.clone() } else { BACKOFF }
    }

    pub(super) fn uses(&self) -> u64 {
        self.uses.load(Ordering::Relaxed)
    }
}

/// A connection with a late response, which may still arrive.
pub(super) struct Stalled {
    pub(super) opened: Arc<Opened>,
    uses_before: u64,
}

impl Stalled {
    pub(super) fn new(opened: &Arc<Opened>) -> Self {
        Self { opened: Arc::clone(opened), uses_before: opened.uses() }
    }

    /// Whether a response has arrived meanwhile, so that the server is slow only.
    pub(super) fn is_of_use(&self) -> bool {
        self.opened.uses() > self.uses_before
    }
}
