//! The state machine in virtual time: single steps, and invariants over any sequence of events.

use proptest::prelude::*;

use super::*;

const COOLDOWN: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3_600);

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Holds a token of an hour since `now`.
fn holding(now: Instant) -> Lifecycle {
    let mut lifecycle = Lifecycle::new(COOLDOWN, now);
    assert_eq!(lifecycle.want(now), Step::Request);
    lifecycle.succeeded(now, HOUR, 0.5);
    lifecycle
}

#[test]
fn the_first_who_wants_a_token_makes_the_request_and_the_others_wait_for_it() {
    // E16
    let now = Instant::now();
    let mut lifecycle = Lifecycle::new(COOLDOWN, now);
    assert_eq!(lifecycle.want(now), Step::Request);
    for _ in 0..3 {
        assert_eq!(lifecycle.want(now), Step::Wait { until: None });
    }
    lifecycle.succeeded(now, HOUR, 0.5);
    assert_eq!(lifecycle.want(now), Step::Serve);
}

#[test]
fn a_token_is_renewed_when_three_quarters_of_its_lifetime_have_passed_give_or_take_a_tenth() {
    // E16
    let now = Instant::now();
    for (random, expected) in [(0.0, 2_430.0), (0.5, 2_700.0), (1.0, 2_970.0)] {
        let mut lifecycle = Lifecycle::new(COOLDOWN, now);
        lifecycle.want(now);
        lifecycle.succeeded(now, HOUR, random);
        assert_eq!(lifecycle.settled_until(), Some(now + secs(expected)));
        assert_eq!(lifecycle.want(now + secs(expected - 0.1)), Step::Serve);
        assert_eq!(lifecycle.want(now + secs(expected)), Step::ServeAndRequest);
        assert_eq!(lifecycle.want(now + secs(expected)), Step::Serve, "one request");
        let lost = now + secs(expected) + LOST_AFTER;
        assert_eq!(lifecycle.settled_until(), Some(lost), "nothing to look at meanwhile");
        lifecycle.succeeded(now, HOUR, random);
    }
}

#[test]
fn a_request_that_does_not_end_is_given_up_and_comes_too_late() {
    // E17
    let start = Instant::now();
    for mut lifecycle in [Lifecycle::new(COOLDOWN, start), holding(start)] {
        let begun = start + secs(3_000.0);
        assert!(matches!(lifecycle.want(begun), Step::Request | Step::ServeAndRequest));
        let just_before = begun + LOST_AFTER - secs(0.001);
        assert!(matches!(lifecycle.want(just_before), Step::Wait { until: None } | Step::Serve));
        assert!(lifecycle.awaits(begun));
        let lost = begun + LOST_AFTER;
        assert!(matches!(lifecycle.want(lost), Step::Request | Step::ServeAndRequest));
        assert!(!lifecycle.awaits(begun) && lifecycle.awaits(lost));
    }
}

#[test]
fn the_old_token_is_served_until_it_ends_when_renewal_fails() {
    // E16
    let start = Instant::now();
    let mut lifecycle = holding(start);
    let mut now = start + secs(2_700.0);
    let mut requests = 0;
    while now < start + secs(3_590.0) {
        match lifecycle.want(now) {
            Step::ServeAndRequest => {
                requests += 1;
                lifecycle.failed(now, Outlook::Passing, None, 1.0);
            }
            step => assert_eq!(step, Step::Serve),
        }
        now += secs(1.0);
    }
    // 1, 2, 4, 8, 16, 32 s after each other, then a minute.
    assert_eq!(requests, 20);
    assert_eq!(lifecycle.want(start + secs(3_590.0)), Step::Wait { until: Some(lifecycle.not_before) });
}

#[test]
fn a_refusal_and_nonsense_are_told_at_once_and_a_failure_that_may_pass_is_waited_for() {
    // E15
    let now = Instant::now();
    for (outlook, expected) in [
        (Outlook::Passing, Step::Wait { until: Some(now + secs(1.0)) }),
        (Outlook::Doubtful, Step::Fail),
        (Outlook::Final, Step::Fail),
    ] {
        let mut lifecycle = Lifecycle::new(COOLDOWN, now);
        lifecycle.want(now);
        lifecycle.failed(now, outlook, None, 1.0);
        assert_eq!(lifecycle.want(now), expected, "{outlook:?}");
    }
}

#[test]
fn what_was_refused_is_not_asked_for_again_for_a_minute() {
    // E15
    let now = Instant::now();
    let mut lifecycle = Lifecycle::new(COOLDOWN, now);
    lifecycle.want(now);
    lifecycle.failed(now, Outlook::Final, None, 0.0);
    assert_eq!(lifecycle.want(now + secs(59.9)), Step::Fail);
    assert_eq!(lifecycle.want(now + secs(60.0)), Step::Request);
}

#[test]
fn failures_wait_twice_as_long_each_time_up_to_a_minute() {
    // E15
    let now = Instant::now();
    let mut lifecycle = Lifecycle::new(COOLDOWN, now);
    for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        lifecycle.failed(now, Outlook::Passing, None, 1.0);
        assert_eq!(lifecycle.wait(now), secs(expected));
    }
    lifecycle.failed(now, Outlook::Passing, None, 0.0);
    assert_eq!(lifecycle.wait(now), secs(0.5), "never at once");
    lifecycle.succeeded(now, HOUR, 0.5);
    lifecycle.failed(now, Outlook::Passing, None, 1.0);
    assert_eq!(lifecycle.wait(now), secs(1.0), "a success starts over");
}

