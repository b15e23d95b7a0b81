//! Introspection endpoints of other projects (RFC 7662) with our API, over real sockets.

use std::time::Duration;

use reqwest::Client as Http;
use scopegate_axum::{Introspection, Issuer};
use serde::Deserialize;

use crate::accounts::{Account, Accounts, Proof};
use crate::api::{ANOTHER_API, API, Api, WRITE, client};
use crate::callers::authentication;
use crate::column::Column;
use crate::installed::Installed;
use crate::outcome::{Outcome, Trouble, YES, ensure};
use crate::server::{Binding, Fault, Server, Wanted};
use crate::servers::{Glewlwyd, OidcProvider, PLAIN};
use crate::table::Table;

/// A server with an introspection endpoint, and its clients.
struct Scene<'s, S> {
    server: &'s S,
    accounts: Accounts,
    endpoints: Endpoints,
    http: Http,
    /// Whether its access tokens are random strings. The others are JWTs.
    opaque: bool,
}

/// The endpoints in the metadata of a server.
#[derive(Deserialize)]
struct Endpoints {
    introspection_endpoint: String,
    revocation_endpoint: String,
}

pub(crate) async fn table(installed: &Installed) -> Table {
    let provider = async {
        match installed.node() {
            Err(missing) => Column::not_run(PLAIN.name, missing),
            Ok(()) => match provider(installed).await {
                Ok(column) => column,
                Err(trouble) => Column::not_started(PLAIN.name, &trouble),
            },
        }
    };
    let glewlwyd = async {
        match installed.glewlwyd() {
            Err(missing) => Column::not_run(Glewlwyd::COLUMN, missing),
            Ok(()) => match glewlwyd(installed).await {
                Ok(column) => column,
                Err(trouble) => Column::not_started(Glewlwyd::COLUMN, &trouble),
            },
        }
    };
    let (provider, glewlwyd) = tokio::join!(provider, glewlwyd);
    Table { name: "introspection", columns: vec![provider, glewlwyd] }
}

async fn provider(installed: &Installed) -> Result<Column, Trouble> {
    let server = OidcProvider::start(installed, PLAIN).await?;
    let accounts = server.accounts().await?;
    Ok(column(&Scene::new(&server, accounts, true).await?).await)
}

async fn glewlwyd(installed: &Installed) -> Result<Column, Trouble> {
    let server = Glewlwyd::start(&installed.folder).await?;
    Ok(column(&Scene::new(&server, server.accounts(), false).await?).await)
}

async fn column<S: Server>(scene: &Scene<'_, S>) -> Column {
    let mut column = Column::new(scene.server.name());
    column.put("its token: 200, with its client", accepted(scene)).await;
    column.put("a token without the scope: 403", without_scope(scene)).await;
    column.put("a token for another API: 401", another_api(scene)).await;
    column.put("an invented token: 401", invented(scene)).await;
    column.put("a revoked token: 401", revoked(scene)).await;
    column.put("a JWT that is verified first: 200, and 401 once it is revoked", verified_jwt(scene)).await;
    column.put("a token that is bound to a key, without a proof: 401", bound(scene)).await;
    column.put("a signed response (RFC 9701): 200", signed(scene)).await;
    column.put("a signed response about a token for another API: 401", signed_for_another_api(scene)).await;
    column.put("a signed response about a revoked token: 401", signed_and_revoked(scene)).await;
    column.put("a signed response as a token: 401", signed_as_token(scene)).await;
    let accounts = &scene.accounts;
    column.put("the API authenticates by `client_secret_basic`", authenticated(scene, &accounts.basic)).await;
    let encoded = authenticated(scene, &accounts.basic_encoded);
    column.put("the same, with an id and a secret that must be encoded", encoded).await;
    column.put("by `client_secret_post`", authenticated(scene, &accounts.post)).await;
    for account in &accounts.keys {
        let Proof::Key { algorithm, .. } = &account.proof else { continue };
        column.put(format!("by `private_key_jwt`, {algorithm}"), authenticated(scene, account)).await;
    }
    column.put("wrong credentials: 500", wrong_credentials(scene)).await;
    column.put("the server stopped: 503", stopped(scene)).await;
    column
}

