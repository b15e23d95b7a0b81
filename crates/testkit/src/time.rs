//! Virtual time for tests that use real sockets.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Advances the clock of the runtime by `time`.
///
/// Time is paused only during this call. While it is paused, the runtime does not wait for sockets.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
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
    async fn polling_once_returns_only_a_ready_output() {
        assert_eq!(poll_once(async { 7 }).await, Some(7));
        assert_eq!(poll_once(std::future::pending::<()>()).await, None);
    }
}