#[test]
fn the_server_may_ask_for_more_patience_within_five_minutes() {
    // E15
    let now = Instant::now();
    for (asked, expected) in [(0, 1.0), (1, 1.0), (7, 7.0), (300, 300.0), (301, 300.0), (u64::MAX, 300.0)] {
        let mut lifecycle = Lifecycle::new(COOLDOWN, now);
        lifecycle.failed(now, Outlook::Passing, Some(Duration::from_secs(asked)), 1.0);
        assert_eq!(lifecycle.wait(now), secs(expected), "{asked}");
    }
}

#[test]
fn a_short_token_is_used_for_nine_tenths_of_its_life_and_renewed_before() {
    // E11
    let now = Instant::now();
    for lifetime in [1.0, 5.0, 60.0] {
        let mut lifecycle = Lifecycle::new(COOLDOWN, now);
        lifecycle.want(now);
        lifecycle.succeeded(now, secs(lifetime), 1.0);
        assert_eq!(lifecycle.want(now + secs(lifetime * 0.8)), Step::Serve);
        assert_eq!(lifecycle.want(now + secs(lifetime * 0.85)), Step::ServeAndRequest);
        assert_eq!(lifecycle.want(now + secs(lifetime * 0.9)), Step::Wait { until: None });
    }
}

#[test]
fn nobody_asks_for_a_token_that_nobody_wants() {
    let now = Instant::now();
    let mut lifecycle = holding(now);
    assert_eq!(lifecycle.want(now + 10 * HOUR), Step::Request);
    assert_eq!(lifecycle.failures, 0);
}

#[test]
fn a_rejected_token_is_dropped_once_in_a_cooldown() {
    // E18
    let now = Instant::now();
    let mut lifecycle = holding(now);
    assert!(lifecycle.rejected(now));
    assert!(!lifecycle.rejected(now), "there is none any more");
    assert_eq!(lifecycle.want(now), Step::Request);
    lifecycle.succeeded(now, HOUR, 0.5);
    assert!(!lifecycle.rejected(now + secs(29.9)));
    assert_eq!(lifecycle.want(now + secs(29.9)), Step::Serve);
    assert!(lifecycle.rejected(now + secs(30.0)));
}

#[test]
fn a_token_that_is_rejected_while_it_is_renewed_is_waited_for() {
    let now = Instant::now();
    let mut lifecycle = holding(now);
    let later = now + secs(2_700.0);
    assert_eq!(lifecycle.want(later), Step::ServeAndRequest);
    assert!(lifecycle.rejected(later));
    assert_eq!(lifecycle.want(later), Step::Wait { until: None });
}

#[derive(Clone, Debug)]
enum Happens {
    Wanted,
    Passes(u64),
    Succeeds(u64, f64),
    Fails(Outlook, Option<u64>, f64),
    Rejected,
}

fn anything() -> impl Strategy<Value = Happens> {
    let outlook = prop_oneof![Just(Outlook::Passing), Just(Outlook::Doubtful), Just(Outlook::Final)];
    prop_oneof![
        4 => Just(Happens::Wanted),
        2 => (0u64..2_000).prop_map(Happens::Passes),
        1 => (1u64..90_000, 0.0..1.0).prop_map(|(lifetime, random)| Happens::Succeeds(lifetime, random)),
        1 => (outlook, proptest::option::of(0u64..1_000), 0.0..1.0)
            .prop_map(|(outlook, after, random)| Happens::Fails(outlook, after, random)),
        1 => Just(Happens::Rejected),
    ]
}

proptest! {
    #[test]
    fn whatever_happens(events in proptest::collection::vec(anything(), 0..200)) {
        let mut now = Instant::now();
        let mut lifecycle = Lifecycle::new(COOLDOWN, now);
        let (mut begun, mut last_drop, mut allowed_from) = (None, None, now);
        let mut ends = None;
        for event in events {
            let under_way = begun.is_some_and(|begun| now < begun + LOST_AFTER);
            match event {
                Happens::Passes(seconds) => now += Duration::from_secs(seconds),
                Happens::Wanted => match lifecycle.want(now) {
                    step @ (Step::Request | Step::ServeAndRequest) => {
                        prop_assert!(!under_way, "one request at a time");
                        prop_assert!(now >= allowed_from, "not before the pause is over");
                        prop_assert_eq!(step == Step::ServeAndRequest, ends.is_some_and(|end| now < end));
                        begun = Some(now);
                    }
                    Step::Serve => prop_assert!(ends.is_some_and(|end| now < end), "only a living token"),
                    Step::Wait { until: None } => prop_assert!(under_way, "somebody will wake us"),
                    Step::Wait { until: Some(until) } => prop_assert!(until > now && !under_way),
                    Step::Fail => prop_assert!(!under_way && ends.is_none_or(|end| now >= end)),
                },
                Happens::Succeeds(lifetime, random) if begun.is_some() => {
                    let lifetime = Duration::from_secs(lifetime);
                    lifecycle.succeeded(now, lifetime, random);
                    let end = ends_at(now, lifetime);
                    prop_assert!(end > now && end <= now + lifetime);
                    prop_assert!(lifecycle.settled_until().is_some_and(|until| until > now && until <= end));
                    (begun, ends, allowed_from) = (None, Some(end), now);
                }
                Happens::Fails(outlook, after, random) if begun.is_some() => {
                    lifecycle.failed(now, outlook, after.map(Duration::from_secs), random);
                    let wait = lifecycle.wait(now);
                    prop_assert!(wait >= FIRST_RETRY / 2 && wait <= MOST_PATIENCE);
                    (begun, allowed_from) = (None, now + wait);
                }
                Happens::Rejected => {
                    if lifecycle.rejected(now) {
                        prop_assert!(last_drop.is_none_or(|drop| now >= drop + COOLDOWN));
                        (last_drop, ends) = (Some(now), None);
                    }
                }
                Happens::Succeeds(..) | Happens::Fails(..) => {}
            }
        }
    }
}
