//! Tests of the load that a fleet of 1,000 verifiers puts on one issuer, in virtual time and with a
//! fixed seed. `docs/reference/fleet.md` explains the figures, and `cargo test fleet -- --nocapture` shows
//! them.
//!
//! Instances share only the issuer, and the issuer is a function of time. So each instance is
//! simulated alone, and then all fetches are counted together. Network and capacity are not
//! modeled: an available issuer responds in 50 ms under any load.
#![allow(clippy::print_stdout, reason = "the figures are the result")]

use std::ops::Range;

use super::*;

const INSTANCES: usize = 1_000;
const ANSWERS_IN: Duration = Duration::from_millis(50);

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The time of the event in the tests of a settled fleet.
const EVENT: Duration = Duration::from_secs(6 * 3_600);

/// Each instance has this many requests in a second.
const REQUESTS: u32 = 5;

/// The conditions of all instances.
#[derive(Clone)]
struct World {
    jitter: bool,
    /// Instances start at a random time within this range.
    start_within: Duration,
    /// The issuer is unreachable.
    outage: Range<Duration>,
    /// The duration of a failing fetch.
    fails_in: Duration,
    tokens: Tokens,
    ends: Duration,
}

/// The keys that the tokens of all requests name.
#[derive(Clone)]
enum Tokens {
    /// A key that all instances have.
    Known,
    /// From `used` on a new key, which is published at `published`.
    Rotated { used: Duration, published: Duration },
    /// Within this time, each token names another key that does not exist.
    Invented(Range<Duration>),
}

impl World {
    /// Returns a fleet that starts at once, without an event.
    fn quiet() -> Self {
        Self {
            jitter: true,
            start_within: Duration::ZERO,
            outage: Duration::MAX..Duration::MAX,
            fails_in: Duration::from_millis(10),
            tokens: Tokens::Known,
            ends: EVENT + HOUR,
        }
    }

    /// Returns a fleet that starts within ten minutes, without an event.
    fn settled() -> Self {
        Self { start_within: 10 * MINUTE, ..Self::quiet() }
    }

    /// Prints and returns the number of fetches within some time, and the peaks with and without
    /// jitter.
    fn report(&self, what: &str, when: &Range<Duration>) -> Seen {
        let [with, without] = [true, false].map(|jitter| Self { jitter, ..self.clone() }.fetches());
        let seen = Seen {
            fetches: with.count(when),
            peak: with.peak(when),
            peak_without_jitter: without.peak(when),
        };
        println!(
            "{what:<58} {:>6} fetches, {:>4} in the worst second, {:>4} without jitter",
            seen.fetches, seen.peak, seen.peak_without_jitter
        );
        seen
    }

    /// Returns the times at which any instance begins a fetch.
    fn fetches(&self) -> Fetches {
        let mut random = fastrand::Rng::with_seed(20_260_101);
        let mut fetches: Vec<Duration> = (0..INSTANCES).flat_map(|_| self.life(&mut random)).collect();
        fetches.sort_unstable();
        Fetches(fetches)
    }

    /// Returns the times at which one instance begins a fetch. Like the task, it runs one fetch at
    /// a time.
    fn life(&self, random: &mut fastrand::Rng) -> Vec<Duration> {
        let zero = Instant::now();
        let starts = self.start_within.mul_f64(random.f64());
        let mut refresh = RefreshSchedule::new(CONFIG, zero + starts);
        let mut request = self.first_unknown_key(random);
        let (mut fetches, mut under_way, mut now) = (Vec::new(), None, starts);
        while now < self.ends {
            let next = match under_way {
                Some(begun) => begun + self.takes(begun),
                None => refresh.due().duration_since(zero).max(now),
            };
            if let Some(asked) = request.filter(|asked| *asked < next) {
                now = asked;
                refresh.unknown_key(&self.unknown_key(now), zero + now);
                request = Some(asked + Duration::from_secs(1) / REQUESTS).filter(|at| self.is_unknown(*at));
                continue;
            }
            now = next;
            let Some(begun) = under_way.take() else {
                refresh.begin(zero + now);
                fetches.push(now);
                under_way = Some(now);
                continue;
            };
            let drawn = if self.jitter { random.f64() } else { 0.5 };
            if self.outage.contains(&begun) {
                refresh.failed(zero + now, drawn);
            } else {
                let brings = matches!(self.tokens, Tokens::Rotated { published, .. } if published <= begun);
                refresh.succeeded(zero + now, None, drawn, |_| brings);
                request = request.filter(|_| !brings);
            }
        }
        fetches
    }

