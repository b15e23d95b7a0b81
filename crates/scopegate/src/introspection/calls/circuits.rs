//! The circuit breakers of an endpoint, one for each class of tokens. An endpoint may fail for
//! invented tokens only, and then accepted tokens must stay usable.

use scopegate_proto::token_digest::TokenDigest;
use tokio::time::Instant;

use crate::introspection::calls::circuit::{Cause, Circuit, Evidence, Prevented, Role};
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
    pub(crate) token: &'d TokenDigest,
    pub(crate) was_accepted: bool,
    pub(crate) class: Class,
    pub(crate) role: Role,
    pub(crate) begun_at: Instant,
}

/// A change of the suspended calls, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// Calls of a further class are suspended.
    Opened(Suspended),
    Closed,
}

/// The classes of tokens whose calls are suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suspended {
    pub(crate) known: bool,
    unseen: bool,
}

impl Suspended {
    /// Returns the value of `tokens` in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match (self.known, self.unseen) {
            (true, true) => "all",
            (true, false) => "known",
            (false, _) => "unseen",
        }
    }

    fn is_more_than(self, before: Self) -> bool {
        (self.known && !before.known) || (self.unseen && !before.unseen)
    }
}

impl Circuits {
    /// Returns the role of a call that begins now. `accepted` is the token, if it was accepted before.
    pub(crate) fn role(
        &self,
        class: Class,
        accepted: Option<&TokenDigest>,
        now: Instant,
    ) -> Result<Role, Prevented> {
        self.of(class).role(accepted, now)
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
        let Ended { token, was_accepted, class, role, begun_at } = *call;
        let before = self.suspended();
        match class {
            Class::Known => {
                self.known.end(role, token, was_accepted, evidence, now);
                if evidence == Evidence::Works {
                    self.unseen.works_since(token, begun_at, now);
                } else {
                    self.unseen.end(Role::Ordinary, token, was_accepted, evidence, now);
                }
            }
            Class::Unseen => self.unseen.end(role, token, was_accepted, evidence, now),
        }
        let after = self.suspended();
        match self.cause() {
            Some(_) if after.is_more_than(before) => Change::Opened(after),
            None if before != after => Change::Closed,
            _ => Change::None,
        }
    }

    fn suspended(&self) -> Suspended {
        Suspended { known: self.known.is_open(), unseen: self.unseen.is_open() }
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

    use scopegate_proto::token_digest::TokenDigests;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const OUTAGE: Evidence = Evidence::Fails(Cause::Outage);

    fn end(circuits: &mut Circuits, class: Class, evidence: Evidence, now: Instant) -> Change {
        ended(circuits, class, Role::Ordinary, evidence, now)
    }

    fn ended(circuits: &mut Circuits, class: Class, role: Role, evidence: Evidence, now: Instant) -> Change {
        let token = &TokenDigests::default().of(b"token");
        circuits.end(&Ended { token, was_accepted: false, class, role, begun_at: now }, evidence, now)
    }

    /// Returns circuits after five failures of this class, and the tokens whose calls are suspended.
    fn failed(class: Class, now: Instant) -> (Circuits, &'static str) {
        let mut circuits = Circuits::default();
        let changes: Vec<_> = (0..5).map(|_| end(&mut circuits, class, OUTAGE, now)).collect();
        let [Change::None, Change::None, Change::None, Change::None, Change::Opened(suspended)] = changes[..]
        else {
            panic!("{changes:?}")
        };
        (circuits, suspended.as_str())
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_unseen_tokens_suspend_unseen_ones_only() {
        // IN13
        let now = Instant::now();
        let (circuits, suspended) = failed(Class::Unseen, now);
        assert!(circuits.is_open(Class::Unseen) && !circuits.is_open(Class::Known));
        assert_eq!(circuits.role(Class::Known, None, now), Ok(Role::Ordinary));
        assert_eq!(suspended, "unseen");
        let (circuits, suspended) = failed(Class::Known, now);
        assert!(circuits.is_open(Class::Unseen) && circuits.is_open(Class::Known), "IN15");
        assert_eq!(suspended, "all");
    }

    #[tokio::test(start_paused = true)]
    async fn suspension_of_further_tokens_is_reported() {
        // IN15
        let now = Instant::now();
        let (mut circuits, _) = failed(Class::Unseen, now);
        assert!((0..4).all(|_| end(&mut circuits, Class::Known, OUTAGE, now) == Change::None));
        let Change::Opened(suspended) = end(&mut circuits, Class::Known, OUTAGE, now) else {
            panic!("the fifth failure")
        };
        assert_eq!(suspended.as_str(), "all");
        let mut circuits = Circuits::default();
        (0..4).for_each(|_| {
            end(&mut circuits, Class::Known, OUTAGE, now);
        });
        end(&mut circuits, Class::Unseen, Evidence::Works, now);
        let Change::Opened(suspended) = end(&mut circuits, Class::Known, OUTAGE, now) else {
            panic!("the fifth failure")
        };
        assert_eq!(suspended.as_str(), "known");
    }

    #[tokio::test(start_paused = true)]
    async fn later_success_of_a_known_token_ends_the_suspension() {
        let now = Instant::now();
        let (mut circuits, _) = failed(Class::Unseen, now);
        assert_eq!(end(&mut circuits, Class::Known, Evidence::Works, now), Change::None, "it began before");
        assert_eq!(end(&mut circuits, Class::Known, Evidence::Undecided, now + SECOND), Change::None);
        assert!(circuits.is_open(Class::Unseen));
        assert_eq!(end(&mut circuits, Class::Known, Evidence::Works, now + SECOND), Change::Closed);
        assert!(!circuits.is_open(Class::Unseen));
    }

    #[tokio::test(start_paused = true)]
    async fn success_of_an_unseen_token_says_nothing_of_known_ones() {
        let now = Instant::now();
        let (mut circuits, _) = failed(Class::Known, now);
        let due = now + 3 * SECOND;
        assert_eq!(circuits.role(Class::Unseen, None, due), Ok(Role::Probe));
        circuits.begin(Class::Unseen, Role::Probe);
        let change = ended(&mut circuits, Class::Unseen, Role::Probe, Evidence::Works, due);
        assert_eq!(change, Change::None);
        assert!(circuits.is_open(Class::Known) && !circuits.is_open(Class::Unseen));
    }
}
