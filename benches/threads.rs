//! The same work on several threads, timed from when all have begun to when the last one has ended.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Each thread does the work so many times; it is told which thread it is, and which time.
pub fn on_threads(threads: usize, times: u64, work: impl Fn(usize, u64) + Sync) -> Duration {
    let begin = Barrier::new(threads + 1);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (begin, work) = (&begin, &work);
            scope.spawn(move || {
                begin.wait();
                (0..times).for_each(|time| work(thread, time));
                begin.wait();
            });
        }
        begin.wait();
        let start = Instant::now();
        begin.wait();
        start.elapsed()
    })
}
