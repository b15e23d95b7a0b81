//! The clients and their tables. Each client has a file and a row here.

mod curl;
pub(crate) mod ours;
mod script;

use crate::api;
use crate::caller::Caller;
use crate::calls::{self, Scene};
use crate::column::Column;
use crate::installed::Installed;
use crate::outcome::Trouble;
use crate::servers::{Glewlwyd, Local, OidcProvider, PLAIN};
use crate::table::Table;

use self::curl::Curl;
use self::ours::Ours;
pub(crate) use self::ours::authentication;
use self::script::Script;

const NAMES: [&str; 5] = ["scopegate-client", "curl", "requests-oauthlib", "authlib", "openid-client"];

/// Returns a table for the tokens of each server.
pub(crate) async fn tables(installed: &Installed) -> Result<[Table; 3], Trouble> {
    let local = Local::start().await?;
    let scene = Scene::new(&local, local.accounts()).await?;
    let local = Box::pin(table("clients-of-scopegate-issuer", installed, &scene)).await;
    let provider = match installed.node() {
        Ok(()) => {
            let provider = OidcProvider::start(installed, PLAIN).await?;
            let scene = Scene::new(&provider, provider.accounts().await?).await?;
            Box::pin(table("clients-of-oidc-provider", installed, &scene)).await
        }
        Err(missing) => without_server("clients-of-oidc-provider", missing),
    };
    let glewlwyd = match installed.glewlwyd() {
        Ok(()) => {
            let glewlwyd = Glewlwyd::start(&installed.folder).await?;
            let scene = Scene::new(&glewlwyd, glewlwyd.accounts()).await?;
            Box::pin(table("clients-of-glewlwyd", installed, &scene)).await
        }
        Err(missing) => without_server("clients-of-glewlwyd", missing),
    };
    Ok([local, provider, glewlwyd])
}

fn without_server(name: &'static str, missing: &str) -> Table {
    Table { name, columns: NAMES.map(|name| Column::not_run(name, missing)).into() }
}

/// Runs the checks of all clients in parallel.
async fn table(name: &'static str, installed: &Installed, scene: &Scene) -> Table {
    let [ours, curl, requests, authlib, openid] = NAMES;
    let python = |file| move || Script::python(installed, file);
    let node = |file| move || Script::node(installed, file);
    let columns = tokio::join!(
        column(ours, Ok(()), || Ok(Ours { http: api::client()? }), scene),
        column(curl, installed.curl(), || Ok(Curl), scene),
        column(requests, installed.python(), python("requests_oauthlib_caller.py"), scene),
        column(authlib, installed.python(), python("authlib_caller.py"), scene),
        column(openid, installed.node(), node("openid_client.mjs"), scene),
    );
    Table { name, columns: <[_; 5]>::from(columns).into() }
}

async fn column<C: Caller>(
    name: &str,
    installed: Result<(), &'static str>,
    start: impl FnOnce() -> Result<C, Trouble>,
    scene: &Scene,
) -> Column {
    if let Err(missing) = installed {
        return Column::not_run(name, missing);
    }
    match start() {
        Ok(mut client) => calls::run(name, &mut client, scene).await,
        Err(trouble) => Column::not_started(name, &trouble),
    }
}
