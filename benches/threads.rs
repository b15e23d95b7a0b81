//! Times the same work on several threads, from the start of the first thread to the end of the
//! last one.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Runs the work `times` times on each thread. It gets the number of the thread and of the
/// iteration.
pub fn on_threads(threads: usize, times: u64, work: impl Fn(usize, u64) + Sync) -> Duration {
    let begin = Barrier::new(threads);
    let spans: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let (begin, work) = (&begin, &work);
        let run = |thread| {
            scope.spawn(move || {
                begin.wait();
                let start = Instant::now();
                (0..times).for_each(|time| work(thread, time));
                (start, Instant::now())
            })
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        running.into_iter().map(|thread| thread.join().expect("the work does not panic")).collect()
    });
    let first = spans.iter().map(|(start, _)| *start).min();
    let last = spans.iter().map(|(_, end)| *end).max();
    first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first)
}