impl<'s, S: Server> Scene<'s, S> {
    async fn new(server: &'s S, accounts: Accounts, opaque: bool) -> Result<Self, Trouble> {
        let http = client()?;
        let url = format!("{}/.well-known/openid-configuration", server.address());
        let endpoints = http.get(url).send().await?.error_for_status()?.json().await?;
        Ok(Self { server, accounts, endpoints, http, opaque })
    }

    /// Every use of a token is a call.
    fn introspection(&self, account: &Account) -> Result<Introspection, Trouble> {
        let client = authentication(account)?;
        let introspection = Introspection::by_client(&self.endpoints.introspection_endpoint, client)?;
        Ok(introspection.cache_for(Duration::ZERO))
    }

    /// Starts an API that accepts tokens by introspection alone.
    async fn api(&self, account: &Account) -> Result<Api, Trouble> {
        let issuer = Issuer::opaque(self.server.issuer(), self.introspection(account)?)?.audience(API);
        Api::trusting(if self.opaque { issuer } else { issuer.introspect_jwts() }).await
    }

    /// Starts an API that accepts signed responses only. Their keys are in the server's metadata.
    async fn api_with_signed_responses(&self) -> Result<Api, Trouble> {
        let introspection = self.introspection(&self.accounts.post)?.signed_responses();
        let issuer = Issuer::opaque(self.server.issuer(), introspection)?.audience(API);
        Api::trusting(if self.opaque { issuer } else { issuer.introspect_jwts() }).await
    }

    async fn token(&self, wanted: Wanted<'_>) -> Result<String, Trouble> {
        self.server.token(Wanted { opaque: self.opaque, ..wanted }).await
    }

    /// Revokes a token of the usual client (RFC 7009).
    async fn revoke(&self, token: &str) -> Result<(), Trouble> {
        let Account { id, proof: Proof::Post { secret } } = &self.accounts.post else {
            return Err(Trouble::failed("the usual client has no secret"));
        };
        let form = [("token", token), ("client_id", id), ("client_secret", secret)];
        let response = self.http.post(&self.endpoints.revocation_endpoint).form(&form).send().await?;
        ensure!(response.status().is_success(), "revocation: {}", response.status());
        Ok(())
    }
}

async fn accepted<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let api = scene.api(&scene.accounts.post).await?;
    let answer = api.accepts(&scene.token(Wanted::default()).await?).await?;
    ensure!(answer.body == scene.accounts.post.id, "the client is {}", answer.body);
    Ok(YES)
}

async fn without_scope<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let api = scene.api(&scene.accounts.post).await?;
    let answer = api.get(&scene.token(Wanted { scope: WRITE, ..Wanted::default() }).await?).await?;
    ensure!(answer.status == 403, "{}", answer.status);
    Ok(YES)
}

async fn another_api<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let api = scene.api(&scene.accounts.post).await?;
    let token = scene.token(Wanted { resource: Some(ANOTHER_API), ..Wanted::default() }).await?;
    refused(&api, &token).await
}

async fn invented<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let api = scene.api(&scene.accounts.post).await?;
    api.accepts(&scene.token(Wanted::default()).await?).await?;
    refused(&api, "2YotnFZFEjr1zCsicMWpAA").await
}

async fn revoked<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let api = scene.api(&scene.accounts.post).await?;
    let token = scene.token(Wanted::default()).await?;
    api.accepts(&token).await?;
    scene.revoke(&token).await?;
    refused(&api, &token).await
}

async fn verified_jwt<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    if scene.opaque {
        return Err(Trouble::cannot("it does not introspect its JWTs"));
    }
    let introspection = scene.introspection(&scene.accounts.post)?;
    let api = Api::trusting(scene.server.trusted()?.and_introspect(introspection)).await?;
    let token = scene.server.token(Wanted::default()).await?;
    api.accepts(&token).await?;
    scene.revoke(&token).await?;
    refused(&api, &token).await
}

