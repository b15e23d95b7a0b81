//! A gateway with the decision service in front of a backend in Python.
//!
//! It starts an issuer, `scopegate serve`, nginx or Caddy with the files of `deploy/`, and
//! `backend.py`. Then it plays a story of requests, and ends all of them. Begin with `story.rs`.

mod failure;
mod parts;
mod process;
mod story;

use std::process::ExitCode;
use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix;

use crate::failure::Failure;
use crate::parts::Wanted;

/// The time limit of the whole story, which takes some seconds. Building the service comes before.
const PATIENCE: Duration = Duration::from_secs(120);

const USAGE: &str = "usage: gateway [nginx | caddy | none]

Plays the story with this gateway, or with the first installed one. With `none`, the story asks the
decision service directly.";

#[tokio::main]
#[allow(clippy::print_stderr, reason = "a program for a terminal")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Wanted::First,
        ["nginx"] => Wanted::Nginx,
        ["caddy"] => Wanted::Caddy,
        ["none"] => Wanted::None,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    // A signal ends the story, and so all processes.
    let played = tokio::select! {
        played = play(wanted) => played,
        () = signal() => Err(Failure::new("stopped before the end of the story")),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("gateway: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn signal() {
    #[cfg(unix)]
    if let Ok(mut terminate) = unix::signal(unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

async fn play(wanted: Wanted) -> Result<(), Failure> {
    let scopegate = process::build_scopegate().await?;
    let late = |_| Failure::new("the story has not come to an end in time");
    tokio::time::timeout(PATIENCE, story::play(wanted, &scopegate)).await.map_err(late)?
}
