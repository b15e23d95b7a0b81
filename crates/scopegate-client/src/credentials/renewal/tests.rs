//! The state machine in virtual time: single steps, and invariants over any sequence of events.

use proptest::prelude::*;

use super::*;

const COOLDOWN: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3_600);

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Holds a token of an hour since `now`.
fn with_token(now: Instant) -> RenewalSchedule {
    let mut schedule = RenewalSchedule::new(COOLDOWN, now);
    assert_eq!(schedule.poll(now), Action::Request);
    schedule.succeeded(now, HOUR, 0.5);
    schedule
}

#[test]
fn first_caller_requests_and_others_wait() {
    // E16
    let now = Instant::now();
    let mut schedule = RenewalSchedule::new(COOLDOWN, now);
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
        let mut schedule = RenewalSchedule::new(COOLDOWN, now);
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
fn lost_request_is_given_up_and_ignored() {
    // E17
    let start = Instant::now();
    for mut schedule in [RenewalSchedule::new(COOLDOWN, start), with_token(start)] {
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
    assert_eq!(schedule.poll(start + secs(3_590.0)), Action::Wait { until: Some(schedule.not_before) });
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
        let mut schedule = RenewalSchedule::new(COOLDOWN, now);
        schedule.poll(now);
        schedule.failed(now, retry, None, 1.0);
        assert_eq!(schedule.poll(now), expected, "{retry:?}");
    }
}

#[test]
fn permanent_failure_is_retried_after_one_minute() {
    // E15
    let now = Instant::now();
    let mut schedule = RenewalSchedule::new(COOLDOWN, now);
    schedule.poll(now);
    schedule.failed(now, Retry::Permanent, None, 0.0);
    assert_eq!(schedule.poll(now + secs(59.9)), Action::Fail);
    assert_eq!(schedule.poll(now + secs(60.0)), Action::Request);
}

#[test]
fn repeated_failures_double_the_wait_up_to_minute() {
    // E15
    let now = Instant::now();
    let mut schedule = RenewalSchedule::new(COOLDOWN, now);
    for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        schedule.failed(now, Retry::Transient, None, 1.0);
        assert_eq!(schedule.retry_in(now), secs(expected));
    }
    schedule.failed(now, Retry::Transient, None, 0.0);
    assert_eq!(schedule.retry_in(now), secs(0.5), "never at once");
    schedule.succeeded(now, HOUR, 0.5);
    schedule.failed(now, Retry::Transient, None, 1.0);
    assert_eq!(schedule.retry_in(now), secs(1.0), "a success starts over");
}

#[test]
fn retry_after_is_honored_up_to_five_minutes() {
    // E15
    let now = Instant::now();
    for (asked, expected) in [(0, 1.0), (1, 1.0), (7, 7.0), (300, 300.0), (301, 300.0), (u64::MAX, 300.0)] {
        let mut schedule = RenewalSchedule::new(COOLDOWN, now);
        schedule.failed(now, Retry::Transient, Some(Duration::from_secs(asked)), 1.0);
        assert_eq!(schedule.retry_in(now), secs(expected), "{asked}");
    }
}

#[test]
fn short_token_is_served_for_nine_tenths() {
    // E11
    let now = Instant::now();
    for lifetime in [1.0, 5.0, 60.0] {
        let mut schedule = RenewalSchedule::new(COOLDOWN, now);
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
fn rejected_token_is_discarded_once_per_cooldown() {
    // E18
    let now = Instant::now();
    let mut schedule = with_token(now);
    assert!(schedule.rejected(now));
    assert!(!schedule.rejected(now), "there is none any more");
    assert_eq!(schedule.poll(now), Action::Request);
    schedule.succeeded(now, HOUR, 0.5);
    assert!(!schedule.rejected(now + secs(29.9)));
    assert_eq!(schedule.poll(now + secs(29.9)), Action::Serve);
    assert!(schedule.rejected(now + secs(30.0)));
}

#[test]
fn token_rejected_during_renewal_makes_callers_wait() {
    let now = Instant::now();
    let mut schedule = with_token(now);
    let later = now + secs(2_700.0);
    assert_eq!(schedule.poll(later), Action::ServeAndRequest);
    assert!(schedule.rejected(later));
    assert_eq!(schedule.poll(later), Action::Wait { until: None });
}

#[derive(Clone, Debug)]
enum Happens {
    Wanted,
    Passes(u64),
    Succeeds(u64, f64),
    Fails(Retry, Option<u64>, f64),
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
        1 => Just(Happens::Rejected),
    ]
}

proptest! {
    #[test]
    fn any_event_sequence_keeps_the_invariants(events in proptest::collection::vec(anything(), 0..200)) {
        let mut now = Instant::now();
        let mut schedule = RenewalSchedule::new(COOLDOWN, now);
        let (mut begun, mut last_drop, mut allowed_from) = (None, None, now);
        let mut ends = None;
        for event in events {
            let in_flight = begun.is_some_and(|begun| now < begun + REQUEST_TIMEOUT);
            match event {
                Happens::Passes(seconds) => now += Duration::from_secs(seconds),
                Happens::Wanted => match schedule.poll(now) {
                    action @ (Action::Request | Action::ServeAndRequest) => {
                        prop_assert!(!in_flight, "one request at a time");
                        prop_assert!(now >= allowed_from, "not before the pause is over");
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
                    (begun, ends, allowed_from) = (None, Some(end), now);
                }
                Happens::Fails(retry, after, random) if begun.is_some() => {
                    schedule.failed(now, retry, after.map(Duration::from_secs), random);
                    let wait = schedule.retry_in(now);
                    prop_assert!(wait >= MIN_RETRY_INTERVAL / 2 && wait <= MAX_RETRY_AFTER);
                    (begun, allowed_from) = (None, now + wait);
                }
                Happens::Rejected => {
                    if schedule.rejected(now) {
                        prop_assert!(last_drop.is_none_or(|drop| now >= drop + COOLDOWN));
                        (last_drop, ends) = (Some(now), None);
                    }
                }
                Happens::Succeeds(..) | Happens::Fails(..) => {}
            }
        }
    }
}
