//! The servers and their table. Each server has a file and a row here.

mod glewlwyd;
mod local_issuer;
mod oidc_provider;

use crate::checks;
use crate::column::Column;
use crate::installed::Installed;
use crate::outcome::Trouble;
use crate::server::Server;
use crate::table::Table;

pub(crate) use self::glewlwyd::Glewlwyd;
pub(crate) use self::local_issuer::Local;
use self::oidc_provider::{AUTH0, Dress, OKTA};
pub(crate) use self::oidc_provider::{COGNITO, OidcProvider, PLAIN};

/// Runs the checks of all servers in parallel.
pub(crate) async fn table(installed: &Installed) -> Table {
    let provider = async |dress: Dress| {
        let name = dress.name;
        match installed.node() {
            Ok(()) => of_server(name, OidcProvider::start(installed, dress).await).await,
            Err(missing) => Column::not_run(name, missing),
        }
    };
    let glewlwyd = async {
        match installed.glewlwyd() {
            Ok(()) => of_server(Glewlwyd::COLUMN, Glewlwyd::start(&installed.folder).await).await,
            Err(missing) => Column::not_run(Glewlwyd::COLUMN, missing),
        }
    };
    let local = async { of_server(Local::COLUMN, Local::start().await).await };
    let columns =
        tokio::join!(provider(PLAIN), provider(COGNITO), provider(OKTA), provider(AUTH0), glewlwyd, local);
    Table { name: "servers", columns: <[_; 6]>::from(columns).into() }
}

async fn of_server<S: Server>(name: &str, started: Result<S, Trouble>) -> Column {
    match started {
        Ok(server) => checks::run(&server).await,
        Err(trouble) => Column::not_started(name, &trouble),
    }
}
