//! The decision whether a token causes a call. It holds the state that all tokens of an issuer
//! share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::token_digest::TokenDigest;
use tokio::time::Instant;

use crate::introspection::accepted::AcceptedTokens;
use crate::introspection::budget::{Budget, UnseenTokens};
use crate::introspection::call::Call;
use crate::introspection::circuit::{Cause, Evidence, Role, whole_seconds};
use crate::introspection::circuits::{Change, Circuits, Ended};
use crate::introspection::class::Class;
use crate::introspection::origin::Origin;
use crate::introspection::outcome::{Outcome, Rejection};
use crate::introspection::rejected::RejectedTokens;
use crate::status::introspection::{IntrospectionStatus, IntrospectionSuspended};

/// The calls under way, the rejected tokens, and the bounds on new calls.
pub(super) struct Schedule {
    calls: HashMap<TokenDigest, Arc<Call>>,
    known_calls: usize,
    unseen_calls: usize,
    rejected: RejectedTokens,
    accepted: Arc<AcceptedTokens>,
    budget: Budget,
    circuits: Circuits,
    calls_succeeded: u64,
    calls_failed: u64,
    last_failure: Option<String>,
    /// The end of the time that the server has asked for.
    busy_until: Option<Instant>,
}

/// The decision about a token without a current result.
pub(super) enum Step {
    Rejected(Rejection),
    /// Another request has begun the call.
    Joined(Arc<Call>),
    Begun(Arc<Call>, Ticket),
    /// No call is made.
    Prevented(Outcome, Reason),
}

/// The properties of a call that count at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) role: Role,
    pub(super) class: Class,
    was_accepted: bool,
    begun_at: Instant,
}

/// The reason why a call is prevented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The circuit is open.
    Suspended,
    OverBudget,
    QueueFull,
}

/// Maximum number of calls at the same time, and so of connections: for known tokens, and again for
/// unseen ones. Invented tokens must not delay known ones.
pub(super) const MAX_CALLS: usize = 64;

/// Maximum number of calls that wait for a place, for each [`Class`]. Each holds a token.
const MAX_QUEUED: usize = 1_024;

