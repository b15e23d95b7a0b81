//! Functions whose process is frozen between two invocations, as on Lambda. The tests freeze it
//! with `SIGSTOP`, and send `SIGCONT` with the next invocation.

use std::fs;
use std::process::Command;
use std::time::Duration;

use scopegate_issuer::{Config, Fault, LocalIssuer};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::api::READ;
use crate::clocked::{self, ClockFile};
use crate::events::{bearer, http_question, request};
use crate::function::Function;
use crate::relay::Relay;
use crate::runtime_api::{DEADLINE, Outcome, RuntimeApi, outcome};

const HOUR: u64 = 3_600;

/// Freezes an idle function, and returns when it has stopped.
async fn freeze(function: &Function, lambda: &RuntimeApi) {
    lambda.idle().await;
    signal(function, "STOP");
    let frozen = async {
        while state(function) != 'T' {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(DEADLINE, frozen).await.expect("the process stands still");
}

/// Sends an event, and lets the function continue.
async fn thaw(function: &Function, lambda: &RuntimeApi, event: Value) -> Outcome {
    assert_eq!(state(function), 'T');
    let response = lambda.enqueue(event);
    signal(function, "CONT");
    outcome(response).await
}

fn signal(function: &Function, signal: &str) {
    let kill = format!("kill -{signal} {}", function.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Returns the state of the process in `proc_pid_stat(5)`, after its name in parentheses.
fn state(function: &Function) -> char {
    let stat = fs::read_to_string(format!("/proc/{}/stat", function.id())).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

fn get_orders(token: &str) -> Value {
    request("GET", "/orders", Some(&bearer(token)))
}

fn status(outcome: Outcome) -> u64 {
    outcome.unwrap()["statusCode"].as_u64().unwrap()
}

fn day_long_token(local: &LocalIssuer) -> String {
    local.mint().scope(READ).lifetime(24 * HOUR).sign()
}

#[tokio::test]
async fn new_key_is_accepted_on_first_invocation() {
    // FR-A7
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    let function = Function::start("api", &lambda, &local);
    let old = day_long_token(&local);
    assert_eq!(status(lambda.invoke(get_orders(&old)).await), 200);
    freeze(&function, &lambda).await;
    local.rotate();
    assert_eq!(status(thaw(&function, &lambda, get_orders(&day_long_token(&local))).await), 200);
    assert_eq!(status(lambda.invoke(get_orders(&old)).await), 200);
}

#[tokio::test]
async fn withdrawn_key_is_rejected_after_hours_frozen() {
    // FR-A7: the first request waits for the fetch, although its token is cached.
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    let clock = ClockFile::new("withdrawn_key");
    let function = clocked::start("api", &clock, &lambda, &local);
    let withdrawn = day_long_token(&local);
    assert_eq!(status(lambda.invoke(get_orders(&withdrawn)).await), 200);
    freeze(&function, &lambda).await;
    local.rotate_without_overlap();
    // Less than the shortest interval: the old keys are still fresh, so none are fetched.
    let fetches = local.jwks_fetches();
    clock.set_ahead(10);
    assert_eq!(status(thaw(&function, &lambda, get_orders(&withdrawn)).await), 200);
    assert_eq!(local.jwks_fetches(), fetches);
    freeze(&function, &lambda).await;
    clock.set_ahead(23 * HOUR);
    assert_eq!(status(thaw(&function, &lambda, get_orders(&withdrawn)).await), 401);
    assert_eq!(status(lambda.invoke(get_orders(&day_long_token(&local))).await), 200);
    assert_eq!(function.stop().reasons(), ["unknown_key"]);
}

#[tokio::test]
async fn withdrawn_key_is_rejected_despite_dead_connection() {
    // FR-A7: the fetch uses a new connection, so it does not time out on the old one.
    let relay = Relay::start().await;
    let config = Config::default().url(relay.url());
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start_with(config).await.unwrap());
    relay.relay_to(local.address());
    let clock = ClockFile::new("dead_connection");
    let function = clocked::start("api", &clock, &lambda, &local);
    let withdrawn = day_long_token(&local);
    assert_eq!(status(lambda.invoke(get_orders(&withdrawn)).await), 200);
    freeze(&function, &lambda).await;
    relay.forget_connections();
    local.rotate_without_overlap();
    clock.set_ahead(23 * HOUR);
    assert_eq!(status(thaw(&function, &lambda, get_orders(&withdrawn)).await), 401);
    assert_eq!(status(lambda.invoke(get_orders(&day_long_token(&local))).await), 200);
}

#[tokio::test]
async fn new_key_is_accepted_after_hours_frozen() {
    // FR-A7
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    let clock = ClockFile::new("new_key");
    let function = clocked::start("api", &clock, &lambda, &local);
    // Also past the stale limit, after which no keys are usable.
    for hours in [1, 24, 72] {
        freeze(&function, &lambda).await;
        local.rotate_without_overlap();
        clock.set_ahead(hours * HOUR);
        let token = local.mint().scope(READ).lifetime(96 * HOUR).sign();
        assert_eq!(status(thaw(&function, &lambda, get_orders(&token)).await), 200, "{hours} h");
    }
    assert_eq!(function.stop().reasons(), [""; 0]);
}

#[tokio::test]
async fn expired_token_is_rejected_on_first_invocation() {
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    let clock = ClockFile::new("expired");
    let function = clocked::start("api", &clock, &lambda, &local);
    let token = local.mint().scope(READ).lifetime(HOUR).sign();
    assert_eq!(status(lambda.invoke(get_orders(&token)).await), 200);
    freeze(&function, &lambda).await;
    clock.set_ahead(HOUR + 60);
    assert_eq!(status(thaw(&function, &lambda, get_orders(&token)).await), 401);
    assert_eq!(function.stop().reasons(), ["expired"]);
}

#[tokio::test]
async fn keys_are_used_until_stale_limit_during_outage() {
    // FR-A7
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    let clock = ClockFile::new("issuer_down");
    let function = clocked::start("api", &clock, &lambda, &local);
    let token = local.mint().scope(READ).lifetime(48 * HOUR).sign();
    for (hours, expected) in [(0, 200), (23, 200), (25, 503)] {
        freeze(&function, &lambda).await;
        local.set_fault(Fault::Status(500));
        clock.set_ahead(hours * HOUR);
        assert_eq!(status(thaw(&function, &lambda, get_orders(&token)).await), expected, "{hours} h");
    }
    assert_eq!(function.stop().reasons(), ["keys_unavailable"]);
}

#[tokio::test]
async fn authorizer_denies_withdrawn_key_after_hours_frozen() {
    // FR-A7
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    let clock = ClockFile::new("authorizer");
    let function = clocked::start("authorizer", &clock, &lambda, &local);
    let ask = |token: &str| http_question(Some(&bearer(token)));
    let withdrawn = day_long_token(&local);
    assert_eq!(lambda.invoke(ask(&withdrawn)).await.unwrap()["isAuthorized"], true);
    freeze(&function, &lambda).await;
    local.rotate_without_overlap();
    clock.set_ahead(23 * HOUR);
    let response = thaw(&function, &lambda, ask(&withdrawn)).await.unwrap();
    assert_eq!(
        (&response["isAuthorized"], &response["context"]["reason"]),
        (&false.into(), &"unknown_key".into())
    );
    assert_eq!(lambda.invoke(ask(&day_long_token(&local))).await.unwrap()["isAuthorized"], true);
}
