//! The detection of a stalled runtime.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

/// A runtime is stalled if it does not run a task within this time.
const RUNTIME_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns when a runtime does not run its tasks, for example because it is not in `block_on`.
/// Without a runtime it never returns.
pub(super) async fn stalls(runtime: Option<Handle>) {
    let Some(runtime) = runtime else { return std::future::pending().await };
    while timeout(RUNTIME_TIMEOUT, runtime.spawn(async {})).await.is_ok() {
        sleep(RUNTIME_TIMEOUT).await;
    }
}
