//! A bounded memory of names that the resolver did not return an issuer for.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// Maximum number of names. Attackers invent names, so the oldest is forgotten first: it is asked
/// for again then, within the budget of calls.
pub(super) const MAX_ANSWERS: usize = 10_000;

/// The time after a failure without further calls for the name. It doubles with each failure of the
/// name.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);
const MAX_FAILURE_PAUSE: Duration = Duration::from_secs(30);

/// A result without an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Unknown,
    Failed,
}

/// Names are kept as two hashes that only this process knows, because a name may have 2 KiB.
type Key = [u64; 2];

#[derive(Default)]
pub(super) struct Answers {
    by_name: HashMap<Key, Remembered>,
    /// In the order in which they came, those included that were replaced.
    order: VecDeque<(Key, u64)>,
    number: u64,
    secrets: [RandomState; 2],
}

struct Remembered {
    answer: Answer,
    until: Instant,
    /// The number of failures since the last other result.
    failures: u32,
    number: u64,
}

impl Answers {
    /// Returns the result for a name, and its end.
    pub(super) fn get(&self, name: &str, now: Instant) -> Option<(Answer, Instant)> {
        let found = self.by_name.get(&self.key(name)).filter(|found| now < found.until)?;
        Some((found.answer, found.until))
    }

    pub(super) fn unknown(&mut self, name: &str, until: Instant) {
        self.insert(self.key(name), Answer::Unknown, until, 0);
    }

    /// Remembers a failed call of a request.
    pub(super) fn failed(&mut self, name: &str, now: Instant) {
        let key = self.key(name);
        let failures = self.by_name.get(&key).map_or(0, |before| before.failures);
        let pause = FAILURE_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(MAX_FAILURE_PAUSE);
        self.insert(key, Answer::Failed, now + pause, failures.saturating_add(1));
    }

    /// Remembers a failed renewal. It delays no request, because the issuer is live.
    pub(super) fn renewal_failed(&mut self, name: &str, now: Instant) {
        self.insert(self.key(name), Answer::Failed, now, 0);
    }

    /// Returns whether the last call for the name failed, if it is remembered.
    pub(super) fn has_failed(&self, name: &str) -> bool {
        self.by_name.get(&self.key(name)).is_some_and(|found| found.answer == Answer::Failed)
    }

    fn insert(&mut self, key: Key, answer: Answer, until: Instant, failures: u32) {
        let number = self.number;
        self.number += 1;
        self.by_name.insert(key, Remembered { answer, until, failures, number });
        self.order.push_back((key, number));
        while self.order.len() > MAX_ANSWERS {
            let Some((oldest, number)) = self.order.pop_front() else { return };
            if self.by_name.get(&oldest).is_some_and(|found| found.number == number) {
                self.by_name.remove(&oldest);
            }
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.by_name.remove(&self.key(name));
    }

    fn key(&self, name: &str) -> Key {
        self.secrets.each_ref().map(|secret| secret.hash_one(name))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn answer_is_forgotten_when_its_time_is_over() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        let later = now + Duration::from_secs(60);
        answers.unknown("a", later);
        assert_eq!(answers.get("a", now), Some((Answer::Unknown, later)));
        assert_eq!((answers.get("b", now), answers.get("a", later)), (None, None));
        answers.failed("a", now);
        assert_eq!(answers.get("a", now), Some((Answer::Failed, now + FAILURE_PAUSE)));
        answers.remove("a");
        assert_eq!(answers.get("a", now), None);
    }

    #[test]
    fn pause_doubles_with_each_failure_of_a_name() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        let mut pauses = || {
            let seconds = (0..6).map(|_| {
                answers.failed("a", now);
                answers.failed("b", now);
                (answers.get("a", now).unwrap().1 - now).as_secs()
            });
            let seconds: Vec<_> = seconds.collect();
            // Another result begins anew.
            answers.unknown("a", now);
            seconds
        };
        assert_eq!((pauses(), pauses()), (vec![2, 4, 8, 16, 30, 30], vec![2, 4, 8, 16, 30, 30]));
    }

    #[test]
    fn failed_renewal_marks_name_without_a_pause() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        answers.renewal_failed("a", now);
        assert!(answers.has_failed("a") && !answers.has_failed("b"));
        assert_eq!(answers.get("a", now), None);
        answers.failed("a", now);
        assert_eq!(answers.get("a", now), Some((Answer::Failed, now + FAILURE_PAUSE)));
        answers.unknown("a", now);
        assert!(!answers.has_failed("a"));
    }

    #[test]
    fn million_names_leave_the_newest_ten_thousand() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        let later = now + Duration::from_secs(60);
        for number in 0..1_000_000 {
            answers.unknown(&number.to_string(), later);
            // The same name again does not make it grow.
            answers.unknown("again", later);
        }
        assert!(answers.by_name.len() <= MAX_ANSWERS && answers.order.len() == MAX_ANSWERS);
        assert!(answers.get("999999", now).is_some() && answers.get("again", now).is_some());
        assert!(answers.get("999", now).is_none());
    }
}
