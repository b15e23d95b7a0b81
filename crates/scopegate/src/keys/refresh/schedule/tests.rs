//! Tests of the schedule in virtual time: single steps, and invariants over any sequence of events.

use proptest::prelude::*;

use super::*;
use crate::token::algorithm::Algorithm;
use crate::token::key_name::KeyId;

mod attacker;
mod fleet;
mod withdrawal;

const CONFIG: RefreshConfig = RefreshConfig {
    interval: Interval::FromCacheControl { fallback: Duration::from_secs(600) },
    cooldown: Duration::from_secs(30),
    max_stale: Duration::from_secs(7 * 24 * 3600),
};

fn key(id: &str) -> KeyName {
    KeyName { id: Box::new(KeyId::from(Some(id)).to_owned()), algorithm: Algorithm::RS256 }
}

fn due_in(refresh: &RefreshSchedule, now: Instant) -> f64 {
    refresh.due().duration_since(now).as_secs_f64()
}

fn fetched(refresh: &mut RefreshSchedule, now: Instant, keys: &[&str]) {
    refresh.begin(now);
    refresh.succeeded(now, None, 0.5, |name| keys.iter().any(|id| *name == key(id)));
}

fn started(now: Instant) -> RefreshSchedule {
    let mut refresh = RefreshSchedule::new(CONFIG, now);
    fetched(&mut refresh, now, &["a"]);
    refresh
}

#[test]
fn first_fetch_is_due_at_once() {
    let now = Instant::now();
    assert_eq!(RefreshSchedule::new(CONFIG, now).due(), now);
}

#[test]
fn keys_are_renewed_at_four_fifths_with_jitter() {
    let now = Instant::now();
    let mut refresh = RefreshSchedule::new(CONFIG, now);
    for (random, expected) in [(0.0, 432.0), (0.5, 480.0), (1.0, 528.0)] {
        refresh.succeeded(now, None, random, |_| true);
        assert!((due_in(&refresh, now) - expected).abs() < 1e-6, "{random}");
    }
}

#[test]
fn issuer_advice_is_clamped_unless_period_is_configured() {
    // B20, FR-A2: advice of a day is an hour.
    let now = Instant::now();
    for (advice, expected) in [
        (0, 48.0),
        (59, 48.0),
        (300, 240.0),
        (3_600, 2_880.0),
        (3_601, 2_880.0),
        (86_400, 2_880.0),
        (u64::MAX, 2_880.0),
    ] {
        let mut refresh = RefreshSchedule::new(CONFIG, now);
        refresh.succeeded(now, Some(Duration::from_secs(advice)), 0.5, |_| true);
        assert!((due_in(&refresh, now) - expected).abs() < 1e-6, "{advice}");
        let fixed = RefreshConfig { interval: Interval::Fixed(Duration::from_secs(10)), ..CONFIG };
        let mut refresh = RefreshSchedule::new(fixed, now);
        refresh.succeeded(now, Some(Duration::from_secs(advice)), 0.5, |_| true);
        assert!((due_in(&refresh, now) - 8.0).abs() < 1e-6, "{advice}");
    }
}

#[test]
fn keys_are_renewed_twice_within_stale_limit() {
    let now = Instant::now();
    for interval in [Interval::Fixed(Duration::from_secs(86_400)), CONFIG.interval] {
        let mut refresh = RefreshSchedule::new(
            RefreshConfig { interval, max_stale: Duration::from_secs(60), ..CONFIG },
            now,
        );
        refresh.succeeded(now, Some(Duration::from_secs(86_400)), 1.0, |_| true);
        assert!((due_in(&refresh, now) - 26.4).abs() < 1e-6);
    }
}

#[test]
fn outdated_keys_are_fetched_at_once_with_backoff() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut refresh = started(start);
    // The cooldown of an unknown key does not matter.
    assert_eq!(refresh.unknown_key(&key("b"), at(1)), RefreshState::Pending);
    fetched(&mut refresh, at(1), &["b"]);
    refresh.outdated(false, at(2));
    assert_eq!(refresh.due(), at(2));
    refresh.begin(at(2));
    refresh.outdated(false, at(2));
    refresh.failed(at(2), 1.0);
    refresh.outdated(false, at(2));
    assert_eq!(refresh.due(), at(3));
}