    fn takes(&self, begun: Duration) -> Duration {
        if self.outage.contains(&begun) { self.fails_in } else { ANSWERS_IN }
    }

    fn first_unknown_key(&self, random: &mut fastrand::Rng) -> Option<Duration> {
        let from = match &self.tokens {
            Tokens::Known => return None,
            Tokens::Rotated { used, .. } => *used,
            Tokens::Invented(when) => when.start,
        };
        Some(from + (Duration::from_secs(1) / REQUESTS).mul_f64(random.f64()))
    }

    fn is_unknown(&self, at: Duration) -> bool {
        match &self.tokens {
            Tokens::Known => false,
            Tokens::Rotated { .. } => true,
            Tokens::Invented(when) => when.contains(&at),
        }
    }

    fn unknown_key(&self, now: Duration) -> KeyName {
        match self.tokens {
            Tokens::Invented(_) => key(&now.as_nanos().to_string()),
            Tokens::Known | Tokens::Rotated { .. } => key("new"),
        }
    }
}

/// The times of all fetches, sorted.
struct Fetches(Vec<Duration>);

impl Fetches {
    fn within(&self, when: &Range<Duration>) -> &[Duration] {
        let from = self.0.partition_point(|at| *at < when.start);
        let to = self.0.partition_point(|at| *at < when.end);
        &self.0[from..to]
    }

    fn count(&self, when: &Range<Duration>) -> usize {
        self.within(when).len()
    }

    /// Returns the maximum number of fetches within any second.
    fn peak(&self, when: &Range<Duration>) -> usize {
        let times = self.within(when);
        let within_a_second = |(n, first): (usize, &Duration)| {
            times[n..].partition_point(|at| *at < *first + Duration::from_secs(1))
        };
        times.iter().enumerate().map(within_a_second).max().unwrap_or(0)
    }
}

/// Returns a range of seconds after the event.
fn seconds(from: u64, to: u64) -> Range<Duration> {
    EVENT + Duration::from_secs(from)..EVENT + Duration::from_secs(to)
}

/// Returns a range of seconds after the start.
fn from_the_start(from: u64, to: u64) -> Range<Duration> {
    Duration::from_secs(from)..Duration::from_secs(to)
}

struct Seen {
    fetches: usize,
    peak: usize,
    peak_without_jitter: usize,
}

#[test]
fn first_renewal_spreads_fleet_that_starts_together() {
    let world = World::quiet();
    let start = world.report("started at once: first second", &from_the_start(0, 1));
    assert_eq!((start.fetches, start.peak), (1_000, 1_000));
    let renewal = world.report("started at once: first renewal", &from_the_start(1, 700));
    assert!(renewal.fetches == 1_000 && renewal.peak <= 30 && renewal.peak_without_jitter == 1_000);
    let later = world.report("started at once: hours 6 to 7", &seconds(0, 3_600));
    assert!(later.fetches <= 8_000 && later.peak <= 20 && later.peak_without_jitter == 1_000);
}

#[test]
fn settled_fleet_fetches_twice_per_second() {
    let seen = World::settled().report("settled: hours 6 to 7", &seconds(0, 3_600));
    assert!(seen.fetches <= 8_000 && seen.peak <= 15);
}

