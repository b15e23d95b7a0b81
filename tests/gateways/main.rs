//! The configurations of deploy/ with real gateways: which request reaches the backend, and which
//! response reaches the caller?
//!
//! `scripts/gateways` installs and runs them. docs/generated/gateways.md has the table. A cell that
//! differs from the page fails the run.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod trouble;

mod process;

mod backend;
mod caller;

mod gateway;
mod service;
mod tap;
mod tls;
mod variant;

mod checks;
mod paths;
mod spellings;

mod page;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use checks::Tried;
use gateway::{Gateway, KINDS, Kind, Setup};
use page::Column;
use service::Issuers;
use tls::{Identity, SERVER};
use trouble::Trouble;
use variant::SHIPPED;

/// The time limit of the whole run, which takes some minutes on a busy machine with two cores.
const PATIENCE: Duration = Duration::from_secs(900);

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let mut folder = |what| PathBuf::from(arguments.next().expect(what));
    let installed = folder("the folder of the installed programs").canonicalize().expect("a folder");
    let scopegate = folder("the program scopegate").canonicalize().expect("a program");
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let run = run(installed, scopegate, has("--sample"), has("--write"));
    match tokio::time::timeout(PATIENCE, run).await {
        Ok(Ok(code)) => code,
        Ok(Err(trouble)) => {
            eprintln!("gateways: {trouble}");
            ExitCode::FAILURE
        }
        Err(_) => {
            eprintln!("gateways: has not come to an end in time");
            ExitCode::FAILURE
        }
    }
}

async fn run(
    installed: PathBuf,
    scopegate: PathBuf,
    is_sample: bool,
    write: bool,
) -> Result<ExitCode, Trouble> {
    let (issuers, backend) = (Issuers::start().await?, backend::start().await?);
    let setup = Setup { installed, scopegate, issuers, server: Identity::new(SERVER)?, backend };
    let (mut columns, mut failed) = (Vec::new(), 0);
    for kind in KINDS {
        let Some(version) = kind.version(&setup.installed) else {
            println!("NOT RUN: {} is not installed", kind.name);
            continue;
        };
        let (cells, failures) = column(kind, &setup, is_sample).await;
        for failure in &failures {
            println!("FAILED: {}: {failure}", kind.name);
        }
        failed += failures.len();
        columns.push(Column { name: kind.name, version, cells });
    }
    println!("{}", page::table(&columns));
    if failed > 0 {
        return Ok(ExitCode::FAILURE);
    }
    if write {
        if columns.len() < KINDS.len() || is_sample {
            return Err(Trouble("the page was not written, because not everything was run".to_owned()));
        }
        page::write(&columns)?;
        return Ok(ExitCode::SUCCESS);
    }
    let different = page::differences(&columns)?;
    for line in &different {
        println!("DIFFERENT: {line}");
    }
    Ok(if different.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the cells of a gateway, and the failed checks.
async fn column(kind: &Kind, setup: &Setup, is_sample: bool) -> (Vec<(&'static str, String)>, Vec<String>) {
    let mut gateway = match Gateway::start(kind, setup, SHIPPED).await {
        Ok(gateway) => gateway,
        Err(trouble) => return (Vec::new(), vec![trouble.to_string()]),
    };
    let tried = Tried { gateway: &mut gateway, kind, setup, tokens: &setup.issuers.tokens, is_sample };
    let rows = tried.rows().await;
    let (mut cells, mut failures) = (Vec::new(), Vec::new());
    for (name, cell) in rows {
        let text = cell.unwrap_or_else(|trouble| {
            failures.push(format!("{name}: {trouble}"));
            "FAILED".to_owned()
        });
        cells.push((name, text));
    }
    (cells, failures)
}
