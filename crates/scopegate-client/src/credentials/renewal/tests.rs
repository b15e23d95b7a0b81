//! The state machine in virtual time: single steps, and invariants over any sequence of events.

use proptest::prelude::*;

use super::*;

/// The cap on the backoff without a token.
const CAP: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(3_600);

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Returns a schedule with a token that lives for an hour from `now`.
fn with_token(now: Instant) -> RenewalSchedule {
    let mut schedule = RenewalSchedule::new(CAP, now);
    assert_eq!(schedule.poll(now), Action::Request);
    schedule.succeeded(now, HOUR, 0.5);
    schedule
}

#[test]
fn first_caller_requests_and_others_wait() {
    // E16
    let now = Instant::now();
    let mut schedule = RenewalSchedule::new(CAP, now);
    assert_eq!(schedule.poll(now), Action::Request);
    for _ in 0..3 {
        assert_eq!(schedule.poll(now), Action::Wait { until: None });
    }
    schedule.succeeded(now, HOUR, 0.5);
    assert_eq!(schedule.poll(now), Action::Serve);
}

#[test]
fn token_renews_at_75_percent_with_jitter() {
    // E16
    let now = Instant::now();
    for (random, expected) in [(0.0, 2_430.0), (0.5, 2_700.0), (1.0, 2_970.0)] {
        let mut schedule = RenewalSchedule::new(CAP, now);
        schedule.poll(now);
        schedule.succeeded(now, HOUR, random);
        assert_eq!(schedule.fresh_until(), Some(now + secs(expected)));
        assert_eq!(schedule.poll(now + secs(expected - 0.1)), Action::Serve);
        assert_eq!(schedule.poll(now + secs(expected)), Action::ServeAndRequest);
        assert_eq!(schedule.poll(now + secs(expected)), Action::Serve, "one request");
        let lost = now + secs(expected) + REQUEST_TIMEOUT;
        assert_eq!(schedule.fresh_until(), Some(lost), "nothing to look at meanwhile");
        schedule.succeeded(now, HOUR, random);
    }
}

#[test]
fn lost_request_is_abandoned_and_ignored() {
    // E17
    let start = Instant::now();
    for mut schedule in [RenewalSchedule::new(CAP, start), with_token(start)] {
        let begun = start + secs(3_000.0);
        assert!(matches!(schedule.poll(begun), Action::Request | Action::ServeAndRequest));
        let just_before = begun + REQUEST_TIMEOUT - secs(0.001);
        assert!(matches!(schedule.poll(just_before), Action::Wait { until: None } | Action::Serve));
        assert!(schedule.is_in_flight(begun));
        let lost = begun + REQUEST_TIMEOUT;
        assert!(matches!(schedule.poll(lost), Action::Request | Action::ServeAndRequest));
        assert!(!schedule.is_in_flight(begun) && schedule.is_in_flight(lost));
    }
}

#[test]
fn failed_renewal_serves_old_token_until_expiry() {
    // E16
    let start = Instant::now();
    let mut schedule = with_token(start);
    let mut now = start + secs(2_700.0);
    let mut requests = 0;
    while now < start + secs(3_590.0) {
        match schedule.poll(now) {
            Action::ServeAndRequest => {
                requests += 1;
                schedule.failed(now, Retry::Transient, None, 1.0);
            }
            action => assert_eq!(action, Action::Serve),
        }
        now += secs(1.0);
    }
    // 1, 2, 4, 8, 16, 32 s after each other, then a minute.
    assert_eq!(requests, 20);
    // The wait of a minute was for callers with a token.
    assert_eq!(schedule.poll(start + secs(3_590.0)), Action::Request, "FR-D8");
}

#[test]
fn only_transient_failure_makes_callers_wait() {
    // E15
    let now = Instant::now();
    for (retry, expected) in [
        (Retry::Transient, Action::Wait { until: Some(now + secs(1.0)) }),
        (Retry::Unclear, Action::Fail),
        (Retry::Permanent, Action::Fail),
    ] {
        let mut schedule = RenewalSchedule::new(CAP, now);
        schedule.poll(now);
        schedule.failed(now, retry, None, 1.0);
        assert_eq!(schedule.poll(now), expected, "{retry:?}");
    }
}

#[test]
fn permanent_failure_is_retried_after_one_minute() {
    // E15
    let now = Instant::now();
    let mut schedule = RenewalSchedule::new(CAP, now);
    schedule.poll(now);
    schedule.failed(now, Retry::Permanent, None, 0.0);
    assert_eq!(schedule.poll(now + secs(59.9)), Action::Fail);
    assert_eq!(schedule.poll(now + secs(60.0)), Action::Request);
}