#[test]
fn running_fetch_is_pending_during_cooldown() {
    let now = Instant::now();
    let mut refresh = started(now);
    assert_eq!(refresh.unknown_key(&key("b"), now), RefreshState::Pending);
    fetched(&mut refresh, now, &["b"]);
    assert_eq!(refresh.unknown_key(&key("c"), now), RefreshState::UpToDate);
    refresh.begin(now);
    assert_eq!(refresh.unknown_key(&key("c"), now), RefreshState::Pending);
    refresh.succeeded(now, None, 0.5, |_| false);
    assert_eq!(refresh.unknown_key(&key("c"), now), RefreshState::UpToDate);
}

#[test]
fn wait_is_zero_while_fetch_runs() {
    let now = Instant::now();
    let mut refresh = started(now);
    assert_eq!(refresh.wait(now), Duration::from_secs(480));
    refresh.begin(now);
    assert_eq!(refresh.wait(now), Duration::ZERO);
    refresh.failed(now, 1.0);
    assert_eq!(refresh.wait(now), Duration::from_secs(1));
}

#[test]
fn backoff_doubles_up_to_one_minute() {
    let now = Instant::now();
    let mut refresh = RefreshSchedule::new(CONFIG, now);
    for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        refresh.failed(now, 1.0);
        assert!((due_in(&refresh, now) - expected).abs() < 1e-6);
    }
    refresh.failed(now, 0.0);
    assert!((due_in(&refresh, now) - 0.5).abs() < 1e-6, "never at once");
    refresh.succeeded(now, None, 0.5, |_| true);
    refresh.failed(now, 1.0);
    assert!((due_in(&refresh, now) - 1.0).abs() < 1e-6, "a success starts over");
}

#[test]
fn unknown_key_makes_fetch_due_at_once() {
    // B15
    let now = Instant::now();
    let mut refresh = started(now);
    assert_eq!(refresh.unknown_key(&key("b"), now), RefreshState::Pending);
    assert_eq!(refresh.due(), now);
    fetched(&mut refresh, now, &["a", "b"]);
    assert!((due_in(&refresh, now) - 480.0).abs() < 1e-6);
}

#[test]
fn repeated_unknown_key_changes_nothing() {
    let now = Instant::now();
    let mut refresh = started(now);
    for _ in 0..3 {
        assert_eq!(refresh.unknown_key(&key("b"), now), RefreshState::Pending);
    }
    refresh.begin(now);
    for _ in 0..3 {
        assert_eq!(refresh.unknown_key(&key("b"), now), RefreshState::Pending);
    }
    refresh.failed(now, 0.5);
    assert_eq!(refresh.unknown_key(&key("b"), now), RefreshState::UpToDate);
}

#[test]
fn late_published_key_gets_second_fetch() {
    let start = Instant::now();
    let mut refresh = started(start);
    assert_eq!(refresh.unknown_key(&key("b"), start), RefreshState::Pending);
    fetched(&mut refresh, start, &["a"]);
    assert_eq!(refresh.unknown_key(&key("b"), start), RefreshState::Pending);
    assert_eq!(refresh.due(), start + LATE_PUBLICATION_DELAY);
    fetched(&mut refresh, start + LATE_PUBLICATION_DELAY, &["a"]);
    assert_eq!(refresh.unknown_key(&key("b"), start + LATE_PUBLICATION_DELAY), RefreshState::UpToDate);
}

#[test]
fn second_fetch_survives_other_unknown_keys() {
    // FR-A4: before the first fetch ends, after it, and not at all.
    for stranger in [Some(0), Some(500), None] {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut refresh = started(start);
        assert_eq!(refresh.unknown_key(&key("new"), start), RefreshState::Pending);
        refresh.begin(start);
        if stranger == Some(0) {
            assert_eq!(refresh.unknown_key(&key("invented"), start), RefreshState::Pending);
        }
        refresh.succeeded(at(50), None, 0.5, |name| *name == key("a"));
        if let Some(millis @ 1..) = stranger {
            assert_eq!(refresh.unknown_key(&key("invented"), at(millis)), RefreshState::Pending);
        }
        assert_eq!(refresh.due(), start + LATE_PUBLICATION_DELAY, "{stranger:?}");
        fetched(&mut refresh, at(1_100), &["a", "new"]);
        assert!((due_in(&refresh, at(1_100)) - 480.0).abs() < 1e-6);
    }
}

#[test]
fn other_unknown_key_gets_second_fetch_too() {
    // FR-A4: the first key is found, and the other one is published late.
    let start = Instant::now();
    let mut refresh = started(start);
    refresh.unknown_key(&key("b"), start);
    refresh.begin(start);
    assert_eq!(refresh.unknown_key(&key("c"), start), RefreshState::Pending);
    refresh.succeeded(start, None, 0.5, |name| *name == key("b"));
    assert_eq!(refresh.unknown_key(&key("c"), start), RefreshState::Pending);
    assert_eq!(refresh.due(), start + LATE_PUBLICATION_DELAY);
}

