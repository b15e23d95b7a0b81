//! The decision whether a token causes a call. It holds the state that all tokens of an issuer
//! share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::token_digest::TokenDigest;
use tokio::time::Instant;

use crate::introspection::budget::{Budget, UnseenTokens};
use crate::introspection::call::Call;
use crate::introspection::circuit::{Cause, Change, Circuit, Role};
use crate::introspection::outcome::{Outcome, Rejection};
use crate::introspection::rejected::RejectedTokens;

/// The calls under way, the rejected tokens, and the bounds on new calls.
pub(super) struct Schedule {
    calls: HashMap<TokenDigest, Arc<Call>>,
    rejected: RejectedTokens,
    budget: Budget,
    circuit: Circuit,
    logged_at: Option<Instant>,
}

/// The decision about a token without a current result.
pub(super) enum Asked {
    Rejected(Rejection),
    /// Another request has begun the call.
    Joined(Arc<Call>),
    Begun(Arc<Call>, Role),
    /// No call is made.
    Prevented(Outcome),
}

/// Minimum time between two log events about failures, because an attacker can cause calls.
const LOG_EVERY: Duration = Duration::from_secs(10);

impl Schedule {
    pub(super) fn new(unseen: UnseenTokens, now: Instant) -> Self {
        Self {
            calls: HashMap::new(),
            rejected: RejectedTokens::default(),
            budget: Budget::new(unseen, now),
            circuit: Circuit::default(),
            logged_at: None,
        }
    }

    /// Decides about a token. A token is known if an earlier result has accepted it. A known token
    /// does not count against the budget, so a flood of invented tokens delays none.
    pub(super) fn ask(&mut self, digest: &TokenDigest, is_known: bool, now: Instant) -> Asked {
        if let Some(rejection) = self.rejected.find(digest, now) {
            return Asked::Rejected(rejection);
        }
        if let Some(call) = self.calls.get(digest) {
            return Asked::Joined(Arc::clone(call));
        }
        let role = match self.circuit.role(now) {
            Ok(role) => role,
            Err(prevented) => {
                return Asked::Prevented(match prevented.cause {
                    Cause::Outage => Outcome::Undecided { retry_after: prevented.retry_after },
                    Cause::Credentials => Outcome::Misconfigured,
                });
            }
        };
        if !is_known && !self.budget.take(now) {
            return Asked::Prevented(Outcome::Undecided { retry_after: Budget::retry_after() });
        }
        self.circuit.begin(role);
        let call = Arc::new(Call::new());
        self.calls.insert(*digest, Arc::clone(&call));
        Asked::Begun(call, role)
    }

    /// Ends the call of a token. `failure` is the cause that counts against the endpoint.
    pub(super) fn end(
        &mut self,
        digest: &TokenDigest,
        role: Role,
        outcome: &Outcome,
        failure: Option<Cause>,
        now: Instant,
    ) -> Change {
        self.calls.remove(digest);
        if let Outcome::Rejected(rejection) = outcome {
            self.rejected.insert(*digest, rejection.clone(), now);
        }
        match failure {
            Some(cause) => self.circuit.failed(role, cause, now),
            None => self.circuit.succeeded(),
        }
    }

    /// Returns whether a failure is logged now.
    pub(super) fn may_log(&mut self, now: Instant) -> bool {
        let may = self.logged_at.is_none_or(|at| now.saturating_duration_since(at) >= LOG_EVERY);
        if may {
            self.logged_at = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use scopegate_proto::token_digest::TokenDigests;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    struct Fixture {
        schedule: Schedule,
        digests: TokenDigests,
    }

    impl Fixture {
        fn new(burst: u32) -> Self {
            let limits = UnseenTokens { burst, per_second: 1 };
            Self { schedule: Schedule::new(limits, Instant::now()), digests: TokenDigests::default() }
        }

        fn ask(&mut self, token: &str, now: Instant) -> &'static str {
            self.ask_known(token, false, now)
        }

        fn ask_known(&mut self, token: &str, is_known: bool, now: Instant) -> &'static str {
            match self.schedule.ask(&self.digests.of(token.as_bytes()), is_known, now) {
                Asked::Rejected(_) => "rejected",
                Asked::Joined(_) => "joined",
                Asked::Begun(_, Role::Ordinary) => "begun",
                Asked::Begun(_, Role::Probe) => "probe",
                Asked::Prevented(Outcome::Misconfigured) => "misconfigured",
                Asked::Prevented(_) => "prevented",
            }
        }

        fn end(&mut self, token: &str, outcome: &Outcome, failure: Option<Cause>, now: Instant) {
            self.schedule.end(&self.digests.of(token.as_bytes()), Role::Ordinary, outcome, failure, now);
        }
    }

    const INACTIVE: Outcome = Outcome::Rejected(Rejection::Inactive);

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
        fixture.end("one", &INACTIVE, None, now);
        assert!((0..1_000).all(|n| fixture.ask("one", now + n * SECOND / 200) == "rejected"));
        assert_eq!(fixture.ask("one", now + 5 * SECOND), "begun");
    }

    #[tokio::test(start_paused = true)]
    async fn known_token_passes_exhausted_budget() {
        // IN12
        let (mut fixture, now) = (Fixture::new(2), Instant::now());
        assert_eq!(["a", "b", "c"].map(|token| fixture.ask(token, now)), ["begun", "begun", "prevented"]);
        assert_eq!(fixture.ask("a", now), "joined");
        assert_eq!(fixture.ask_known("c", true, now), "begun");
        assert_eq!(["d", "e"].map(|token| fixture.ask(token, now + SECOND)), ["begun", "prevented"]);
    }

    #[tokio::test(start_paused = true)]
    async fn open_circuit_prevents_known_tokens_too() {
        // IN05, IN15
        for (cause, expected) in [(Cause::Outage, "prevented"), (Cause::Credentials, "misconfigured")] {
            let (mut fixture, now) = (Fixture::new(100), Instant::now());
            let undecided = Outcome::Undecided { retry_after: SECOND };
            for token in ["a", "b", "c", "d", "e"] {
                assert_eq!(fixture.ask(token, now), "begun");
                fixture.end(token, &undecided, Some(cause), now);
            }
            assert_eq!(fixture.ask("a", now), expected);
            assert_eq!(fixture.ask_known("a", true, now), expected);
            assert_eq!(fixture.ask("a", now + 2 * SECOND), "probe");
            assert_eq!(fixture.ask("b", now + 2 * SECOND), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn prevented_token_takes_nothing_from_the_budget() {
        let (mut fixture, now) = (Fixture::new(6), Instant::now());
        for token in ["a", "b", "c", "d", "e"] {
            fixture.ask(token, now);
            fixture.end(token, &Outcome::Undecided { retry_after: SECOND }, Some(Cause::Outage), now);
        }
        assert!((0..100).all(|_| fixture.ask("f", now) == "prevented"));
        let probe = now + 2 * SECOND;
        assert_eq!(fixture.ask("f", probe), "probe");
        fixture.end("f", &INACTIVE, None, probe);
        assert_eq!(["g", "h", "i"].map(|token| fixture.ask(token, probe)), ["begun", "begun", "prevented"]);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_logged_at_most_every_ten_seconds() {
        let (mut fixture, now) = (Fixture::new(1), Instant::now());
        let logged = [0, 1, 9, 10, 11, 20].map(|second| fixture.schedule.may_log(now + second * SECOND));
        assert_eq!(logged, [true, false, false, true, false, true]);
    }
}
