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