#[test]
fn begin_of_last_success_dates_the_keys() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut refresh = started(start);
    assert!(refresh.has_fetched_since(start) && !refresh.has_fetched_since(at(1)));
    refresh.begin(at(480));
    assert!(!refresh.has_fetched_since(at(1)), "it has not ended");
    refresh.failed(at(481), 0.5);
    assert!(!refresh.has_fetched_since(at(1)));
    refresh.begin(at(482));
    refresh.succeeded(at(490), None, 0.5, |_| true);
    assert!(refresh.has_fetched_since(at(482)) && !refresh.has_fetched_since(at(483)));
}

#[test]
fn unknown_key_waits_for_cooldown_or_next_fetch() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let seconds = |refresh: &RefreshSchedule, now| refresh.wait_for_unknown_key(now).as_secs();
    let mut refresh = started(start);
    assert_eq!(seconds(&refresh, at(1)), 0, "the next one causes a fetch");
    assert_eq!(refresh.unknown_key(&key("b"), at(1)), RefreshState::Pending);
    fetched(&mut refresh, at(1), &["b"]);
    assert_eq!(seconds(&refresh, at(2)), 29);
    // The regular fetch comes first.
    assert_eq!(refresh.unknown_key(&key("c"), at(470)), RefreshState::Pending);
    refresh.next_scheduled = at(475);
    refresh.on_demand = OnDemand::None;
    assert_eq!(seconds(&refresh, at(471)), 4);
}

#[test]
fn failed_fetch_starts_cooldown_too() {
    // B18
    let start = Instant::now();
    let mut refresh = started(start);
    assert_eq!(refresh.unknown_key(&key("b"), start), RefreshState::Pending);
    refresh.begin(start);
    refresh.failed(start, 0.5);
    let at = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(refresh.unknown_key(&key("c"), at(44)), RefreshState::UpToDate);
    assert_eq!(refresh.unknown_key(&key("c"), at(45)), RefreshState::Pending, "one and a half cooldowns");
}

#[test]
fn regular_fetch_with_key_cancels_extra_fetch() {
    let now = Instant::now();
    let mut refresh = RefreshSchedule::new(CONFIG, now);
    refresh.begin(now);
    assert_eq!(refresh.unknown_key(&key("b"), now), RefreshState::Pending);
    refresh.succeeded(now, None, 0.5, |name| *name == key("b"));
    assert!((due_in(&refresh, now) - 480.0).abs() < 1e-6);
    let mut refresh = RefreshSchedule::new(CONFIG, now);
    refresh.begin(now);
    assert_eq!(refresh.unknown_key(&key("c"), now), RefreshState::Pending);
    refresh.succeeded(now, None, 0.5, |name| *name == key("b"));
    assert_eq!(refresh.due(), now, "it may have been answered before the key was published");
}

#[test]
fn outdated_keys_make_fetch_due_at_once() {
    // FR-A7: the wall clock is not part of the state machine.
    let start = Instant::now();
    for after_failure in [true, false] {
        let mut refresh = started(start);
        refresh.outdated(after_failure, start);
        assert_eq!(refresh.due(), start);
        refresh.begin(start);
        refresh.outdated(after_failure, start);
        refresh.failed(start, 1.0);
        refresh.outdated(after_failure, start);
        assert_eq!(refresh.due() == start, after_failure);
    }
}

#[test]
fn state_is_stale_one_period_after_last_success() {
    // FR-A5
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(RefreshSchedule::new(CONFIG, start).settled_state(start), RefreshState::Stale);
    let mut refresh = started(start);
    refresh.begin(at(480));
    refresh.failed(at(480), 0.5);
    assert_eq!(refresh.settled_state(at(599)), RefreshState::UpToDate);
    assert_eq!(refresh.settled_state(at(600)), RefreshState::Stale);
    fetched(&mut refresh, at(600), &["a"]);
    assert_eq!(refresh.settled_state(at(600)), RefreshState::UpToDate);
}

