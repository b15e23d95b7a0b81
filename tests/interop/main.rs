//! Servers and clients of other projects with ours, over real sockets.
//!
//! `scripts/interop` installs and runs them. docs/generated/interop.md has the tables. A cell that
//! differs from the page fails the run.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod installed;
mod process;

mod api;
mod column;
mod outcome;
mod page;
mod table;

mod binding;
mod checks;
mod compact;
mod server;
mod servers;
mod token_request;

mod accounts;
mod caller;
mod callers;
mod calls;

mod bound;
mod dpop;
mod introspection;
mod judges;
mod oracle;

mod part;
mod template;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use column::Column;
use installed::Installed;
use outcome::Trouble;
use page::Page;
use part::Part;
use table::Table;
use tokio::signal::unix::{SignalKind, signal};

/// The time limit of the whole run, which takes a few minutes on an idle machine.
const PATIENCE: Duration = Duration::from_secs(1_200);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The started programs are stopped in every case.
    let ended = tokio::select! {
        ended = tokio::time::timeout(PATIENCE, Box::pin(run(&arguments))) => ended,
        () = told_to_stop() => Ok(Err(Trouble::failed("told to stop"))),
    };
    match ended.unwrap_or_else(|_| Err(Trouble::failed("has not come to an end in time"))) {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("interop: {trouble}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<ExitCode, Trouble> {
    let folder = arguments.first().ok_or(Trouble::failed("expected the folder of the installed programs"))?;
    let write = arguments.iter().any(|argument| argument == "--write");
    let installed = Installed::at(Path::new(folder))?;
    let mut tables = Vec::new();
    for part in Part::of_arguments(arguments)? {
        tables.extend(part.tables(&installed).await?);
    }

    let mut page = Page::read()?;
    for table in &tables {
        println!("{}\n", table.markdown());
    }
    let failed = tables.iter().flat_map(|table| {
        let failures = table.columns.iter().flat_map(Column::failures);
        failures.map(|failure| format!("FAILED: {}: {failure}", table.name))
    });
    let failed: Vec<String> = failed.collect();
    let not_run = tables.iter().flat_map(|table| {
        let reasons = table.columns.iter().filter_map(Column::why_not_run);
        reasons.map(|reason| format!("NOT RUN: {}: {reason}", table.name))
    });
    let not_run: Vec<String> = not_run.collect();
    for line in failed.iter().chain(&not_run) {
        println!("{line}");
    }
    if !failed.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    if write {
        if !not_run.is_empty() {
            return Err(Trouble::failed("the page was not written, because not everything was run"));
        }
        for table in &tables {
            page.put(table.name, &table.markdown())?;
        }
        page.write()?;
        return Ok(ExitCode::SUCCESS);
    }
    let differ = |table: &Table| table.differences(page.between(table.name));
    let different: Vec<String> = tables.iter().flat_map(differ).collect();
    for line in &different {
        println!("DIFFERENT: {line}");
    }
    Ok(if different.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn told_to_stop() {
    let listening = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate)] = listening else { return std::future::pending().await };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
