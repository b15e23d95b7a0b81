//! Key rotation of the server during requests.

use crate::api::{Answer, Api};
use crate::compact::Compact;
use crate::outcome::{Outcome, Trouble, YES, ensure};
use crate::server::{Overlap, Server, Wanted};

const MANY: usize = 50;

/// Tokens of the old and of the new key are accepted all the time.
pub(super) async fn with_overlap<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    let old = server.token(Wanted::default()).await?;
    api.accepts(&old).await?;
    let others = api.keep_reading(&old);
    server.rotate(Overlap::With).await?;
    let new = token_of_another_key(server, &old).await?;
    for _ in 0..MANY {
        api.accepts(&new).await?;
        api.accepts(&old).await?;
    }
    let (asked, rejected) = others.stop().await?;
    ensure!(asked > 0 && rejected == 0, "{rejected} of {asked} requests with the old token were rejected");
    Ok(YES)
}

/// The first token of the new key is accepted. From then on, the old token is rejected.
pub(super) async fn without_overlap<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    let old = server.token(Wanted::default()).await?;
    api.accepts(&old).await?;
    server.rotate(Overlap::Without).await?;
    api.accepts(&old).await?; // the API has not fetched the keys yet
    let new = token_of_another_key(server, &old).await?;
    api.accepts(&new).await?;
    api.rejects(&old, "UnknownKey").await?;
    Ok(YES)
}

pub(super) async fn one_fetch<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    let old = server.token(Wanted::default()).await?;
    server.rotate(Overlap::With).await?;
    let new = token_of_another_key(server, &old).await?;
    let before = server.key_fetches().await?;
    let statuses = at_once(&api, &vec![new; MANY]).await?;
    ensure!(statuses == [200; MANY], "{statuses:?}");
    let fetches = server.key_fetches().await? - before;
    ensure!(fetches == 1, "{fetches} fetches");
    Ok(YES)
}

/// Attackers can invent key ids. In 30 s, only the first of them causes fetches, and at most two.
pub(super) async fn invented_key_ids<S: Server>(server: &S) -> Outcome {
    let issuer = server.trusted()?;
    let api = Api::with(scopegate_axum::Verifier::builder().trust(issuer).start().await?).await?;
    let token = server.token(Wanted::default()).await?;
    let before = server.key_fetches().await?;
    let mut invented = Vec::new();
    for number in 0..MANY {
        let mut token = Compact::read(&token)?;
        token.header.insert("kid".into(), format!("invented-{number}").into());
        invented.push(token.text());
    }
    let statuses = at_once(&api, &invented).await?;
    ensure!(statuses == [401; MANY], "{statuses:?}");
    let fetches = server.key_fetches().await? - before;
    ensure!(fetches == 2, "{fetches} fetches");
    api.accepts(&token).await?;
    Ok(YES)
}

/// Returns a token that was signed with another key than `old`.
pub(super) async fn token_of_another_key<S: Server>(server: &S, old: &str) -> Result<String, Trouble> {
    let new = server.token(Wanted::default()).await?;
    let [old, new_id] = [Compact::read(old)?, Compact::read(&new)?].map(|token| token.key_id().to_owned());
    ensure!(old != new_id, "the server still signs with {old}");
    Ok(new)
}

/// Sends requests concurrently, and returns their statuses.
async fn at_once(api: &Api, tokens: &[String]) -> Result<Vec<u16>, Trouble> {
    let mut requests = tokio::task::JoinSet::new();
    for token in tokens {
        requests.spawn(api.get(token));
    }
    let answers: Vec<Result<Answer, Trouble>> = requests.join_all().await;
    answers.into_iter().map(|answer| Ok(answer?.status)).collect()
}
