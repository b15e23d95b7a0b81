//! The task of a resolver: which issuers are renewed, and which end?

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Resolver;
use super::live::EndedIssuer;
use crate::verifier::trust::change_log::Change;

impl Resolver {
    /// Drops the key sources that no longer stay. Returns when the next one is due.
    fn unpark(&self) -> Option<Instant> {
        let mut state = self.state();
        let ended = state.park(None, self.parked_for, Instant::now());
        let next = state.parked.oldest().map(|at| at + self.parked_for);
        drop(state);
        drop(ended);
        next
    }

    /// Drops the issuers whose lifetime is over, and calls the resolver for issuers in use.
    fn look(self: &Arc<Self>) {
        let (mut state, now) = (self.state(), Instant::now());
        let (ended, renewed) = state.live.due(now);
        let mut removed = Vec::with_capacity(ended.len());
        for EndedIssuer { member, was_used } in ended {
            let change = if was_used { Change::Lapsed } else { Change::Unused };
            state.changes.push((change, Arc::clone(&member.issuer.identifier)));
            removed.push(member);
        }
        self.end(&removed);
        let mut begun = Vec::with_capacity(renewed.len());
        for (name, cause) in renewed {
            if !state.pending.contains_key(&name) {
                begun.extend(state.enqueue(name, cause));
            }
        }
        self.release(state);
        drop(removed);
        for (name, resolution) in begun {
            self.call(name, resolution);
        }
    }
}

pub(super) async fn look_after(resolver: Weak<Resolver>, period: Duration) {
    let mut look_at = Instant::now() + period;
    loop {
        let Some(resolver) = resolver.upgrade() else { return };
        if Instant::now() >= look_at {
            resolver.look();
            look_at = Instant::now() + period;
        }
        let wake_at = resolver.unpark().map_or(look_at, |at| at.min(look_at));
        let parked = Arc::clone(&resolver.parked);
        // The wait must not keep the resolver alive.
        drop(resolver);
        tokio::select! {
            () = sleep_until(wake_at) => {}
            () = parked.notified() => {}
        }
    }
}
