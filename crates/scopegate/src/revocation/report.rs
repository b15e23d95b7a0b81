//! What does an operator see of the revocations?

use std::sync::Arc;

use crate::revocation::Revocations;
use crate::revocation::source::RevocationSource;
use crate::status::revocation::{RevocationSourceStatus, RevocationStatus};

impl Revocations {
    /// Returns the number of entries, and the state of each source.
    pub fn status(&self) -> RevocationStatus {
        let sources = self.0.sources.load();
        let sources = sources.iter().map(|state| {
            let source = RevocationSource { shared: Arc::clone(&self.0), state: Arc::clone(state) };
            source.status()
        });
        RevocationStatus {
            ready: self.is_ready(),
            fresh: self.0.freshness.is_fresh(|| self.0.clock.now().into()),
            entries: self.0.store.len(),
            capacity: self.0.store.capacity(),
            sources: sources.collect(),
        }
    }
}

impl RevocationSource {
    fn status(&self) -> RevocationSourceStatus {
        let feed = self.state.feed().clone();
        let untrusted = self.untrusted();
        RevocationSourceStatus {
            name: self.name().to_owned(),
            entries: self.shared.store.len_of(self.state.id),
            synced_at: feed.synced_at.map(|(_, at)| at),
            age: feed.synced_at.map(|(at, _)| at.elapsed()),
            max_feed_age: feed.max_age,
            last_failure: feed.last_failure,
            degraded: feed.degraded,
            malformed: feed.malformed.0,
            malformed_lines: feed.malformed.1,
            untrusted: untrusted.entries,
            untrusted_issuers: untrusted.names,
            incomplete: self.is_incomplete(),
            held: feed.held,
        }
    }
}
