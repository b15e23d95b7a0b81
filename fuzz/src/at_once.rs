//! Polls futures that do not wait, without a runtime.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Returns the output of a future that is ready at its first poll.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match first_poll(pin!(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

/// Polls the future once.
pub(crate) fn first_poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