const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Schedule {
    pub(super) fn new(unseen: UnseenTokens, accepted: Arc<AcceptedTokens>, now: Instant) -> Self {
        Self {
            calls: HashMap::new(),
            known_calls: 0,
            unseen_calls: 0,
            rejected: RejectedTokens::default(),
            accepted,
            budget: Budget::new(unseen, now),
            circuits: Circuits::default(),
            calls_succeeded: 0,
            calls_failed: 0,
            last_failure: None,
            busy_until: None,
        }
    }

    /// Continues with the tokens that an earlier schedule has accepted.
    pub(super) fn continue_with(&mut self, accepted: Arc<AcceptedTokens>) {
        self.accepted = accepted;
    }

    /// Decides about a token. A known token does not count against the budget, so a flood of
    /// invented tokens delays none.
    pub(super) fn ask(&mut self, digest: &TokenDigest, origin: Origin, now: Instant) -> Step {
        if let Some(rejection) = self.rejected.find(digest, now) {
            return Step::Rejected(rejection);
        }
        if let Some(call) = self.calls.get(digest) {
            return Step::Joined(Arc::clone(call));
        }
        let was_accepted = self.accepted.contains(digest);
        let is_known = was_accepted || origin == Origin::Verified;
        let class = if is_known { Class::Known } else { Class::Unseen };
        let role = match self.circuits.role(class, was_accepted.then_some(digest), now) {
            Ok(role) => role,
            Err(prevented) => {
                let outcome = match prevented.cause {
                    Cause::Outage => {
                        let requested = self.busy_until.map(|until| until.saturating_duration_since(now));
                        let requested = whole_seconds(requested.unwrap_or_default());
                        Outcome::Undecided { retry_after: prevented.retry_after.max(requested) }
                    }
                    Cause::Credentials => Outcome::Misconfigured,
                };
                return Step::Prevented(outcome, Reason::Suspended);
            }
        };
        // A probe needs no place.
        if role == Role::Ordinary && *self.under_way(class) >= MAX_CALLS + MAX_QUEUED {
            return Step::Prevented(Outcome::Undecided { retry_after: RETRY_AFTER }, Reason::QueueFull);
        }
        if class == Class::Unseen && !self.budget.take(now) {
            let outcome = Outcome::Undecided { retry_after: Budget::retry_after() };
            return Step::Prevented(outcome, Reason::OverBudget);
        }
        self.circuits.begin(class, role);
        *self.under_way(class) += 1;
        let call = Arc::new(Call::new(class));
        self.calls.insert(*digest, Arc::clone(&call));
        Step::Begun(call, Ticket { role, class, was_accepted, begun_at: now })
    }

    /// Begins the renewal of a result, if no other call is in the way.
    pub(super) fn renew(&mut self, digest: &TokenDigest, now: Instant) -> Option<(Arc<Call>, Ticket)> {
        if self.circuits.is_open(Class::Known) || self.known_calls >= MAX_CALLS {
            return None;
        }
        match self.ask(digest, Origin::Verified, now) {
            Step::Begun(call, ticket) => Some((call, ticket)),
            Step::Rejected(_) | Step::Joined(_) | Step::Prevented(..) => None,
        }
    }

    /// Ends the call of a token.
    pub(super) fn end(
        &mut self,
        digest: &TokenDigest,
        ticket: Ticket,
        outcome: &Outcome,
        evidence: Evidence,
        now: Instant,
    ) -> Change {
        self.calls.remove(digest);
        let under_way = self.under_way(ticket.class);
        *under_way = under_way.saturating_sub(1);
        match outcome {
            Outcome::Active(_) => self.accepted.insert(digest),
            Outcome::Rejected(rejection) => {
                self.accepted.remove(digest);
                self.rejected.insert(*digest, rejection.clone(), now);
            }
            Outcome::Undecided { .. } | Outcome::Misconfigured => {}
        }
        let Ticket { role, class, was_accepted, begun_at } = ticket;
        self.circuits.end(&Ended { token: digest, was_accepted, class, role, begun_at }, evidence, now)
    }

    /// Records the end of a call for the status. Returns the failure before it, to be dropped without
    /// the lock.
    pub(super) fn record(
        &mut self,
        evidence: Evidence,
        failure: Option<String>,
        busy_until: Option<Instant>,
    ) -> Option<String> {
        match evidence {
            Evidence::None => return failure,
            Evidence::Works => self.calls_succeeded += 1,
            Evidence::Fails(_) | Evidence::Undecided => self.calls_failed += 1,
        }
        self.busy_until = busy_until;
        std::mem::replace(&mut self.last_failure, failure)
    }

    /// Adds the state of the calls.
    pub(super) fn report(&self, status: IntrospectionStatus) -> IntrospectionStatus {
        let suspended = self.circuits.cause().map(|cause| match cause {
            Cause::Outage => IntrospectionSuspended::Outage,
            Cause::Credentials => IntrospectionSuspended::Credentials,
        });
        IntrospectionStatus {
            suspended,
            calls_under_way: self.calls.len(),
            calls_succeeded: self.calls_succeeded,
            calls_failed: self.calls_failed,
            last_failure: self.last_failure.clone(),
            ..status
        }
    }

    /// Returns whether ordinary calls of this class are suspended.
    pub(super) fn is_suspended(&self, class: Class) -> bool {
        self.circuits.is_open(class)
    }

    fn under_way(&mut self, class: Class) -> &mut usize {
        match class {
            Class::Known => &mut self.known_calls,
            Class::Unseen => &mut self.unseen_calls,
        }
    }
}

impl Reason {
    /// Returns the label in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::OverBudget => "over_budget",
            Self::QueueFull => "queue_full",
        }
    }
}

#[cfg(test)]
mod tests {
    use scopegate_proto::token_digest::TokenDigests;