#[test]
fn rotation_costs_each_instance_one_fetch() {
    let tokens = Tokens::Rotated { used: EVENT, published: EVENT };
    let world = World { tokens, ..World::settled() };
    let met = world.report("rotation: the ten seconds after it", &seconds(0, 10));
    assert!(met.fetches <= 1_000 + 50, "one each");
    let renewal = world.report("rotation: the renewal after it", &seconds(60, 700));
    assert!(renewal.peak <= 35 && renewal.peak_without_jitter == 1_000);
}

#[test]
fn key_published_ahead_costs_no_extra_fetch() {
    let tokens = Tokens::Rotated { used: EVENT, published: EVENT.saturating_sub(10 * MINUTE) };
    let seen = World { tokens, ..World::settled() }
        .report("rotation, published 10 min ahead: ten seconds", &seconds(0, 10));
    assert!(seen.fetches <= 50 && seen.peak <= 15);
}

#[test]
fn key_published_late_costs_two_fetches_each() {
    let tokens = Tokens::Rotated { used: EVENT, published: EVENT + Duration::from_secs(1) };
    let seen = World { tokens, ..World::settled() }
        .report("rotation, published 1 s late: ten seconds", &seconds(0, 10));
    assert!(seen.fetches <= 2_000 + 50 && seen.peak <= 1_050);
}

#[test]
fn outage_ends_without_burst() {
    for (how, fails_in) in
        [("refused at once", Duration::from_millis(10)), ("no answer for 5 s", Duration::from_secs(5))]
    {
        let world = World { outage: EVENT..EVENT + 10 * MINUTE, fails_in, ..World::settled() };
        let during = world.report(&format!("outage of 10 min, {how}: during it"), &seconds(0, 600));
        assert!(during.fetches <= 22_000 && during.peak <= 80);
        let minute = world.report(&format!("outage of 10 min, {how}: the minute after"), &seconds(600, 660));
        assert!(minute.fetches <= 1_100 && minute.peak <= 70);
        // The longest backoff, and the duration of the attempt before it.
        let back = world.fetches().count(&seconds(600, 665));
        assert!(back >= 1_000, "all are back after a minute");
        let renewal =
            world.report(&format!("outage of 10 min, {how}: the renewal after"), &seconds(700, 1_500));
        assert!(renewal.peak <= 35);
    }
}

#[test]
fn fleet_started_in_outage_is_spread_within_minute() {
    let world = World { outage: Duration::ZERO..10 * MINUTE, ..World::quiet() };
    let first = world.report("started at once in an outage: first second", &from_the_start(0, 1));
    assert!(first.peak <= 2_000);
    world.report("started at once in an outage: the rest of the minute", &from_the_start(1, 60));
    let later = world.report("started at once in an outage: after a minute", &from_the_start(60, 600));
    assert!(later.peak <= 80 && later.peak_without_jitter == 1_000);
    let minute = world.report("started at once in an outage: the minute after it", &from_the_start(600, 660));
    assert!(minute.fetches <= 1_100 && minute.peak <= 70 && minute.peak_without_jitter == 1_000);
}

#[test]
fn rotation_during_outage_is_bounded() {
    // Every instance sees the new key at the same moment, and each fetches again after one to two cooldowns.
    let tokens = Tokens::Rotated { used: EVENT + 5 * MINUTE, published: EVENT };
    let world = World { tokens, outage: EVENT..EVENT + 10 * MINUTE, ..World::settled() };
    let during = world.report("outage and rotation: from the rotation to its end", &seconds(300, 600));
    assert!(during.fetches <= 22_000 && during.peak <= 1_500);
    let minute = world.report("outage and rotation: the minute after", &seconds(600, 660));
    assert!(minute.fetches <= 1_100 && minute.peak <= 100);
}

#[test]
fn invented_keys_cost_two_fetches_per_cooldown() {
    let world = World { tokens: Tokens::Invented(seconds(0, 600)), ..World::settled() };
    let seen = world.report("ten minutes of invented keys at every instance", &seconds(0, 600));
    // FR-A4: twenty cooldowns with two fetches each. The flood also replaces the regular fetches.
    assert!(seen.fetches <= 2 * 21 * 1_000 && seen.peak <= 1_050);
}
