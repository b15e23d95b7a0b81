//! `scopegate doctor`: can tokens of an issuer be verified? Discovery, keys and the clock, step by step.

mod discovery;
mod step;

use clap::Args;
use scopegate::{Algorithm, explain_jwks};
use scopegate_proto::url::{FetchUrl, issuer_identifier_allowing_http};
use serde_json::{Value, json};

use crate::causes::with_causes;
use crate::doctor::discovery::discover;
use crate::doctor::step::Steps;
use crate::document::{Fetcher, Unavailable};
use crate::exit::{Exit, Failure};
use crate::keys;
use crate::terminal::{self, Mark, Terminal};

/// The leeway of the verifier in seconds. A larger difference of the clocks makes tokens invalid.
const LEEWAY: f64 = 30.0;

/// A difference in seconds that is worth a look. The clock in the header has whole seconds.
const NOTABLE: f64 = 5.0;

#[derive(Args)]
pub(crate) struct Arguments {
    /// URLs of issuers, as in `iss`
    #[arg(value_name = "URL", required = true)]
    issuers: Vec<String>,

    /// Accepted algorithms, separated by commas [default: all except ES512]
    #[arg(long, value_name = "ALG", value_delimiter = ',')]
    algorithms: Vec<Algorithm>,

    /// Output as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let parsed = |issuer: &String| {
        issuer_identifier_allowing_http(issuer)
            .map_err(|error| Failure::usage(format!("expected {}, found {:?}", error.expected, error.found)))
    };
    let issuers = arguments.issuers.iter().map(parsed).collect::<Result<Vec<FetchUrl>, Failure>>()?;
    let (terminal, fetcher) = (Terminal::of_stdout(), Fetcher::new());
    let (mut exit, mut reports) = (Exit::Valid, Vec::new());
    for issuer in &issuers {
        let mut steps = Steps::default();
        examine(&fetcher, issuer, keys::algorithms(&arguments.algorithms), &mut steps).await;
        exit = exit.max(steps.exit());
        if arguments.json {
            reports.push(json!({ "issuer": issuer.written(), "steps": steps.as_json() }));
        } else {
            let title = terminal.bold(issuer.written());
            terminal::print(&format!("{title}\n{}\n", steps.as_text(terminal)))
                .map_err(|error| Failure::output(&error))?;
        }
    }
    if arguments.json {
        terminal::print(&format!("{:#}\n", Value::Array(reports)))
            .map_err(|error| Failure::output(&error))?;
    }
    Ok(exit)
}

/// Runs the steps that a verifier runs at its start.
async fn examine(fetcher: &Fetcher, issuer: &FetchUrl, algorithms: &[Algorithm], steps: &mut Steps) {
    let Some((jwks_uri, metadata_ahead)) = discover(fetcher, issuer, steps).await else { return };
    let shown = jwks_uri.without_query();
    let response = match fetcher.get(&jwks_uri).await {
        Ok(response) => response,
        Err(Unavailable(reason)) => return steps.undecidable("keys", format!("{shown}: {reason}")),
    };
    match response.status {
        200 => {}
        500.. => return steps.undecidable("keys", format!("{shown}: {}", response.unexpected_status())),
        _ => return steps.failed("keys", format!("{shown}: {}", response.unexpected_status())),
    }
    match explain_jwks(&response.body, algorithms) {
        Err(error) => steps.failed("keys", format!("{shown}: {}", with_causes(&error))),
        Ok(found) => {
            let usable = found.iter().filter(|key| key.skipped.is_none()).count();
            let text = format!("{usable} of {} keys can verify tokens: {shown}", found.len());
            let mark = if usable > 0 { Mark::Good } else { Mark::Bad };
            steps.with_keys(mark, text, found);
        }
    }
    match response.seconds_ahead.or(metadata_ahead) {
        None => steps.skipped("clock", "the responses have no `Date`".to_owned()),
        Some(ahead) => clock(ahead, steps),
    }
}

fn clock(ahead: f64, steps: &mut Steps) {
    let direction = if ahead > 0.0 { "ahead of" } else { "behind" };
    let text = format!("the issuer's clock is {:.0} s {direction} this one (leeway {LEEWAY} s)", ahead.abs());
    if ahead.abs() >= LEEWAY {
        steps.failed("clock", text);
    } else if ahead.abs() >= NOTABLE {
        steps.passed("clock", text);
    } else {
        steps.passed("clock", "the clocks agree".to_owned());
    }
}
