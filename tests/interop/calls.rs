//! The checks of every client, in the order of the table, with tokens of one server and our API.

use scopegate_axum::Verifier;

use crate::accounts::{Account, Accounts, Proof};
use crate::api::{Api, READ, WRITE};
use crate::caller::{Caller, Order, View};
use crate::column::Column;
use crate::compact::Compact;
use crate::outcome::{Outcome, Trouble, YES, ensure};
use crate::server::{Server, Wanted};

/// A server, and APIs that trust it.
pub(crate) struct Scene {
    accounts: Accounts,
    api: Api,
    /// An API whose clock is two hours ahead.
    later: Api,
    /// An API without keys.
    blind: Api,
    /// A token for reading.
    token: String,
}

impl Scene {
    pub(crate) async fn new<S: Server>(server: &S, accounts: Accounts) -> Result<Self, Trouble> {
        // The clients of all authentication methods.
        let clients: Vec<_> = accounts.all().map(|account| account.id.clone()).collect();
        let trusted = || Ok::<_, Trouble>(server.trusted()?.clients(clients.clone()));
        let nowhere = "http://127.0.0.1:9/keys"; // no server listens there
        let blind = Verifier::builder().trust(trusted()?.jwks_uri(nowhere)).start_lazy()?;
        Ok(Self {
            api: Api::trusting(trusted()?).await?,
            later: Api::two_hours_later(trusted()?).await?,
            blind: Api::with(blind).await?,
            token: server.token(Wanted::default()).await?,
            accounts,
        })
    }
}

pub(crate) async fn run<C: Caller>(name: &str, client: &mut C, scene: &Scene) -> Column {
    let mut column = Column::new(name);
    let accounts = &scene.accounts;
    column.put("`client_secret_basic`: a token, and 200", known(client, scene, &accounts.basic)).await;
    let encoded = "the same, with an id and a secret that RFC 6749 §2.3.1 encodes";
    column.put(encoded, known(client, scene, &accounts.basic_encoded)).await;
    column.put("`client_secret_post`: a token, and 200", known(client, scene, &accounts.post)).await;
    for account in &accounts.keys {
        let Proof::Key { algorithm, .. } = &account.proof else { continue };
        let row = format!("`private_key_jwt` with {algorithm}: a token, and 200");
        column.put(row, known(client, scene, account)).await;
    }
    column.put("a scope that the server does not know", unknown_scope(client, scene)).await;
    column.put("a token without the scope: 403, and it reads which scope", scope(client, scene)).await;
    column.put("no token: 401, and it reads a challenge without an error", no_token(client, scene)).await;
    column.put("an expired token: 401, and it reads `invalid_token`", expired(client, scene)).await;
    column.put("a token that was changed: 401, and it reads the same", tampered(client, scene)).await;
    column.put("unavailable keys: 503, and it reads `Retry-After`", blind(client, scene)).await;
    column
}

/// With the right secret or key, the client gets a token that the API accepts. With a wrong one, it
/// gets an error of RFC 6749 §5.2. Some servers do not support some clients; the page has the
/// reasons.
async fn known<C: Caller>(client: &mut C, scene: &Scene, account: &Account) -> Outcome {
    let seen = fetch(client, scene, account, READ, &scene.api).await?;
    if seen.status == 0 && seen.failure.is_some() {
        return Ok("no: the server rejects");
    }
    ensure!((seen.status, &seen.body) == (200, &account.id), "{seen:?}");
    let seen = fetch(client, scene, &account.with_wrong_secret(), READ, &scene.api).await?;
    ensure!(seen.status == 0, "a wrong secret: {seen:?}");
    match seen.failure.as_deref() {
        Some("invalid_client") => Ok(YES),
        Some(_) => Ok("yes; no `invalid_client`"),
        None => Err(Trouble::failed("a wrong secret, and no failure")),
    }
}

/// The results of servers and clients differ, so the check only records them.
async fn unknown_scope<C: Caller>(client: &mut C, scene: &Scene) -> Outcome {
    let scope = format!("{READ} unknown");
    let seen = fetch(client, scene, &scene.accounts.post, &scope, &scene.api).await?;
    match (seen.status, seen.failure.as_deref()) {
        (0, Some("invalid_scope")) => Ok("the server rejects"),
        (200, None) => Ok("dropped without a report"),
        (0 | 200, Some(_)) => Ok("dropped, and the client reports it"),
        _ => Err(Trouble::failed(format!("{seen:?}"))),
    }
}

async fn scope<C: Caller>(client: &mut C, scene: &Scene) -> Outcome {
    let seen = fetch(client, scene, &scene.accounts.post, WRITE, &scene.api).await?;
    ensure!(seen.status == 403, "{seen:?}");
    expect(&seen, &[("realm", "api"), ("error", "insufficient_scope"), ("scope", READ)])
}

async fn no_token<C: Caller>(client: &mut C, scene: &Scene) -> Outcome {
    let seen = client.call(None, &orders(&scene.api)).await?;
    ensure!(seen.status == 401, "{seen:?}");
    let challenge = seen.challenge.as_ref();
    ensure!(challenge.is_some_and(|challenge| !challenge.contains_key("error")), "{seen:?}");
    expect(&seen, &[("realm", "api"), ("scope", READ)])
}

async fn expired<C: Caller>(client: &mut C, scene: &Scene) -> Outcome {
    ensure!(
        client.call(Some(&scene.token), &orders(&scene.api)).await?.status == 200,
        "a valid token is rejected"
    );
    let seen = client.call(Some(&scene.token), &orders(&scene.later)).await?;
    ensure!(seen.status == 401, "{seen:?}");
    expect(&seen, &[("realm", "api"), ("error", "invalid_token"), ("scope", READ)])
}

async fn tampered<C: Caller>(client: &mut C, scene: &Scene) -> Outcome {
    let mut token = Compact::read(&scene.token)?;
    token.claims.insert("jti".into(), "another".into());
    let seen = client.call(Some(&token.text()), &orders(&scene.api)).await?;
    ensure!(seen.status == 401, "{seen:?}");
    expect(&seen, &[("realm", "api"), ("error", "invalid_token"), ("scope", READ)])
}

async fn blind<C: Caller>(client: &mut C, scene: &Scene) -> Outcome {
    let seen = client.call(Some(&scene.token), &orders(&scene.blind)).await?;
    let seconds = seen.retry_after.as_deref().and_then(|text| text.parse::<u32>().ok());
    ensure!(seen.status == 503 && seen.challenge.is_none(), "{seen:?}");
    ensure!(seconds.is_some_and(|seconds| seconds > 0), "{seen:?}");
    Ok(YES)
}

async fn fetch<C: Caller>(
    client: &mut C,
    scene: &Scene,
    account: &Account,
    scope: &str,
    api: &Api,
) -> Result<View, Trouble> {
    client.fetch_and_call(&Order { server: &scene.accounts, account, scope }, &orders(api)).await
}

fn orders(api: &Api) -> String {
    format!("{}/orders", api.url)
}

/// Checks that the client has parsed these parameters of the challenge.
fn expect(seen: &View, parameters: &[(&str, &str)]) -> Outcome {
    let challenge =
        seen.challenge.as_ref().ok_or_else(|| Trouble::failed(format!("no challenge: {seen:?}")))?;
    for (name, value) in parameters {
        ensure!(challenge.get(*name).is_some_and(|found| found == value), "{name}: {challenge:?}");
    }
    Ok(YES)
}
