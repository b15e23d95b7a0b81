//! Tokens that must be rejected, each with a similar token that is accepted.

use scopegate_issuer::{Algorithm, LocalIssuer, SigningKey};
use serde_json::Value;

use super::counted;
use crate::api::{API, Api};
use crate::compact::Compact;
use crate::outcome::{Outcome, YES, ensure};
use crate::server::{Binding, Client, Server, Wanted};

pub(super) async fn expired<S: Server>(server: &S) -> Outcome {
    let token = server.token(Wanted::default()).await?;
    Api::trusting(server.trusted()?).await?.accepts(&token).await?;
    Api::two_hours_later(server.trusted()?).await?.rejects(&token, "Expired").await?;
    Ok(YES)
}

/// An API whose audience is also a client id would accept ID tokens if it only checked `aud`.
pub(super) async fn id_token<S: Server>(server: &S) -> Outcome {
    let (token, audience) = server.id_token().await?;
    let api = Api::trusting(server.trusted()?.audiences([API, &audience])).await?;
    api.accepts(&server.token(Wanted::default()).await?).await?;
    ensure!(api.get(&token).await?.status == 401, "an ID token opens the API");
    let reason = api.reason(&token).unwrap_or_default();
    let kinds = ["NotAnAccessToken", "WrongType"];
    ensure!(kinds.contains(&reason.as_str()), "an ID token is rejected for another reason: {reason}");
    Ok(YES)
}

pub(super) async fn changed<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    let token = server.token(Wanted::default()).await?;
    api.accepts(&token).await?;
    let mut changed = Compact::read(&token)?;
    changed.claims.insert("jti".into(), "another".into());
    api.rejects(&changed.text(), "BadSignature").await?;
    Ok(YES)
}

pub(super) async fn forged<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    let token = server.token(Wanted::default()).await?;
    api.accepts(&token).await?;
    let forged = Compact::read(&token)?.signed_with(&SigningKey::generate(Algorithm::RS256));
    api.rejects(&forged, "BadSignature").await?;
    Ok(YES)
}

/// The token has the same content as a token of this server, except for its issuer.
pub(super) async fn foreign<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    api.accepts(&server.token(Wanted::default()).await?).await?;
    let before = counted(server).await?;
    let foreign =
        LocalIssuer::start().await?.mint().client(server.client_id(Client::Usual)).claim("aud", API).sign();
    api.rejects(&foreign, "UnknownIssuer").await?;
    ensure!(counted(server).await? == before, "its keys were fetched for a token of another issuer");
    Ok(YES)
}

/// A sender-constrained token is rejected, because the possession of its key cannot be checked. It
/// must not be accepted as a bearer token.
pub(super) async fn bound<S: Server>(server: &S, binding: Binding) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    let bound = server.token(Wanted { binding: Some(binding), ..Wanted::default() }).await?;
    let confirmation = Compact::read(&bound)?.claims.get("cnf").cloned();
    let member = match binding {
        Binding::Dpop => "jkt",
        Binding::Certificate => "x5t#S256",
    };
    let is_bound = confirmation.as_ref().and_then(|cnf| cnf.get(member)).is_some_and(Value::is_string);
    ensure!(is_bound, "the server has not bound it: {confirmation:?}");
    api.rejects(&bound, "SenderConstrained").await?;
    api.accepts(&server.token(Wanted::default()).await?).await?;
    Ok(YES)
}

pub(super) async fn opaque<S: Server>(server: &S) -> Outcome {
    let api = Api::trusting(server.trusted()?).await?;
    api.rejects(&server.token(Wanted { opaque: true, ..Wanted::default() }).await?, "NotThreeParts").await?;
    api.accepts(&server.token(Wanted::default()).await?).await?;
    Ok(YES)
}
