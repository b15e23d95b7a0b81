//! The server's keys are not to be had.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::counted;
use super::rotation::token_of_another_key;
use crate::api::Api;
use crate::outcome::{Outcome, Trouble, YES, ensure};
use crate::server::{Fault, Overlap, Server, Wanted};

/// How long a verifier may take to notice that keys are to be had again. Its attempts are a minute apart at most.
const RECOVERY: Duration = Duration::from_secs(45);

/// A key is new when the fault begins. The last successful fetch is younger than its period, so a token of this key is
/// rejected as one of an invented key would be (FR-A5), until the fault ends.
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
    ensure!(fetches(server, &api).await? > before, "nobody has asked for the keys");

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

/// By the server's count; by ours where it does not count, and then only what has failed.
async fn fetches<S: Server>(server: &S, api: &Api) -> Result<u64, Trouble> {
    match counted(server).await? {
        Some(fetches) => Ok(fetches),
        None => Ok(api.verifier.status().issuers().iter().map(|issuer| issuer.fetches_failed).sum()),
    }
}
