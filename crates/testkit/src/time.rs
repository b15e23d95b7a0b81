//! Virtual time for tests that use real sockets.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Tokio rounds the deadline of a timer up to the next millisecond.
const RESOLUTION: Duration = Duration::from_millis(1);

/// Advances the clock of the runtime by `time`, so far that timers of this length have ended.
///
/// Time is paused only during this call. While it is paused, the runtime does not wait for sockets.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time + RESOLUTION).await;
    tokio::time::resume();
    // Tasks that waited for a timer run before the caller goes on.
    tokio::task::yield_now().await;
}

/// A clock that only the test moves, until it is dropped. Sockets are waited for as usual, so a slow
/// machine changes no result.
///
/// A paused clock of tokio would jump to the next timer while a response is on its way. It does not
/// as long as a blocking task runs.
#[derive(Debug)]
pub struct StillClock {
    _until_dropped: std::sync::mpsc::Sender<()>,
}

impl StillClock {
    /// Stops the clock of the runtime.
    pub fn start() -> Self {
        tokio::time::pause();
        let (until_dropped, dropped) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || dropped.recv());
        Self { _until_dropped: until_dropped }
    }

    /// Moves the clock by `time`, so far that timers of this length have ended.
    pub async fn pass(&self, time: Duration) {
        tokio::time::advance(time + RESOLUTION).await;
        tokio::task::yield_now().await;
    }
}

/// Polls a future once, and returns its output if it was ready.
pub async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pass_advances_the_clock() {
        let begin = tokio::time::Instant::now();
        pass(Duration::from_secs(3_600)).await;
        assert!((3_600..3_660).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn still_clock_waits_for_the_test() {
        let (clock, begin) = (StillClock::start(), tokio::time::Instant::now());
        let (send, receive) = tokio::sync::oneshot::channel();
        // Another thread, as the network is one.
        let slow = std::thread::spawn(move || {
            (0..1_000).for_each(|_| std::thread::yield_now());
            send.send(7).unwrap();
        });
        let received = tokio::time::timeout(Duration::from_millis(1), receive).await;
        assert_eq!(received.unwrap().unwrap(), 7, "no timer has ended meanwhile");
        assert_eq!(begin.elapsed(), Duration::ZERO);
        clock.pass(Duration::from_secs(1)).await;
        assert_eq!(begin.elapsed(), Duration::from_millis(1_001));
        slow.join().unwrap();
    }

    #[tokio::test]
    async fn timers_of_the_passed_length_have_ended() {
        for length in (0..2_000).map(|step| Duration::from_secs(30) + Duration::from_micros(step)) {
            let ended = tokio::spawn(tokio::time::sleep(length));
            tokio::task::yield_now().await;
            pass(length).await;
            assert!(ended.is_finished(), "{length:?}");
        }
    }

    #[tokio::test]
    async fn polling_once_returns_only_a_ready_output() {
        assert_eq!(poll_once(async { 7 }).await, Some(7));
        assert_eq!(poll_once(std::future::pending::<()>()).await, None);
    }
}
