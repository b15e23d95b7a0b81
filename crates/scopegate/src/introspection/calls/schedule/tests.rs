//! Tests of the decision whether a token causes a call.

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
