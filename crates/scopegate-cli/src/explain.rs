//! `scopegate explain`: every check of one token, and the likely mistake.
//!
//! The verifier itself runs the checks: `Verifier::explain`.

mod at;
mod decision;
mod input;
mod json;
mod mask;
mod mistake;
mod report;
mod settings;
mod trust;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use scopegate::{Check, CheckOutcome, Claims, Error, Explanation, Requirement, Verifier, all_of};

use crate::causes::with_causes;
use crate::config::form::Form;
use crate::exit::{Exit, Failure};
use crate::explain::at::At;
use crate::explain::decision::{Asked, Decision, Service};
use crate::explain::input::Token;
use crate::explain::settings::Settings;
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

    #[command(flatten)]
    asked: Asked,

    /// File with the token [default: standard input]
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    file: Option<PathBuf>,

    /// Token as an argument, which the shell remembers
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,

    #[arg(hide = true)]
    positional: Vec<String>,

    /// Required scopes (repeatable, or separated by spaces)
    #[arg(long, value_name = "SCOPE", value_delimiter = ' ', conflicts_with = "config")]
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
    /// `None` if no token is read.
    explanation: Option<&'a Explanation>,
    /// The decision about `--request`.
    decision: Option<&'a Decision>,
    /// The first failure, with that of the rule.
    error: Option<&'a Error>,
    /// The error of the rule, if the token is valid otherwise.
    rule: Option<&'a Error>,
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
    let now = arguments.at.unwrap_or_else(|| SystemTime::now().into());
    match Service::read(&arguments.asked, &arguments.trust, now).await? {
        Some(service) => explain_request(&arguments, &service, now).await,
        None => explain_token(&arguments, now).await,
    }
}

/// Explains a token for the issuer of the flags.
async fn explain_token(arguments: &Arguments, now: At) -> Result<Exit, Failure> {
    let required = required(&arguments.scope)?;
    // The verifier comes first, so that a wrong flag is reported before a token is pasted.
    let verifier = arguments.trust.verifier(now)?;
    let token = token(arguments)?;
    if token.is_opaque() {
        return Err(Failure::undecidable(
            "this is an opaque token, which only its issuer can read, by introspection (RFC 7662)",
        ));
    }
    let fetch_failure = wait_for_keys(&verifier, None).await;
    let explanation = verifier.explain(&token.text);
    let rule = match (explanation.result(), &required) {
        (Ok(claims), Some(required)) => claims.require_ref(required).err(),
        _ => None,
    };
    let error = explanation.result().err().or(rule.as_ref());
    let settings = Settings::of_flags(&arguments.trust);
    let mistake = error.and_then(|error| mistake::likely(error, &explanation, &settings, &token, now));
    let outcome = Outcome {
        explanation: Some(&explanation),
        decision: None,
        error,
        rule: rule.as_ref(),
        required: required.map(|required| required.to_string()),
        fetch_failure,
        mistake,
        now,
    };
    outcome.print(arguments)
}

/// Explains the decision of a service about a request.
async fn explain_request(arguments: &Arguments, service: &Service, now: At) -> Result<Exit, Failure> {
    let token = if service.needs_token() { Some(token(arguments)?) } else { None };
    let form = token.as_ref().map(|token| Form::of(&token.text));
    let name = form.as_ref().and_then(Form::issuer);
    let asks_issuer = match &form {
        Some(form) => service.asks_issuer(form, arguments.at.is_none())?,
        None => false,
    };
    let fetch_failure = match &token {
        Some(_) if !asks_issuer => wait_for_keys(&service.verifier, name).await,
        _ => None,
    };
    // The decision comes first. It waits for the issuer's answer, which is cached for the explanation.
    let decision = service.decide(token.as_ref()).await?;
    let explanation =
        token.as_ref().filter(|_| !asks_issuer).map(|token| service.verifier.explain(&token.text));
    let error = decision.error.as_ref();
    let mistake =
        error.zip(explanation.as_ref()).zip(token.as_ref()).and_then(|((error, explanation), token)| {
            mistake::likely(error, explanation, &service.settings(name), token, now)
        });
    let is_valid = explanation.as_ref().is_some_and(|explanation| explanation.result().is_ok());
    let outcome = Outcome {
        explanation: explanation.as_ref(),
        decision: Some(&decision),
        error,
        rule: error.filter(|_| is_valid),
        required: decision.required.as_ref().map(ToString::to_string),
        fetch_failure,
        mistake,
        now,
    };
    outcome.print(arguments)
}

fn token(arguments: &Arguments) -> Result<Token, Failure> {
    match (&arguments.token, &arguments.file) {
        (Some(token), _) => {
            terminal::note("the token is in the history of the shell now: prefer standard input or --file");
            input::of_argument(token)
        }
        (None, Some(file)) => input::from_file(file),
        (None, None) => input::from_stdin(),
    }
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
///
/// If the verifier trusts the issuer `name`, the keys of the others are not needed.
async fn wait_for_keys(verifier: &Verifier, name: Option<&str>) -> Option<String> {
    let name = name.filter(|name| verifier.issuers().any(|issuer| issuer == *name));
    let issuers = || {
        let all = verifier.status().issuers().to_vec().into_iter();
        all.filter(|issuer| name.is_none_or(|name| issuer.issuer == name)).collect::<Vec<_>>()
    };
    let failure = || issuers().into_iter().find_map(|issuer| issuer.last_failure);
    let settled = async {
        loop {
            if let Some(failure) = failure() {
                return Some(failure);
            }
            if issuers().iter().all(|issuer| issuer.usable) {
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
    fn print(&self, arguments: &Arguments) -> Result<Exit, Failure> {
        let text = if arguments.json {
            json::report(self, arguments.show)
        } else {
            report::report(self, Terminal::of_stdout(), arguments.show)
        };
        terminal::print(&text).map_err(|error| Failure::output(&error))?;
        Ok(self.verdict().1)
    }

    /// Returns the status and the code of a rejection.
    fn rejection(&self) -> Option<(u16, &'static str)> {
        match self.decision {
            Some(decision) => Some((decision.status(), decision.code)).filter(|(status, _)| *status != 200),
            None => self.error.map(|error| (error.kind().status(), error.kind().as_str())),
        }
    }

    /// Returns the verdict as a word, and as the result of the command.
    fn verdict(&self) -> (&'static str, Exit) {
        match self.rejection() {
            None => ("valid", Exit::Valid),
            Some((500.., _)) => ("undecidable", Exit::Undecidable),
            Some(_) => ("rejected", Exit::Rejected),
        }
    }

    /// Returns the claims of a valid token.
    fn claims(&self) -> Option<&Claims> {
        let of_decision = self.decision.and_then(|decision| decision.claims.as_ref());
        of_decision.or_else(|| self.explanation?.result().ok())
    }

    fn checks(&self) -> &[Check] {
        self.explanation.map(Explanation::checks).unwrap_or_default()
    }
}

/// Returns whether an earlier check has failed.
fn comes_later(checks: &[Check], check: &Check) -> bool {
    checks
        .iter()
        .take_while(|earlier| earlier.name != check.name)
        .any(|earlier| matches!(earlier.outcome, CheckOutcome::Failed(_)))
}
