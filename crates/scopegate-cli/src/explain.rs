//! `scopegate explain`: every check of one token, and the likely mistake.
//!
//! The verifier itself runs the checks: `Verifier::explain`.

mod at;
mod input;
mod json;
mod mask;
mod mistake;
mod report;
mod trust;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use scopegate::{Check, CheckOutcome, Claims, Error, Explanation, Requirement, Verifier, all_of};

use crate::exit::{Exit, Failure, with_causes};
use crate::explain::at::At;
use crate::explain::trust::Trust;
use crate::terminal::{self, Terminal};

/// The time that the first fetch of the keys may take, with discovery.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Args)]
#[command(after_help = "The token is read from standard input, or from a file. A line such as\n\
    `Authorization: Bearer …` is accepted, as curl and browsers show it.\n\n\
    Exit codes: 0 valid, 1 rejected, 2 undecidable, 64 usage")]
pub(crate) struct Arguments {
    #[command(flatten)]
    trust: Trust,

    /// File with the token [default: standard input]
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    file: Option<PathBuf>,

    /// Token as an argument, which the shell remembers
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,

    #[arg(hide = true)]
    positional: Vec<String>,

    /// Required scopes (repeatable, or separated by spaces)
    #[arg(long, value_name = "SCOPE", value_delimiter = ' ')]
    scope: Vec<String>,

    /// Time of the checks, in RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<At>,

    /// E-mail addresses and secrets in claims unmasked
    #[arg(long)]
    show: bool,

    /// Output as JSON
    #[arg(long)]
    json: bool,
}

/// The result of all checks, for the reports.
struct Outcome<'a> {
    explanation: &'a Explanation,
    /// The first failure, with that of the required scopes.
    error: Option<&'a Error>,
    /// The error of `--scope`, if the token is valid otherwise.
    scope: Option<&'a Error>,
    /// The required scopes, if there are any.
    required: Option<String>,
    /// The error of the last fetch of the keys.
    fetch_failure: Option<String>,
    mistake: Option<String>,
    now: At,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    if !arguments.positional.is_empty() {
        return Err(Failure::usage(
            "a token among the arguments stays in the history of the shell: pass it on standard input, with --file, \
             or with --token",
        ));
    }
    let required = required(&arguments.scope)?;
    let now = arguments.at.unwrap_or_else(|| SystemTime::now().into());
    // The verifier comes first, so that a wrong flag is reported before a token is pasted.
    let verifier = arguments.trust.verifier(now)?;
    let token = match (&arguments.token, &arguments.file) {
        (Some(token), _) => {
            terminal::note("the token is in the history of the shell now: prefer standard input or --file");
            input::token_in(token)
        }
        (None, Some(file)) => input::from_file(file)?,
        (None, None) => input::from_stdin()?,
    };
    let fetch_failure = wait_for_keys(&verifier).await;
    let explanation = verifier.explain(&token.text);
    let scope = match (explanation.result(), &required) {
        (Ok(claims), Some(required)) => claims.require_ref(required).err(),
        _ => None,
    };
    let error = explanation.result().err().or(scope.as_ref());
    let mistake = error.and_then(|error| mistake::likely(error, &explanation, &arguments.trust, &token, now));
    let outcome = Outcome {
        explanation: &explanation,
        error,
        scope: scope.as_ref(),
        required: required.map(|required| required.to_string()),
        fetch_failure,
        mistake,
        now,
    };
    let text = if arguments.json {
        json::report(&outcome, arguments.show)
    } else {
        report::report(&outcome, Terminal::of_stdout(), arguments.show)
    };
    terminal::print(&text);
    Ok(outcome.verdict().1)
}

fn required(scopes: &[String]) -> Result<Option<Requirement>, Failure> {
    if scopes.is_empty() {
        return Ok(None);
    }
    let scope = |scope: &String| {
        scope
            .parse::<Requirement>()
            .map_err(|error| Failure::usage(format!("--scope: {}", with_causes(&error))))
    };
    match scopes {
        [one] => scope(one).map(Some),
        several => Ok(Some(all_of(several.iter().map(scope).collect::<Result<Vec<_>, Failure>>()?))),
    }
}

/// Waits until the keys are usable, or a fetch has failed. Returns the reason of the failure.
async fn wait_for_keys(verifier: &Verifier) -> Option<String> {
    let failure = || verifier.status().issuers().iter().find_map(|issuer| issuer.last_failure.clone());
    let settled = async {
        loop {
            if let Some(failure) = failure() {
                return Some(failure);
            }
            if verifier.status().issuers().iter().all(|issuer| issuer.usable) {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(FETCH_TIMEOUT, settled)
        .await
        .unwrap_or_else(|_| Some("no response in time".to_owned()))
}

impl Outcome<'_> {
    /// Returns the verdict as a word, and as the result of the command.
    fn verdict(&self) -> (&'static str, Exit) {
        match self.error.map(|error| error.kind().status()) {
            None => ("valid", Exit::Valid),
            Some(500..) => ("undecidable", Exit::Undecidable),
            Some(_) => ("rejected", Exit::Rejected),
        }
    }

    /// Returns the claims of a valid token.
    fn claims(&self) -> Option<&Claims> {
        self.explanation.result().ok()
    }
}

/// Returns whether an earlier check has failed.
fn comes_later(checks: &[Check], check: &Check) -> bool {
    checks
        .iter()
        .take_while(|earlier| earlier.name != check.name)
        .any(|earlier| matches!(earlier.outcome, CheckOutcome::Failed(_)))
}