#[test]
fn repeated_failures_double_the_wait_up_to_minute() {
    // E15
    let now = Instant::now();
    let mut schedule = with_token(now);
    for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        schedule.failed(now, Retry::Transient, None, 1.0);
        assert_eq!(schedule.retry_in(now, true), secs(expected));
    }
    schedule.failed(now, Retry::Transient, None, 0.0);
    assert_eq!(schedule.retry_in(now, true), secs(0.5), "never at once");
    schedule.succeeded(now, HOUR, 0.5);
    schedule.failed(now, Retry::Transient, None, 1.0);
    assert_eq!(schedule.retry_in(now, true), secs(1.0), "a success starts over");
}

#[test]
fn backoff_without_token_is_capped() {
    // FR-D8
    let now = Instant::now();
    let mut schedule = RenewalSchedule::new(CAP, now);
    for expected in [1.0, 2.0, 4.0, 5.0, 5.0] {
        assert_eq!(schedule.poll(now), Action::Request);
        schedule.failed(now, Retry::Transient, None, 1.0);
        assert_eq!(schedule.retry_in(now, false), secs(expected));
        assert_eq!(schedule.poll(now), Action::Wait { until: Some(now + secs(expected)) });
        schedule.not_before = NotBefore::always(now);
    }
    // The clients of a fleet do not retry together.
    schedule.failed(now, Retry::Transient, None, 0.5);
    assert_eq!(schedule.retry_in(now, false), secs(2.5));
    // The cap does not limit the wait after a rejection, or `Retry-After`.
    schedule.failed(now, Retry::Permanent, None, 1.0);
    assert_eq!(schedule.retry_in(now, false), secs(60.0));
    schedule.failed(now, Retry::Transient, Some(secs(120.0)), 1.0);
    assert_eq!(schedule.retry_in(now, false), secs(120.0));
}

#[test]
fn token_that_ends_during_a_backoff_shortens_it() {
    // FR-D8
    let start = Instant::now();
    let mut schedule = with_token(start);
    let ends = start + secs(3_590.0);
    for _ in 0..7 {
        schedule.failed(ends - secs(1.0), Retry::Transient, None, 1.0);
    }
    assert_eq!(schedule.poll(ends - secs(0.1)), Action::Serve, "a minute from the last failure");
    let capped = ends - secs(1.0) + CAP;
    assert_eq!(schedule.poll(ends), Action::Wait { until: Some(capped) });
    assert_eq!(schedule.poll(capped), Action::Request);
}

#[test]
fn retry_after_is_honored_up_to_five_minutes() {
    // E15
    let now = Instant::now();
    for (asked, expected) in [(0, 1.0), (1, 1.0), (7, 7.0), (300, 300.0), (301, 300.0), (u64::MAX, 300.0)] {
        let mut schedule = RenewalSchedule::new(CAP, now);
        schedule.failed(now, Retry::Transient, Some(Duration::from_secs(asked)), 1.0);
        assert_eq!(schedule.retry_in(now, false), secs(expected), "{asked}");
    }
}

#[test]
fn short_token_is_served_for_nine_tenths() {
    // E11
    let now = Instant::now();
    for lifetime in [1.0, 5.0, 60.0] {
        let mut schedule = RenewalSchedule::new(CAP, now);
        schedule.poll(now);
        schedule.succeeded(now, secs(lifetime), 1.0);
        assert_eq!(schedule.poll(now + secs(lifetime * 0.8)), Action::Serve);
        assert_eq!(schedule.poll(now + secs(lifetime * 0.85)), Action::ServeAndRequest);
        assert_eq!(schedule.poll(now + secs(lifetime * 0.9)), Action::Wait { until: None });
    }
}

#[test]
fn idle_schedule_starts_no_request() {
    let now = Instant::now();
    let mut schedule = with_token(now);
    assert_eq!(schedule.poll(now + 10 * HOUR), Action::Request);
    assert_eq!(schedule.backoff.failures(), 0);
}

#[test]
fn token_rejected_by_one_api_serves_others() {
    // FR-D2
    let now = Instant::now();
    let mut schedule = with_token(now);
    schedule.renew_now(now);
    assert_eq!(schedule.poll(now), Action::ServeAndRequest);
    assert_eq!(schedule.poll_for_another(now), Action::Wait { until: None }, "the same request");
    schedule.failed(now, Retry::Transient, None, 1.0);
    assert_eq!(schedule.poll(now), Action::Serve);
    assert_eq!(schedule.poll_for_another(now), Action::Wait { until: Some(now + secs(1.0)) });
    assert_eq!(schedule.poll_for_another(now + secs(1.0)), Action::Request);
    assert_eq!(schedule.poll(now + secs(1.0)), Action::Serve);
    schedule.succeeded(now + secs(1.0), HOUR, 0.5);
    assert_eq!(schedule.poll(now + secs(1.0)), Action::Serve, "the renewal is not due any more");
}

#[test]
fn token_discarded_during_renewal_makes_callers_wait() {
    let now = Instant::now();
    let mut schedule = with_token(now);
    let later = now + secs(2_700.0);
    assert_eq!(schedule.poll(later), Action::ServeAndRequest);
    schedule.discard();
    assert_eq!(schedule.poll(later), Action::Wait { until: None });
}

