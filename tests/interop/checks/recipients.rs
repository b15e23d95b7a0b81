//! Audience and scopes of a token.

use crate::api::{ANOTHER_API, Api, WRITE};
use crate::outcome::{Outcome, YES, ensure};
use crate::server::{Client, Server, Wanted};

/// A token with the scope for reading may read and not write. A token with the scope for writing
/// may write and not read.
pub(super) async fn scope<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    let reader = server.token(Wanted::default()).await?;
    let writer = server.token(Wanted { scope: WRITE, ..Wanted::default() }).await?;
    let statuses = [
        api.get(&reader).await?.status,
        api.post(&writer).await?.status,
        api.get(&writer).await?.status,
        api.post(&reader).await?.status,
    ];
    ensure!(statuses == [200, 200, 403, 403], "{statuses:?}");
    let challenge = api.post(&reader).await?.challenge.unwrap_or_default();
    let told = [challenge.get("error"), challenge.get("scope")].map(|value| value.map(String::as_str));
    ensure!(told == [Some("insufficient_scope"), Some(WRITE)], "{told:?}");
    Ok(YES)
}

pub(super) async fn another_api<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    api.accepts(&server.token(Wanted::default()).await?).await?;
    let theirs = server.token(Wanted { resource: Some(ANOTHER_API), ..Wanted::default() }).await?;
    api.rejects(&theirs, "WrongAudience").await?;
    Ok(YES)
}

/// The results of servers differ, so the check only records them.
pub(super) async fn without_resource<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    let token = server.token(Wanted { resource: None, ..Wanted::default() }).await?;
    if api.get(&token).await?.status == 200 {
        return Ok("accepted");
    }
    api.rejects(&token, "WrongAudience").await?;
    Ok("rejected: for another audience")
}

pub(super) async fn another_client<S: Server>(server: &S) -> Outcome {
    let usual = server.client_id(Client::Usual);
    let api = Api::trusting(server.trusted()?.client(usual)).await?;
    api.accepts(&server.token(Wanted::default()).await?).await?;
    let theirs = server.token(Wanted { client: Client::Another, ..Wanted::default() }).await?;
    api.rejects(&theirs, "WrongClient").await?;
    Ok(YES)
}
