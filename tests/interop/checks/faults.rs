//! Failures of the server's key set endpoint.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::counted;
use super::rotation::token_of_another_key;
use crate::api::Api;
use crate::outcome::{Outcome, Trouble, YES, ensure};
use crate::server::{Fault, Overlap, Server, Wanted};

/// Maximum time for a verifier to fetch keys after a fault. Its attempts are at most a minute
/// apart.
const RECOVERY: Duration = Duration::from_secs(45);

/// Known keys stay usable during a fault, and a new key is unknown until it ends.
///
/// The last successful fetch is younger than the refresh interval. So a token of the new key is
/// rejected like a token with an invented key id (FR-A5).
pub(super) async fn known_keys_stay<S: Server>(server: &S, fault: Fault) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    let known = server.token(Wanted::default()).await?;
    api.accepts(&known).await?;
    server.rotate(Overlap::With).await?;
    let unknown = token_of_another_key(server, &known).await?;

    let before = fetches(server, &api).await?;
    server.set_fault(fault).await?;
    let during = during(&api, &known, &unknown).await;
    server.clear_fault().await?;
    during?;
    ensure!(fetches(server, &api).await? > before, "the keys were not fetched");

    let deadline = Instant::now() + RECOVERY;
    loop {
        let status = api.get(&unknown).await?.status;
        api.accepts(&known).await?;
        match status {
            200 => return Ok(YES),
            401 if Instant::now() < deadline => sleep(Duration::from_millis(100)).await,
            _ => return Err(Trouble::failed(format!("after the fault: {status}"))),
        }
    }
}

async fn during(api: &Api, known: &str, unknown: &str) -> Result<(), Trouble> {
    let answer = api.get(unknown).await?;
    ensure!(answer.status == 401, "an unknown key during the fault: {}", answer.status);
    ensure!(answer.retry_after.is_none(), "401 with Retry-After");
    ensure!(answer.challenge.is_some(), "401 without a challenge");
    api.accepts(known).await?;
    Ok(())
}

/// Returns the number of fetches that the server has counted. If it does not count, returns the
/// number of failed fetches that we have counted.
async fn fetches<S: Server>(server: &S, api: &Api) -> Result<u64, Trouble> {
    match counted(server).await? {
        Some(fetches) => Ok(fetches),
        None => Ok(api.verifier.status().issuers().iter().map(|issuer| issuer.fetches_failed).sum()),
    }
}
