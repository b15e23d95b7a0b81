//! A verifier that fetches from the local issuer, and time that passes when a test says so.

use std::time::Duration;

use scopegate::{Issuer, Verifier, VerifierBuilder};
use scopegate_issuer::LocalIssuer;

pub(crate) const CLIENT: &str = "local-reader";

pub(crate) fn trusting(local: &LocalIssuer) -> VerifierBuilder {
    Verifier::builder().trust(Issuer::cognito_at(local.issuer()).unwrap().client(CLIENT))
}

/// A token that names a key that does not exist.
pub(crate) fn of_no_key(local: &LocalIssuer, kid: &str) -> String {
    local.mint().header("kid", kid).sign()
}

/// Lets virtual time pass while nothing else happens, and real sockets work in between.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Polls a future once.
pub(crate) async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
