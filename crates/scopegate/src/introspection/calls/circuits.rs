//! The circuit breakers of an endpoint, one for each class of tokens. An endpoint may fail for
//! invented tokens only, and then accepted tokens must stay usable.

use scopegate_proto::token_digest::TokenDigest;
use tokio::time::Instant;

use crate::introspection::calls::circuit::{Cause, Change, Circuit, Evidence, Prevented, Role};
use crate::introspection::calls::class::Class;

/// The breakers. Calls for known tokens are evidence for both, and other calls for the second one
/// only.
#[derive(Default)]
pub(crate) struct Circuits {
    known: Circuit,
    unseen: Circuit,
}

/// A call that ends.
pub(crate) struct Ended<'d> {
    pub(crate) class: Class,
    pub(crate) role: Role,
    pub(crate) begun_at: Instant,
    /// The token, if it was accepted before.
    pub(crate) accepted: Option<&'d TokenDigest>,
}

impl Circuits {
    /// Returns the role of a call that begins now.
    pub(crate) fn role(&self, class: Class, was_accepted: bool, now: Instant) -> Result<Role, Prevented> {
        self.of(class).role(was_accepted, now)
    }

    /// Returns whether no ordinary call of this class is made.
    pub(crate) fn is_open(&self, class: Class) -> bool {
        self.of(class).is_open()
    }

    /// Returns the reason why calls of a class are suspended, first of known tokens.
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.known.cause().or_else(|| self.unseen.cause())
    }

    /// Records the begin of a call with the role that [`role`](Self::role) returned.
    pub(crate) fn begin(&mut self, class: Class, role: Role) {
        match class {
            Class::Known => self.known.begin(role),
            Class::Unseen => self.unseen.begin(role),
        }
    }

    /// Records the end of a call.
    pub(crate) fn end(&mut self, call: &Ended<'_>, evidence: Evidence, now: Instant) -> Change {
        let before = self.cause();
        match call.class {
            Class::Known => {
                self.known.end(call.role, call.accepted, evidence, now);
                if evidence == Evidence::Works {
                    self.unseen.works_since(call.begun_at);
                } else {
                    self.unseen.end(Role::Ordinary, call.accepted, evidence, now);
                }
            }
            Class::Unseen => {
                self.unseen.end(call.role, call.accepted, evidence, now);
            }
        }
        match (before, self.cause()) {
            (None, Some(_)) => Change::Opened,
            (Some(_), None) => Change::Closed,
            (None, None) | (Some(_), Some(_)) => Change::None,
        }
    }

    fn of(&self, class: Class) -> &Circuit {
        match class {
            Class::Known => &self.known,
            Class::Unseen => &self.unseen,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const OUTAGE: Evidence = Evidence::Fails(Cause::Outage);

    fn end(circuits: &mut Circuits, class: Class, evidence: Evidence, now: Instant) -> Change {
        let call = Ended { class, role: Role::Ordinary, begun_at: now, accepted: None };
        circuits.end(&call, evidence, now)
    }

    /// Returns circuits after five failures of this class.
    fn failed(class: Class, now: Instant) -> Circuits {
        let mut circuits = Circuits::default();
        let changes: Vec<_> = (0..5).map(|_| end(&mut circuits, class, OUTAGE, now)).collect();
        assert_eq!(changes.iter().filter(|change| **change == Change::Opened).count(), 1);
        circuits
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_unseen_tokens_suspend_unseen_ones_only() {
        // IN13
        let now = Instant::now();
        let circuits = failed(Class::Unseen, now);
        assert!(circuits.is_open(Class::Unseen) && !circuits.is_open(Class::Known));
        assert_eq!(circuits.role(Class::Known, false, now), Ok(Role::Ordinary));
        let circuits = failed(Class::Known, now);
        assert!(circuits.is_open(Class::Unseen) && circuits.is_open(Class::Known), "IN15");
    }

    #[tokio::test(start_paused = true)]
    async fn later_success_of_a_known_token_ends_the_suspension() {
        let now = Instant::now();
        let mut circuits = failed(Class::Unseen, now);
        assert_eq!(end(&mut circuits, Class::Known, Evidence::Works, now), Change::None, "it began before");
        assert_eq!(end(&mut circuits, Class::Known, Evidence::Undecided, now + SECOND), Change::None);
        assert!(circuits.is_open(Class::Unseen));
        assert_eq!(end(&mut circuits, Class::Known, Evidence::Works, now + SECOND), Change::Closed);
        assert!(!circuits.is_open(Class::Unseen));
    }

    #[tokio::test(start_paused = true)]
    async fn success_of_an_unseen_token_says_nothing_of_known_ones() {
        let now = Instant::now();
        let mut circuits = failed(Class::Known, now);
        let due = now + 3 * SECOND;
        assert_eq!(circuits.role(Class::Unseen, false, due), Ok(Role::Probe));
        circuits.begin(Class::Unseen, Role::Probe);
        let probe = Ended { class: Class::Unseen, role: Role::Probe, begun_at: due, accepted: None };
        assert_eq!(circuits.end(&probe, Evidence::Works, due), Change::None);
        assert!(circuits.is_open(Class::Known) && !circuits.is_open(Class::Unseen));
    }
}
