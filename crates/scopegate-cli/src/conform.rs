//! `scopegate conform`: does an API in any language reject hostile tokens?
//!
//! It starts a local issuer that the API trusts, and sends tokens that are wrong in one way each.

mod answers;
mod authority;
mod check;
mod command;
mod exchange;
mod fetches;
mod form;
mod json;
mod junit;
mod names;
mod play;
mod report;
mod response;
mod rotation;
mod settings;
mod start;
mod suite;
mod target;

use std::path::PathBuf;

use clap::Args;

use crate::conform::authority::{Authority, IssuerArguments};
use crate::conform::check::{Group, Level, Outcome, Played};
use crate::conform::command::Running;
use crate::conform::names::{NameArguments, Names};
use crate::conform::play::Player;
use crate::conform::settings::TimeLimit;
use crate::conform::target::{Target, TargetArguments};
use crate::exit::{Exit, Failure};
use crate::terminal::{self, Terminal};

#[derive(Args)]
#[command(
    after_help = "It prints the settings of the issuer. Configure the API with them and restart it, or append the\n\
        command that starts it: the command gets the settings in its environment.\n\n\
        scopegate conform --url http://127.0.0.1:8080/orders --scope orders/read -- node server.js\n\n\
        The route gets up to 150 requests, and valid tokens are among them. Test your own APIs only.\n\n\
        The URL needs a status of success (or --expect) for valid tokens, and 300 to 499 for hostile ones. A\n\
        status of 404, 429 or 500 does not show whether the token was rejected. See --rejection.\n\n\
        Exit codes: 0 everything hostile is rejected, 1 something got in, 2 undecidable, 64 usage,\n\
        70 the issuer has no address or a report cannot be written"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,

    #[command(flatten)]
    names: NameArguments,

    #[command(flatten)]
    issuer: IssuerArguments,

    /// Time until the API accepts a valid token, at most 1h
    #[arg(long, value_name = "TIME", default_value = "5m")]
    timeout: TimeLimit,

    /// Also a key rotation: the API must accept the new key within this time, such as 2m
    #[arg(long, value_name = "TIME")]
    rotation: Option<TimeLimit>,

    /// Also a withdrawn key: the API must reject it within this time, such as 15m
    #[arg(long, value_name = "TIME")]
    withdrawal: Option<TimeLimit>,

    /// Exit code 1 also for warnings
    #[arg(long)]
    deny_warnings: bool,

    /// Output as JSON
    #[arg(long)]
    json: bool,

    #[arg(long, value_name = "FILE", help = "File for a report as JUnit XML")]
    junit: Option<PathBuf>,

    /// Command that starts the API, with the settings in its environment
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// The results of a run, for the reports.
struct Report {
    url: String,
    /// The form and the algorithm of the tokens.
    tokens: String,
    requests: usize,
    /// The reason why the run ended early.
    stopped: Option<String>,
    played: Vec<Played>,
    deny_warnings: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let target = Target::of(&arguments.target)?;
    let names = Names::of(&arguments.names, arguments.issuer.form(), target.origin())?;
    let junit = arguments.junit.as_deref().map(junit::Output::create).transpose()?;
    let authority = Authority::start(&arguments.issuer, names).await?;
    terminal::tell(&start::settings_text(&authority, &target, !arguments.command.is_empty()));
    let mut running = Running::start(&arguments.command, &authority)?;
    let player = match start::wait(&authority, &target, &mut running, arguments.timeout).await {
        Ok(()) => play_all(&arguments, &authority, &target).await,
        Err(reason) => Player::stopped(&authority, &target, reason),
    };
    drop(running);
    finish(&arguments, junit, &player.into_report(&target, arguments.deny_warnings))
}

async fn play_all<'a>(arguments: &Arguments, authority: &'a Authority, target: &'a Target) -> Player<'a> {
    let mut player = Player::new(authority, target);
    for group in Group::OF_TOKENS {
        player.play_group(*group).await;
    }
    player.judge_answers().await;
    if let Some(limit) = arguments.rotation {
        rotation::new_key(&mut player, limit).await;
    }
    if let Some(limit) = arguments.withdrawal {
        rotation::withdrawn_key(&mut player, limit).await;
    }
    player
}

/// Writes the reports. If the file cannot be written, the report is printed all the same.
fn finish(arguments: &Arguments, junit: Option<junit::Output<'_>>, report: &Report) -> Result<Exit, Failure> {
    let written = junit.map_or(Ok(()), |file| file.write(&junit::report(report)));
    let text =
        if arguments.json { json::report(report) } else { report::report(report, Terminal::of_stdout()) };
    terminal::print(&text).map_err(|error| Failure::output(&error))?;
    written?;
    Ok(report.exit())
}

impl Report {
    /// Returns the exit code. A hole is certain, even if other checks are undecided.
    fn exit(&self) -> Exit {
        if self.count(|played| self.fails(played)) > 0 {
            Exit::Rejected
        } else if self.is_undecided() {
            Exit::Undecidable
        } else {
            Exit::Valid
        }
    }

    fn is_undecided(&self) -> bool {
        self.stopped.is_some() || self.count(|played| matches!(played.outcome, Outcome::Undecided(_))) > 0
    }

    /// Returns whether this check makes the run fail.
    fn fails(&self, played: &Played) -> bool {
        let counts = self.deny_warnings || played.about.level == Level::Hole;
        counts && matches!(played.outcome, Outcome::Failed(_))
    }

    fn count(&self, is_counted: impl Fn(&Played) -> bool) -> usize {
        self.played.iter().filter(|played| is_counted(played)).count()
    }
}
