//! Tests of an attacker who invents key ids, in virtual time. They back the table in SECURITY.md:
//! one request, one request per second, and 1,000 requests per second.

use super::*;

const STEP: Duration = Duration::from_millis(1);
const ANSWERS_IN: u64 = 50;
const MINUTE: u64 = 60_000;

#[derive(Clone, Copy, Debug)]
enum Attack {
    None,
    Once { at: u64 },
    Every { millis: u64 },
    EverySince { since: u64, millis: u64 },
}

impl Attack {
    fn sends(self, at: u64) -> bool {
        match self {
            Self::None => false,
            Self::Once { at: when } => at == when,
            Self::Every { millis } => at.is_multiple_of(millis),
            Self::EverySince { since, millis } => at >= since && at.is_multiple_of(millis),
        }
    }
}

/// The responses to callers with a valid new key, and the load that the attacker causes.
#[derive(Debug, Default)]
struct Seen {
    fetches: u64,
    /// Milliseconds from the first call with the new key to its last rejection.
    rejected_for: u64,
    unavailable: u64,
}

/// Simulates an attack. Times are in milliseconds. A new key is used from `used` on, and published
/// at `published`.
fn simulate(attack: Attack, used: u64, published: u64, ends: u64, fails: impl Fn(u64) -> bool) -> Seen {
    let start = Instant::now();
    let (mut refresh, mut seen, mut has_key, mut under_way) = (started(start), Seen::default(), false, None);
    for at in 0..ends {
        let now = start + STEP * u32::try_from(at).unwrap();
        if let Some(begun) = under_way.filter(|begun| at >= begun + ANSWERS_IN) {
            under_way = None;
            if fails(begun) {
                refresh.failed(now, 0.5);
            } else {
                has_key = begun >= published;
                refresh.succeeded(now, None, 0.5, |name| has_key && *name == key("new"));
            }
        }
        if attack.sends(at) {
            let state = refresh.unknown_key(&key(&format!("invented-{at}")), now);
            seen.unavailable += u64::from(state == RefreshState::Stale);
        }
        // Ten calls a second.
        if at >= used && at.is_multiple_of(100) && !has_key {
            match refresh.unknown_key(&key("new"), now) {
                RefreshState::Pending => {}
                RefreshState::UpToDate => seen.rejected_for = at - used,
                RefreshState::Stale => seen.unavailable += 1,
            }
        }
        if under_way.is_none() && refresh.due() <= now {
            refresh.begin(now);
            under_way = Some(at);
            seen.fetches += 1;
        }
    }
    seen
}

/// Returns the longest time for which callers with a valid new key are rejected, for any start of
/// the attack.
fn worst(attack: impl Fn(u64) -> Attack, late: u64, pause: u64) -> u64 {
    let times = (0..32_000).step_by(usize::try_from(pause).unwrap());
    let rejected = times.map(|before| {
        let used = 40_000;
        simulate(attack(used - before), used, used + late, used + 45_000, |_| false).rejected_for
    });
    rejected.max().unwrap()
}

#[test]
fn new_key_is_never_rejected_without_an_attacker() {
    // FR-A4
    for late in [0, 500, 1_000] {
        assert_eq!(worst(|_| Attack::None, late, 40_000), 0, "{late}");
    }
}

#[test]
fn one_request_delays_new_key_by_one_cooldown() {
    // FR-A4: only if the request arrives before the key is published.
    let rejected = worst(|at| Attack::Once { at }, 0, 100);
    assert!((25_000..=30_000).contains(&rejected), "{rejected}");
    // If the attack starts when the new key is first used and published late, it changes nothing.
    for late in [0, 500, 1_000] {
        for at in [40_000, 40_020, 40_500, 41_000] {
            let attacks = [1_000, 1].map(|millis| Attack::EverySince { since: at, millis });
            for attack in attacks.into_iter().chain([Attack::Once { at }]) {
                let seen = simulate(attack, 40_000, 40_000 + late, 85_000, |_| false);
                assert_eq!((seen.rejected_for, seen.unavailable), (0, 0), "{late} {attack:?}");
            }
        }
    }
}

#[test]
fn more_requests_delay_a_new_key_no_longer() {
    // FR-A4: one a second, and 1,000 a second.
    for (millis, pause) in [(1_000, 400), (1, 3_300)] {
        let rejected = worst(|_| Attack::Every { millis }, 1_500, pause);
        assert!(rejected <= 30_000, "{millis}: {rejected}");
    }
}

#[test]
fn key_published_ahead_is_never_rejected() {
    // FR-A4
    for attack in [Attack::Once { at: 5_000 }, Attack::Every { millis: 1_000 }, Attack::Every { millis: 1 }] {
        let seen = simulate(attack, 11 * MINUTE, MINUTE, 12 * MINUTE, |_| false);
        assert_eq!((seen.rejected_for, seen.unavailable), (0, 0), "{attack:?}");
    }
}

#[test]
fn attacker_causes_two_fetches_in_a_cooldown() {
    // FR-A4, FR-A5: in ten minutes, of which the regular fetch is one.
    let ten_minutes = 10 * MINUTE - 1;
    for (attack, fetches) in [
        (Attack::None, 1..=1),
        (Attack::Once { at: 5_000 }, 2..=3),
        (Attack::Every { millis: 1_000 }, 38..=41),
        (Attack::Every { millis: 1 }, 38..=41),
    ] {
        let seen = simulate(attack, u64::MAX, u64::MAX, ten_minutes, |_| false);
        assert!(fetches.contains(&seen.fetches), "{attack:?}: {seen:?}");
        assert_eq!(seen.unavailable, 0, "{attack:?}");
    }
}

#[test]
fn attacker_causes_no_503_while_fetches_succeed() {
    // FR-A5: the fetches fail for eight minutes of the ten that a period has.
    let attack = Attack::Every { millis: 10 };
    let seen = simulate(attack, u64::MAX, u64::MAX, 8 * MINUTE, |begun| begun < 8 * MINUTE);
    assert_eq!(seen.unavailable, 0);
    // In a longer outage, the keys are unavailable.
    let seen = simulate(attack, u64::MAX, u64::MAX, 12 * MINUTE, |_| true);
    assert!(seen.unavailable > 0);
}