#[test]
fn task_is_overdue_if_fetch_is_late() {
    // FR-A10
    let start = Instant::now();
    let after = |at: Instant, seconds| at + Duration::from_secs(seconds);
    let mut refresh = started(start);
    let due = refresh.due();
    assert!(!refresh.is_overdue(after(due, 10)) && refresh.is_overdue(after(due, 11)));
    refresh.begin(due);
    assert!(!refresh.is_overdue(after(due, 40)) && refresh.is_overdue(after(due, 41)));
    refresh.succeeded(after(due, 41), None, 0.5, |_| true);
    assert!(!refresh.is_overdue(after(due, 42)));
}

#[test]
fn application_may_force_fetch_every_ten_seconds() {
    // FR-A16
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut refresh = started(start);
    assert_eq!(refresh.force(start), Forced::Fetch(2));
    assert_eq!(refresh.force(start), Forced::Fetch(2), "it has not begun yet");
    assert_eq!(refresh.due(), start);
    assert!(refresh.begin(start).forced);
    assert_eq!(refresh.force(at(9)), Forced::TooSoon(Duration::from_secs(1)));
    refresh.failed(at(9), 1.0);
    assert_eq!(refresh.force(at(10)), Forced::Fetch(3));
    assert!(refresh.begin(at(10)).forced);
    // A fetch that began before the request may have found the old keys.
    assert_eq!(refresh.force(at(20)), Forced::Fetch(4));
    refresh.succeeded(at(20), None, 0.5, |_| true);
    assert_eq!(refresh.due(), at(20));
    refresh.begin(at(20));
    refresh.succeeded(at(20), None, 0.5, |_| true);
    assert!(!refresh.begin(at(500)).forced);
}

/// An event of the state machine.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A request names an unknown key, one of a few or one of many.
    UnknownKey(u16),
    /// The fetch under way ends. `well` is whether it succeeds.
    Ends {
        well: bool,
        brings: u16,
        random: f64,
        advice: Option<u32>,
    },
    Nothing,
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        4 => (0u16..4).prop_map(Event::UnknownKey),
        2 => any::<u16>().prop_map(Event::UnknownKey),
        4 => (any::<bool>(), 0u16..4, 0.0..1.0, any::<Option<u32>>())
            .prop_map(|(well, brings, random, advice)| Event::Ends { well, brings, random, advice }),
        1 => Just(Event::Nothing),
    ];
    // Milliseconds, from bursts to hours.
    let pause = prop_oneof![4 => 0u64..50, 2 => 0u64..5_000, 1 => 0u64..7_200_000];
    prop::collection::vec((pause, event), 1..300)
}

proptest! {
    /// Drives the state machine like the task: a fetch begins if it is due and none is under way.
    #[test]
    fn fetches_are_bounded_and_never_stop(events in events()) {
        let start = Instant::now();
        let (mut now, mut refresh, mut under_way) = (start, RefreshSchedule::new(CONFIG, start), false);
        let mut not_regular: Vec<Instant> = Vec::new();
        for (pause, event) in events {
            let end = now + Duration::from_millis(pause);
            // Everything that is due within the pause begins, at its time.
            while !under_way && refresh.due() <= end {
                now = now.max(refresh.due());
                let regular = refresh.next_scheduled <= now;
                refresh.begin(now);
                under_way = true;
                if !regular {
                    not_regular.push(now);
                }
            }
            now = end;
            match event {
                Event::UnknownKey(id) => {
                    let standing = refresh.unknown_key(&key(&id.to_string()), now);
                    // A request waits only if a fetch is under way or follows soon.
                    let soon = under_way || refresh.due() <= now + LATE_PUBLICATION_DELAY;
                    prop_assert!(standing != RefreshState::Pending || soon);
                }
                Event::Ends { well, brings, random, advice } if under_way => {
                    under_way = false;
                    if well {
                        let advice = advice.map(|seconds| Duration::from_secs(seconds.into()));
                        refresh.succeeded(now, advice, random, |name| *name == key(&brings.to_string()));
                        prop_assert!(refresh.due() <= now + MAX_ADVISED.mul_f64(0.88));
                    } else {
                        refresh.failed(now, random);
                        prop_assert!(refresh.due() <= now + MAX_RETRY);
                        let asked_for = matches!(refresh.on_demand, OnDemand::Due { .. });
                        prop_assert!(refresh.due() > now || asked_for);
                    }
                }
                Event::Ends { .. } | Event::Nothing => {}
            }
        }
        // Two fetches for each cooldown: one for an unknown key, and one for its late publication.
        for (position, third) in not_regular.iter().enumerate().skip(2) {
            prop_assert!(*third >= not_regular[position - 2] + CONFIG.cooldown);
        }
    }
}
