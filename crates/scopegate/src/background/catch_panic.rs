//! Functions that catch panics of the application's code.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use scopegate_proto::excerpt::Excerpt;

/// Runs a future to its end. If it panics, returns the panic's message as an error.
///
/// A panic may leave borrowed state half changed. The caller must handle that.
pub(crate) async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, Excerpt> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(message(panic.as_ref()))),
    })
    .await
}

/// Calls a function, and ignores a panic.
pub(crate) fn ignore_panic(call: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(call));
}

fn message(panic: &(dyn Any + Send)) -> Excerpt {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    Excerpt::new(text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message"))
}
