//! `scopegate keys`: which keys of a key set can verify tokens, and why the others cannot.

use std::fs::File;
use std::io::Read as _;

use clap::Args;
use scopegate::{Algorithm, ExplainedKey, explain_jwks};
use scopegate_proto::excerpt::Excerpt;
use serde_json::json;

use crate::causes::with_causes;
use crate::document::{self, Fetcher, MAX_DOCUMENT};
use crate::exit::{Exit, Failure};
use crate::terminal::{self, Mark, Terminal};

#[derive(Args)]
pub(crate) struct Arguments {
    /// URL of a JWKS, or a file
    #[arg(value_name = "URL|FILE")]
    source: String,

    /// Accepted algorithms, separated by commas [default: all except ES512]
    #[arg(long, value_name = "ALG", value_delimiter = ',')]
    algorithms: Vec<Algorithm>,

    /// Output as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let source = &arguments.source;
    let body = if is_url(source) { fetch(source).await? } else { read(source)? };
    let keys = explain_jwks(&body, algorithms(&arguments.algorithms))
        .map_err(|error| Failure::rejected(format!("{source}: {}", with_causes(&error))))?;
    if arguments.json {
        terminal::print(&format!("{:#}\n", as_json(&keys))).map_err(|error| Failure::output(&error))?;
    } else {
        let terminal = Terminal::of_stdout();
        let usable = keys.iter().filter(|key| key.skipped.is_none()).count();
        let title = format!("{usable} of {} keys can verify tokens", keys.len());
        terminal::print(&format!("{}\n{}", terminal.bold(&title), rows(terminal, &keys)))
            .map_err(|error| Failure::output(&error))?;
    }
    Ok(if keys.iter().any(|key| key.skipped.is_none()) { Exit::Valid } else { Exit::Rejected })
}

/// Returns whether the argument is a URL. A file whose name looks like one is `./http:…`.
pub(crate) fn is_url(source: &str) -> bool {
    source.starts_with("https://") || source.starts_with("http://")
}

/// Reads a file that is no longer than a fetched document.
pub(crate) fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_DOCUMENT + 1).unwrap_or(u64::MAX);
    File::open(file)
        .and_then(|open| open.take(limit).read_to_end(&mut bytes))
        .map_err(|error| Failure::usage(format!("{file}: cannot read file: {error}")))?;
    if bytes.len() > MAX_DOCUMENT {
        return Err(Failure::usage(format!("{file}: expected at most {MAX_DOCUMENT} bytes, found more")));
    }
    Ok(bytes)
}

/// Returns the listed algorithms, or the default ones.
pub(crate) fn algorithms(listed: &[Algorithm]) -> &[Algorithm] {
    if listed.is_empty() { Algorithm::DEFAULT } else { listed }
}

/// Returns one line for each key.
pub(crate) fn rows(terminal: Terminal, keys: &[ExplainedKey]) -> String {
    let name = |key: &ExplainedKey| match &key.key_id {
        Some(id) => Excerpt::new(id).to_string(),
        None => format!("key {} without kid", key.position),
    };
    let width = keys.iter().map(|key| name(key).chars().count()).max().unwrap_or(0).min(48);
    let row = |key: &ExplainedKey| match &key.skipped {
        Some(reason) => terminal.row(Mark::Skipped, &name(key), width, &format!("not used: it {reason}")),
        None => terminal.row(Mark::Good, &name(key), width, &names(&key.algorithms)),
    };
    keys.iter().map(row).collect()
}

pub(crate) fn as_json(keys: &[ExplainedKey]) -> serde_json::Value {
    let key = |key: &ExplainedKey| {
        let algorithms: Vec<&str> = key.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        json!({
            "position": key.position,
            "kid": key.key_id,
            "usable": key.skipped.is_none(),
            "algorithms": algorithms,
            "reason": key.skipped,
        })
    };
    keys.iter().map(key).collect()
}

fn names(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(", ")
}

async fn fetch(source: &str) -> Result<Vec<u8>, Failure> {
    let url = document::url(source)?;
    let unavailable = |reason: &str| Failure::undecidable(format!("{}: {reason}", url.without_query()));
    let response = Fetcher::new().get(&url).await.map_err(|error| unavailable(&error.0))?;
    match response.status {
        200 => Ok(response.body),
        500.. => Err(unavailable(&response.unexpected_status())),
        _ => Err(Failure::rejected(format!(
            "{}: {}; for the URL of an issuer, use `scopegate doctor`",
            url.without_query(),
            response.unexpected_status()
        ))),
    }
}
