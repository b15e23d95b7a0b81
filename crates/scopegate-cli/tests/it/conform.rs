//! Does `conform` find the holes of an API, and none in an API without holes?

mod api;
mod answers;
mod holes;
mod hostile;
mod reports;
mod rotation;
mod start;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;

use scopegate_axum::{Issuer, Verifier};
use serde_json::Value;

use self::api::Flaw;
use crate::program::{Run, program};

/// The settings that a run has printed.
type Settings = HashMap<String, String>;

/// Runs `conform` against the API with this flaw, for the scope `orders/read`. The API is configured as
/// the program says.
async fn conform(flaw: Option<Flaw>, more: &[&str]) -> Run {
    let (listener, url) = testkit::listen().await;
    let mut child = start(&format!("{url}/orders"), &[&["--scope", "orders/read"], more].concat());
    let (settings, stderr) = settings(&mut child).await;
    let verifier = verifier(&settings).await;
    testkit::serve_on(listener, api::router(&verifier, "orders/read", flaw));
    finish(child, stderr).await
}

/// Starts `conform` with an issuer on a free port.
fn start(url: &str, more: &[&str]) -> Child {
    let mut command = program();
    command.args(["conform", "--url", url, "--listen", "127.0.0.1:0"]).args(more);
    if !more.contains(&"--timeout") {
        command.args(["--timeout", "30s"]);
    }
    command.spawn().unwrap()
}

/// Reads the settings for the API, as its operator does.
async fn settings(child: &mut Child) -> (Settings, BufReader<std::process::ChildStderr>) {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    tokio::task::spawn_blocking(move || {
        let mut settings = Settings::new();
        let mut line = String::new();
        while stderr.read_line(&mut line).unwrap() > 0 && !line.starts_with("Waiting") {
            if let Some((name, value)) = line.trim().split_once('=') {
                settings.insert(name.to_owned(), value.to_owned());
            }
            line.clear();
        }
        (settings, stderr)
    })
    .await
    .unwrap()
}

/// Returns a verifier of RFC 9068 with these settings.
async fn verifier(settings: &Settings) -> Verifier {
    let issuer = Issuer::rfc9068(&settings["OAUTH_ISSUER"]).unwrap().audience(&settings["OAUTH_AUDIENCE"]);
    let issuer = match settings.get("OAUTH_CLIENT_ID") {
        Some(client) => issuer.client(client),
        None => issuer,
    };
    Verifier::builder().trust(issuer).start().await.unwrap()
}

async fn finish(mut child: Child, mut stderr: BufReader<std::process::ChildStderr>) -> Run {
    tokio::task::spawn_blocking(move || {
        let (mut out, mut errors) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        stderr.read_to_string(&mut errors).unwrap();
        Run { code: child.wait().unwrap().code().unwrap(), out, errors }
    })
    .await
    .unwrap()
}

/// Returns the ids of the checks with this outcome in a JSON report.
fn with_outcome(run: &Run, outcome: &str) -> Vec<String> {
    let report: Value =
        serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("{}{}", run.out, run.errors));
    let checks = report["checks"].as_array().unwrap().iter();
    let found = checks.filter(|check| check["outcome"] == outcome);
    found.map(|check| check["id"].as_str().unwrap().to_owned()).collect()
}
