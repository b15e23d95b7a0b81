//! The answers: do the responses say what clients need, and no more?

use crate::conform::check::{About, Group, Level, Outcome, Played};
use crate::conform::exchange::Exchange;
use crate::conform::response::{Echo, Response};
use crate::conform::suite;
use crate::conform::target::Target;

/// Judges the responses to the requests of all checks.
pub(super) fn checks(exchanges: &[Exchange], target: &Target, has_scope: bool) -> Vec<Played> {
    let of = |check: &str| {
        let exchange = exchanges.iter().find(|exchange| exchange.check == check);
        exchange.and_then(|exchange| exchange.response.as_ref().ok())
    };
    let rejected = |check: &str| of(check).filter(|response| !target.accepts(response));
    let scope = if has_scope {
        decided(rejected("wrong-scope"), insufficient_scope)
    } else {
        Outcome::Skipped("the route needs no scope")
    };
    let accepted = |response: &Response| {
        let found = format!("expected the status of a valid token, found {}", response.status);
        if target.accepts(response) { Ok(()) } else { Err(found) }
    };
    [
        (CHALLENGE, decided(rejected("no-token"), challenge)),
        (NO_ERROR, decided(rejected("no-token"), no_error)),
        (INVALID_TOKEN, decided(rejected("expired"), invalid_token)),
        (INSUFFICIENT_SCOPE, scope),
        (SCHEME, decided(of(SCHEME.id), accepted)),
        (SERVER_ERROR, server_errors(exchanges)),
        (TOKEN, echoed_tokens(exchanges)),
    ]
    .into_iter()
    .map(|(about, outcome)| Played { about, outcome })
    .collect()
}

fn decided(response: Option<&Response>, rule: impl Fn(&Response) -> Result<(), String>) -> Outcome {
    match response.map(rule) {
        None => Outcome::Undecided("there is no rejection to look at".to_owned()),
        Some(Ok(())) => Outcome::Passed,
        Some(Err(found)) => Outcome::Failed(vec![found]),
    }
}

fn challenge(response: &Response) -> Result<(), String> {
    match (response.status, response.offers_bearer) {
        (401, true) => Ok(()),
        (401, false) => Err("expected WWW-Authenticate with Bearer, found none".to_owned()),
        (status, _) => Err(format!("expected 401, found {status}")),
    }
}

fn no_error(response: &Response) -> Result<(), String> {
    match &response.error {
        None => Ok(()),
        Some(code) => Err(format!("expected no error code, found {code}")),
    }
}

fn invalid_token(response: &Response) -> Result<(), String> {
    stated(response, 401, "invalid_token")
}

fn insufficient_scope(response: &Response) -> Result<(), String> {
    stated(response, 403, "insufficient_scope")
}

fn stated(response: &Response, status: u16, error: &str) -> Result<(), String> {
    match (response.status, response.error.as_deref()) {
        (found, _) if found != status => Err(format!("expected {status}, found {found}")),
        (_, Some(found)) if found == error => Ok(()),
        (_, Some(found)) => Err(format!("expected error=\"{error}\", found \"{found}\"")),
        (_, None) => Err(format!("expected error=\"{error}\" in WWW-Authenticate, found none")),
    }
}

/// Failures of the server. It may close the connection of a token that is too large.
fn server_errors(exchanges: &[Exchange]) -> Outcome {
    let failure = |exchange: &Exchange| match &exchange.response {
        Ok(Response { status: status @ 500.., .. }) => {
            Some(format!("{} ({}): {status}", exchange.check, exchange.label))
        }
        Err(_) if exchange.check != suite::OVERSIZED => {
            Some(format!("{} ({}): no response", exchange.check, exchange.label))
        }
        _ => None,
    };
    findings(exchanges.iter().filter_map(failure).collect())
}

fn echoed_tokens(exchanges: &[Exchange]) -> Outcome {
    let with = |echo| {
        let has =
            move |exchange: &&Exchange| exchange.response.as_ref().is_ok_and(|found| found.echo == echo);
        exchanges.iter().filter(has).map(|exchange| format!("{} ({})", exchange.check, exchange.label))
    };
    let found: Vec<String> = with(Echo::Token).collect();
    match with(Echo::Unknown).count() {
        0 => findings(found),
        _ if !found.is_empty() => findings(found),
        count => Outcome::Undecided(format!("{count} bodies have a content encoding")),
    }
}

fn findings(found: Vec<String>) -> Outcome {
    if found.is_empty() { Outcome::Passed } else { Outcome::Failed(found) }
}

const CHALLENGE: About = answer(
    "challenge",
    "a request without a token gets 401 and a Bearer challenge",
    "RFC 6750 §3",
    "Clients cannot find out that they need a token.",
);

const NO_ERROR: About = answer(
    "no-error-code",
    "the challenge of a request without a token has no error code",
    "RFC 6750 §3.1",
    "Clients take a missing token for an invalid one.",
);

const INVALID_TOKEN: About = answer(
    "invalid-token",
    "an expired token gets 401 and `invalid_token`",
    "RFC 6750 §3.1",
    "Clients do not know that they should request a new token.",
);

const INSUFFICIENT_SCOPE: About = answer(
    "insufficient-scope",
    "a valid token without the scope gets 403 and `insufficient_scope`",
    "RFC 6750 §3.1",
    "Clients do not know that they should request another scope.",
);

pub(super) const SCHEME: About = answer(
    "scheme-case",
    "the scheme `bearer` in lower case is accepted",
    "RFC 9110 §11.1",
    "Valid requests of some clients are rejected.",
);

const SERVER_ERROR: About = answer(
    "server-error",
    "no hostile request causes a server error",
    "RFC 9110 §15.6",
    "Every caller can cause alerts, and the failing code may be used for more.",
);

const TOKEN: About = answer(
    "token-in-response",
    "no response to a hostile request contains its token",
    "RFC 6750 §5.3",
    "Tokens reach logs and caches of responses.",
);

const fn answer(id: &'static str, title: &'static str, reference: &'static str, harm: &'static str) -> About {
    About { id, group: Group::Answers, level: Level::Warning, title, reference, harm }
}
