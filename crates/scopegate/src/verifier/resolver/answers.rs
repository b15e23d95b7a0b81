//! A bounded memory of names that the resolver did not return an issuer for.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use tokio::time::Instant;

/// Maximum number of names. Attackers invent names, so the oldest is forgotten first: it is asked
/// for again then, within the budget of calls.
pub(super) const MAX_ANSWERS: usize = 10_000;

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
    number: u64,
}

impl Answers {
    /// Returns the result for a name, and its end.
    pub(super) fn get(&self, name: &str, now: Instant) -> Option<(Answer, Instant)> {
        let found = self.by_name.get(&self.key(name)).filter(|found| now < found.until)?;
        Some((found.answer, found.until))
    }

    pub(super) fn insert(&mut self, name: &str, answer: Answer, until: Instant) {
        let (key, number) = (self.key(name), self.number);
        self.number += 1;
        self.by_name.insert(key, Remembered { answer, until, number });
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
        answers.insert("a", Answer::Unknown, later);
        assert_eq!(answers.get("a", now), Some((Answer::Unknown, later)));
        assert_eq!((answers.get("b", now), answers.get("a", later)), (None, None));
        answers.insert("a", Answer::Failed, later);
        assert_eq!(answers.get("a", now), Some((Answer::Failed, later)));
        answers.remove("a");
        assert_eq!(answers.get("a", now), None);
    }

    #[test]
    fn million_names_leave_the_newest_ten_thousand() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        let later = now + Duration::from_secs(60);
        for number in 0..1_000_000 {
            answers.insert(&number.to_string(), Answer::Unknown, later);
            // The same name again does not make it grow.
            answers.insert("again", Answer::Unknown, later);
        }
        assert!(answers.by_name.len() <= MAX_ANSWERS && answers.order.len() == MAX_ANSWERS);
        assert!(answers.get("999999", now).is_some() && answers.get("again", now).is_some());
        assert!(answers.get("999", now).is_none());
    }
}