#[test]
fn abandoned_request_makes_way_for_another() {
    // FR-D10
    let now = Instant::now();
    let mut schedule = RenewalSchedule::new(CAP, now);
    assert_eq!(schedule.poll(now), Action::Request);
    schedule.abandon(now + secs(1.0));
    assert_eq!(schedule.poll(now + secs(1.0)), Action::Wait { until: None }, "it was another request");
    schedule.abandon(now);
    assert_eq!(schedule.poll(now + secs(1.0)), Action::Request);
    assert!(!schedule.is_in_flight(now));
}

#[derive(Clone, Debug)]
enum Happens {
    Wanted,
    Passes(u64),
    Succeeds(u64, f64),
    Fails(Retry, Option<u64>, f64),
    /// Discarded for all callers.
    Discarded,
    /// Rejected by one API, whose caller needs another token.
    Rejected,
}

fn anything() -> impl Strategy<Value = Happens> {
    let retry = prop_oneof![Just(Retry::Transient), Just(Retry::Unclear), Just(Retry::Permanent)];
    prop_oneof![
        4 => Just(Happens::Wanted),
        2 => (0u64..2_000).prop_map(Happens::Passes),
        1 => (1u64..90_000, 0.0..1.0).prop_map(|(lifetime, random)| Happens::Succeeds(lifetime, random)),
        1 => (retry, proptest::option::of(0u64..1_000), 0.0..1.0)
            .prop_map(|(retry, after, random)| Happens::Fails(retry, after, random)),
        1 => Just(Happens::Discarded),
        1 => Just(Happens::Rejected),
    ]
}

proptest! {
    #[test]
    fn any_event_sequence_keeps_the_invariants(events in proptest::collection::vec(anything(), 0..200)) {
        let mut now = Instant::now();
        let mut schedule = RenewalSchedule::new(CAP, now);
        let (mut begun, mut allowed_from, mut allowed_without) = (None, now, now);
        let mut ends = None;
        for event in events {
            let in_flight = begun.is_some_and(|begun| now < begun + REQUEST_TIMEOUT);
            match event {
                Happens::Passes(seconds) => now += Duration::from_secs(seconds),
                Happens::Wanted => match schedule.poll(now) {
                    action @ (Action::Request | Action::ServeAndRequest) => {
                        prop_assert!(!in_flight, "one request at a time");
                        let allowed = if action == Action::Request { allowed_without } else { allowed_from };
                        prop_assert!(now >= allowed, "not before the pause is over");
                        prop_assert_eq!(action == Action::ServeAndRequest, ends.is_some_and(|end| now < end));
                        begun = Some(now);
                    }
                    Action::Serve => prop_assert!(ends.is_some_and(|end| now < end), "only a living token"),
                    Action::Wait { until: None } => prop_assert!(in_flight, "the request wakes the caller"),
                    Action::Wait { until: Some(until) } => prop_assert!(until > now && !in_flight),
                    Action::Fail => prop_assert!(!in_flight && ends.is_none_or(|end| now >= end)),
                },
                Happens::Succeeds(lifetime, random) if begun.is_some() => {
                    let lifetime = Duration::from_secs(lifetime);
                    schedule.succeeded(now, lifetime, random);
                    let end = ends_at(now, lifetime);
                    prop_assert!(end > now && end <= now + lifetime);
                    prop_assert!(schedule.fresh_until().is_some_and(|until| until > now && until <= end));
                    (begun, ends, allowed_from, allowed_without) = (None, Some(end), now, now);
                }
                Happens::Fails(retry, after, random) if begun.is_some() => {
                    schedule.failed(now, retry, after.map(Duration::from_secs), random);
                    let (wait, without) = (schedule.retry_in(now, true), schedule.retry_in(now, false));
                    prop_assert!(without >= MIN_RETRY_INTERVAL / 2 && wait <= MAX_RETRY_AFTER);
                    prop_assert!(without <= wait, "callers that wait are not behind those that have a token");
                    (begun, allowed_from, allowed_without) = (None, now + wait, now + without);
                }
                Happens::Discarded => {
                    schedule.discard();
                    ends = None;
                }
                Happens::Rejected => {
                    schedule.renew_now(now);
                    match schedule.poll_for_another(now) {
                        Action::Request => {
                            prop_assert!(!in_flight && now >= allowed_without);
                            begun = Some(now);
                        }
                        Action::Wait { until: None } => prop_assert!(in_flight),
                        Action::Wait { until: Some(until) } => prop_assert!(until > now && !in_flight),
                        Action::Fail => prop_assert!(!in_flight),
                        action => prop_assert!(false, "the rejected token is not served: {action:?}"),
                    }
                }
                Happens::Succeeds(..) | Happens::Fails(..) => {}
            }
        }
    }
}