    use super::*;
    use crate::claims::Claims;

    const SECOND: Duration = Duration::from_secs(1);
    const INACTIVE: Outcome = Outcome::Rejected(Rejection::Inactive);
    const UNDECIDED: Outcome = Outcome::Undecided { retry_after: SECOND };

    struct Fixture {
        schedule: Schedule,
        digests: TokenDigests,
        tickets: HashMap<String, Ticket>,
    }

    impl Fixture {
        fn new(burst: u32) -> Self {
            let limits = UnseenTokens { burst, per_second: 1 };
            let schedule = Schedule::new(limits, Arc::default(), Instant::now());
            Self { schedule, digests: TokenDigests::default(), tickets: HashMap::new() }
        }

        fn ask(&mut self, token: &str, now: Instant) -> &'static str {
            self.ask_as(token, Origin::Unverified, now)
        }

        fn ask_as(&mut self, token: &str, origin: Origin, now: Instant) -> &'static str {
            match self.schedule.ask(&self.digests.of(token.as_bytes()), origin, now) {
                Step::Rejected(_) => "rejected",
                Step::Joined(_) => "joined",
                Step::Begun(_, ticket) => {
                    self.tickets.insert(token.to_owned(), ticket);
                    if ticket.role == Role::Probe { "probe" } else { "begun" }
                }
                Step::Prevented(Outcome::Misconfigured, _) => "misconfigured",
                Step::Prevented(_, reason) => reason.as_str(),
            }
        }

        fn end(&mut self, token: &str, outcome: &Outcome, evidence: Evidence, now: Instant) {
            let ticket = self.tickets.remove(token).unwrap();
            self.schedule.end(&self.digests.of(token.as_bytes()), ticket, outcome, evidence, now);
        }
    }

    fn active() -> Outcome {
        Outcome::Active(Claims::for_test(serde_json::json!({ "exp": 1_000 })))
    }

    #[tokio::test(start_paused = true)]
    async fn requests_with_one_token_share_a_call() {
        // IN14
        let (mut fixture, now) = (Fixture::new(2), Instant::now());
        assert_eq!(fixture.ask("one", now), "begun");
        assert!((0..1_000).all(|_| fixture.ask("one", now) == "joined"));
        assert_eq!(fixture.ask("other", now), "begun");
    }

    #[tokio::test(start_paused = true)]
    async fn rejected_token_makes_one_call_in_five_seconds() {
        // IN12
        let (mut fixture, now) = (Fixture::new(2), Instant::now());
        assert_eq!(fixture.ask("one", now), "begun");
        fixture.end("one", &INACTIVE, Evidence::Works, now);
        assert!((0..1_000).all(|n| fixture.ask("one", now + n * SECOND / 200) == "rejected"));
        assert_eq!(fixture.ask("one", now + 5 * SECOND), "begun");
    }

    #[tokio::test(start_paused = true)]
    async fn known_token_passes_exhausted_budget() {
        // IN12
        let (mut fixture, now) = (Fixture::new(2), Instant::now());
        assert_eq!(["a", "b", "c"].map(|token| fixture.ask(token, now)), ["begun", "begun", "over_budget"]);
        assert_eq!(fixture.ask("a", now), "joined");
        assert_eq!(fixture.ask_as("c", Origin::Verified, now), "begun");
        fixture.end("a", &active(), Evidence::Works, now);
        assert_eq!(fixture.ask("a", now), "begun", "it was accepted");
        fixture.end("a", &INACTIVE, Evidence::Works, now);
        assert_eq!(["d", "e"].map(|token| fixture.ask(token, now + SECOND)), ["begun", "over_budget"]);
        assert_eq!(fixture.ask("a", now + 5 * SECOND), "begun");
        let rejected_since = (0..9).map(|n| fixture.ask(&n.to_string(), now + 5 * SECOND));
        assert_eq!(rejected_since.filter(|asked| *asked == "begun").count(), 1, "it has cost one of two");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_under_way_are_bounded_per_class() {
        // IN15
        let (mut fixture, now) = (Fixture::new(10_000), Instant::now());
        for (origin, name) in [(Origin::Verified, "jwt"), (Origin::Unverified, "opaque")] {
            for n in 0..MAX_CALLS + MAX_QUEUED {
                assert_eq!(fixture.ask_as(&format!("{name}-{n}"), origin, now), "begun");
            }
            assert_eq!(fixture.ask_as(&format!("{name}-more"), origin, now), "queue_full");
        }
        fixture.end("jwt-0", &UNDECIDED, Evidence::None, now);
        assert_eq!(fixture.ask("opaque-more", now), "queue_full");
        assert_eq!(fixture.ask_as("jwt-more", Origin::Verified, now), "begun");
    }

    #[tokio::test(start_paused = true)]
    async fn failing_known_tokens_suspend_all_tokens() {
        // IN05, IN15
        for (cause, expected) in [(Cause::Outage, "suspended"), (Cause::Credentials, "misconfigured")] {
            let (mut fixture, now) = (Fixture::new(100), Instant::now());
            for token in ["a", "b", "c", "d", "e"] {
                assert_eq!(fixture.ask_as(token, Origin::Verified, now), "begun");
                fixture.end(token, &UNDECIDED, Evidence::Fails(cause), now);
            }
            assert_eq!(fixture.ask("a", now), expected);
            assert_eq!(fixture.ask_as("a", Origin::Verified, now), expected);
            assert_eq!(fixture.ask_as("a", Origin::Verified, now + 3 * SECOND), "probe");
            assert_eq!(fixture.ask_as("b", Origin::Verified, now + 3 * SECOND), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failing_unseen_tokens_suspend_no_known_token() {
        // IN13
        for (cause, expected) in [(Cause::Outage, "suspended"), (Cause::Credentials, "misconfigured")] {
            let (mut fixture, now) = (Fixture::new(100), Instant::now());
            assert_eq!(fixture.ask("known", now), "begun");
            fixture.end("known", &active(), Evidence::Works, now);
            for token in ["a", "b", "c", "d", "e"] {
                assert_eq!(fixture.ask(token, now), "begun");
                fixture.end(token, &UNDECIDED, Evidence::Fails(cause), now);
            }
            assert_eq!(fixture.ask("f", now), expected);
            assert_eq!(fixture.ask("known", now), "begun");
            assert_eq!(fixture.ask_as("signed", Origin::Verified, now), "begun");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn prevented_token_takes_nothing_from_the_budget() {
        let (mut fixture, now) = (Fixture::new(6), Instant::now());
        for token in ["a", "b", "c", "d", "e"] {
            fixture.ask(token, now);
            fixture.end(token, &UNDECIDED, Evidence::Fails(Cause::Outage), now);
        }
        assert!((0..100).all(|_| fixture.ask("f", now) == "suspended"));
        let probe = now + 3 * SECOND;
        assert_eq!(fixture.ask("f", probe), "probe");
        fixture.end("f", &INACTIVE, Evidence::Works, probe);
        let later = ["g", "h", "i", "j"].map(|token| fixture.ask(token, probe));
        assert_eq!(later, ["begun", "begun", "begun", "over_budget"]);
    }

    #[tokio::test(start_paused = true)]
    async fn renewal_needs_a_free_place() {
        let (mut fixture, now) = (Fixture::new(100), Instant::now());
        let digest = fixture.digests.of(b"one");
        let (_, ticket) = fixture.schedule.renew(&digest, now).unwrap();
        assert!(fixture.schedule.renew(&digest, now).is_none(), "it is under way");
        fixture.schedule.end(&digest, ticket, &active(), Evidence::Works, now);
        for n in 0..MAX_CALLS {
            fixture.ask_as(&n.to_string(), Origin::Verified, now);
        }
        assert!(fixture.schedule.renew(&digest, now).is_none());
    }
}
