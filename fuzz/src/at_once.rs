//! Futures that have nothing to wait for, without a runtime.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What the future gives at its first poll.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("there was nothing to wait for, and it waits"),
    }
}
