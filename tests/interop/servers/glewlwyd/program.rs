//! The program of Debian's package, with its own address, settings and database.

use std::path::Path;

use tokio::net::TcpListener;
use tokio::process::Command;

use crate::outcome::{Trouble, ensure};
use crate::process::Process;

/// Files of the package: settings, and the tables of its database.
const SETTINGS: &str = "/etc/glewlwyd/glewlwyd.conf";
const TABLES: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";

/// Starts the program in this folder, with the files of [`prepare`] and its own data.
pub(super) fn start(place: &Path) -> Result<Process, Trouble> {
    Process::start("glewlwyd", ["--config-file=glewlwyd.conf"], place, "glewlwyd.err")
}

/// Writes a new database and settings into this folder, and returns the URL of the server.
pub(super) async fn prepare(place: &Path) -> Result<String, Trouble> {
    let _ = std::fs::remove_dir_all(place);
    std::fs::create_dir_all(place)?;
    let database = place.join("glewlwyd.db");
    let tables = std::fs::File::open(TABLES)?;
    let made = Command::new("sqlite3").arg(&database).stdin(tables).kill_on_drop(true).status().await?;
    ensure!(made.success(), "glewlwyd: no database");

    let port = free_port().await?;
    let origin = format!("http://127.0.0.1:{port}");
    let ours = ["port", "external_url", "log_file", "@include"];
    let package = std::fs::read_to_string(SETTINGS)?;
    let kept = package.lines().filter(|line| !ours.iter().any(|name| line.starts_with(name)));
    let log = place.join("glewlwyd.log");
    let settings = format!(
        "port={port}\nbind_address=\"127.0.0.1\"\nexternal_url=\"{origin}/\"\nlog_file=\"{}\"\n\
         database = {{ type = \"sqlite3\"; path = \"{}\"; }};\n{}\n",
        log.display(),
        database.display(),
        kept.collect::<Vec<_>>().join("\n"),
    );
    std::fs::write(place.join("glewlwyd.conf"), settings)?;
    Ok(origin)
}

/// Returns a free port, because the program needs a configured one. The port is outside of the
/// range for outgoing connections.
async fn free_port() -> Result<u16, Trouble> {
    for port in 24_593..24_693 {
        if TcpListener::bind(("127.0.0.1", port)).await.is_ok() {
            return Ok(port);
        }
    }
    Err(Trouble::failed("no port is free for glewlwyd"))
}