async fn bound<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let api = scene.api(&scene.accounts.post).await?;
    api.accepts(&scene.token(Wanted::default()).await?).await?;
    let token = scene.token(Wanted { binding: Some(Binding::Dpop), ..Wanted::default() }).await?;
    refused(&api, &token).await
}

async fn signed<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let api = scene.api_with_signed_responses().await?;
    api.accepts(&scene.token(Wanted::default()).await?).await?;
    Ok(YES)
}

/// The response must be for this API, and not for the audience of the token (RFC 9701 §5).
async fn signed_for_another_api<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let api = scene.api_with_signed_responses().await?;
    let token = scene.token(Wanted { resource: Some(ANOTHER_API), ..Wanted::default() }).await?;
    match api.get(&token).await?.status {
        401 => refused(&api, &token).await,
        503 => Ok("503: the response is for the other API"),
        other => Err(Trouble::failed(other.to_string())),
    }
}

async fn signed_and_revoked<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let api = scene.api_with_signed_responses().await?;
    let token = scene.token(Wanted::default()).await?;
    api.accepts(&token).await?;
    scene.revoke(&token).await?;
    // A response with the status 400 decides nothing.
    match api.get(&token).await?.status {
        401 => refused(&api, &token).await,
        503 => Ok("503: the server responds with 400"),
        other => Err(Trouble::failed(other.to_string())),
    }
}

async fn signed_as_token<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let token = scene.token(Wanted::default()).await?;
    let Account { id, proof: Proof::Post { secret } } = &scene.accounts.post else {
        return Err(Trouble::failed("the usual client has no secret"));
    };
    let form = [("token", token.as_str()), ("client_id", id), ("client_secret", secret)];
    let request = scene.http.post(&scene.endpoints.introspection_endpoint).form(&form);
    let response = request.header("accept", "application/token-introspection+jwt").send().await?;
    let response = response.error_for_status()?.text().await?;
    let verifies = Api::trusting(scene.server.trusted()?).await?;
    verifies.accepts(&scene.server.token(Wanted::default()).await?).await?;
    verifies.rejects(&response, "WrongType").await?;
    refused(&scene.api(&scene.accounts.post).await?, &response).await
}

async fn authenticated<S: Server>(scene: &Scene<'_, S>, account: &Account) -> Outcome {
    let api = scene.api(account).await?;
    let answer = api.get(&scene.token(Wanted::default()).await?).await?;
    match answer.status {
        200 => Ok(YES),
        // The wrong audience of assertions is a disagreement about RFC 7523 §3.
        500 => Ok("the server rejects"),
        other => Err(Trouble::failed(other.to_string())),
    }
}

async fn wrong_credentials<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let token = scene.token(Wanted::default()).await?;
    for account in [&scene.accounts.basic, &scene.accounts.post] {
        scene.api(account).await?.accepts(&token).await?;
        let answer = scene.api(&account.with_wrong_secret()).await?.get(&token).await?;
        ensure!(answer.status == 500, "{}: {}", account.id, answer.status);
        ensure!(answer.challenge.is_none(), "{}: the caller is challenged", account.id);
    }
    Ok(YES)
}

async fn stopped<S: Server>(scene: &Scene<'_, S>) -> Outcome {
    let api = scene.api(&scene.accounts.post).await?;
    let token = scene.token(Wanted::default()).await?;
    api.accepts(&token).await?;
    scene.server.set_fault(Fault::Stopped).await?;
    let answer = api.get(&token).await?;
    scene.server.clear_fault().await?;
    ensure!(
        (answer.status, answer.retry_after) == (503, Some(1)),
        "{}, {:?}",
        answer.status,
        answer.retry_after
    );
    Ok(YES)
}

/// Fails if a token is not rejected with 401 and `invalid_token`.
async fn refused(api: &Api, token: &str) -> Outcome {
    let answer = api.get(token).await?;
    ensure!(answer.status == 401, "{}", answer.status);
    let error = answer.challenge.as_ref().and_then(|challenge| challenge.get("error"));
    ensure!(error.is_some_and(|error| error == "invalid_token"), "the challenge says {error:?}");
    Ok(YES)
}
