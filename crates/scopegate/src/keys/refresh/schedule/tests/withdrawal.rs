//! Tests of withdrawn keys and of the stale limit by the monotonic clock.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn second_set_without_usable_keys_withdraws_them() {
    // FR-A1: 30 s later, or one period if that is shorter.
    let fixed = |seconds| RefreshConfig { interval: Interval::Fixed(seconds * SECOND), ..CONFIG };
    for (config, confirmed_after) in [(CONFIG, 30), (fixed(30), 30), (fixed(10), 10), (fixed(3_600), 30)] {
        let start = Instant::now();
        let mut refresh = RefreshSchedule::new(config, start);
        fetched(&mut refresh, start, &["a"]);
        refresh.begin(start);
        assert!(!refresh.none_usable(start, 1.0));
        let confirm = start + confirmed_after * SECOND;
        assert_eq!(refresh.due(), confirm);
        // An earlier fetch, for an unknown key, does not confirm the withdrawal.
        refresh.begin(confirm - SECOND);
        assert!(!refresh.none_usable(confirm - SECOND, 1.0));
        assert_eq!(refresh.due(), confirm);
        refresh.begin(confirm);
        assert!(refresh.none_usable(confirm, 1.0), "{confirmed_after}");
    }
}

#[test]
fn usable_set_in_between_starts_over() {
    // FR-A1
    let start = Instant::now();
    let at = |seconds| start + seconds * SECOND;
    let mut refresh = started(start);
    refresh.begin(start);
    assert!(!refresh.none_usable(start, 1.0));
    fetched(&mut refresh, at(30), &["a"]);
    refresh.begin(at(60));
    assert!(!refresh.none_usable(at(60), 1.0));
    assert_eq!(refresh.due(), at(90));
}

#[test]
fn first_set_stands_after_five_minutes() {
    // FR-A1: the second fetch fails, again and again.
    let start = Instant::now();
    let at = |seconds| start + seconds * SECOND;
    let mut refresh = started(start);
    refresh.begin(start);
    assert!(!refresh.none_usable(start, 1.0));
    let mut expired = Vec::new();
    for _ in 0..20 {
        let due = refresh.due();
        if refresh.begin(due).keys_expired {
            expired.push(due);
        }
        refresh.failed(due, 1.0);
        if due < at(30) {
            assert!(refresh.due() <= at(30), "failures do not delay the second fetch");
        }
    }
    assert_eq!(expired, [at(300)]);
}

#[test]
fn keys_reach_stale_limit_by_monotonic_clock() {
    // FR-A9: independent of the wall clock, exactly once, and at that time.
    let start = Instant::now();
    let mut refresh = started(start);
    let mut expired = Vec::new();
    while expired.is_empty() {
        let due = refresh.due();
        if refresh.begin(due).keys_expired {
            expired.push(due);
        }
        refresh.failed(due, 1.0);
    }
    assert_eq!(expired, [start + CONFIG.max_stale]);
    assert!(refresh.due() > start + CONFIG.max_stale);
}
