//! Security event tokens that wait for a receiver, which polls for them (RFC 8936).

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The SETs of one pool, and the results that receivers have reported.
#[derive(Debug, Default)]
pub(crate) struct EventQueue(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    /// By their ids, the oldest first.
    waiting: Vec<(String, String)>,
    /// The ids of rejected SETs, with the receiver's code.
    rejected: Vec<(String, String)>,
    polls: u64,
}

impl EventQueue {
    pub(crate) fn push(&self, id: String, set: String) {
        self.locked().waiting.push((id, set));
    }

    /// Removes acknowledged and rejected SETs. Returns the oldest others, and whether there are
    /// more.
    pub(crate) fn poll(
        &self,
        acknowledged: &[String],
        rejected: &[(String, String)],
        max: usize,
    ) -> (Vec<(String, String)>, bool) {
        let mut queue = self.locked();
        queue.polls += 1;
        queue.waiting.retain(|(id, _)| !acknowledged.contains(id));
        for (id, code) in rejected {
            let before = queue.waiting.len();
            queue.waiting.retain(|(waiting, _)| waiting != id);
            // Results of other SETs are ignored, so that they cannot fill the memory.
            if queue.waiting.len() < before {
                queue.rejected.push((id.clone(), code.clone()));
            }
        }
        let sets = queue.waiting.iter().take(max).cloned().collect();
        (sets, queue.waiting.len() > max)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.locked().waiting.len()
    }

    pub(crate) fn rejected(&self) -> Vec<(String, String)> {
        self.locked().rejected.clone()
    }

    pub(crate) fn polls(&self) -> u64 {
        self.locked().polls
    }

    fn locked(&self) -> MutexGuard<'_, Queue> {
        // Each change is complete in itself, so a poisoned lock is used as well.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_waits_until_it_has_a_result() {
        let queue = EventQueue::default();
        for id in ["a", "b", "c"] {
            queue.push(id.to_owned(), format!("set {id}"));
        }
        let ids = |(sets, more): (Vec<(String, String)>, bool)| {
            (sets.into_iter().map(|(id, _)| id).collect::<String>(), more)
        };
        let poll = |ack: &[&str], rejected: &[(&str, &str)], max| {
            let ack: Vec<String> = ack.iter().map(ToString::to_string).collect();
            let rejected: Vec<_> =
                rejected.iter().map(|(id, code)| (id.to_string(), code.to_string())).collect();
            ids(queue.poll(&ack, &rejected, max))
        };
        assert_eq!(poll(&[], &[], 2), ("ab".to_owned(), true));
        assert_eq!(poll(&[], &[], 3), ("abc".to_owned(), false));
        assert_eq!(
            poll(&["a", "z"], &[("b", "invalid_key"), ("y", "invalid_key")], 3),
            ("c".to_owned(), false)
        );
        assert_eq!(queue.rejected(), [("b".to_owned(), "invalid_key".to_owned())]);
        assert_eq!(poll(&["c"], &[], 0), (String::new(), false));
        assert_eq!((queue.waiting(), queue.polls()), (0, 4));
    }
}
