//! Functions with invalid settings, or with an unavailable issuer.

use std::process::Command;

use scopegate_issuer::{Fault, LocalIssuer};

use crate::api::READ;
use crate::events::{bearer, request};
use crate::function::{Function, with_lambda_environment};
use crate::runtime_api::{DEADLINE, RuntimeApi};

#[test]
fn invalid_setting_is_named_in_log() {
    let pool = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
    let all = [("ISSUER", pool), ("CLIENT_IDS", "one"), ("SCOPE", "orders/read")];
    for (program, wrong, value, expected) in [
        (env!("CARGO_BIN_EXE_api"), "ISSUER", None, "environment variable ISSUER is missing or empty"),
        (
            env!("CARGO_BIN_EXE_api"),
            "CLIENT_IDS",
            Some(""),
            "environment variable CLIENT_IDS is missing or empty",
        ),
        (env!("CARGO_BIN_EXE_api"), "ISSUER", Some("eu-west-1_Ab12Cd34E"), "issuer: expected"),
        (env!("CARGO_BIN_EXE_authorizer"), "SCOPE", None, "environment variable SCOPE is missing or empty"),
        (env!("CARGO_BIN_EXE_authorizer"), "SCOPE", Some("two scopes"), "expected a scope"),
    ] {
        let mut command = Command::new(program);
        // No server listens there, because the settings are checked before the first request.
        with_lambda_environment(&mut command).env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9");
        command.envs(all).env_remove(wrong).envs(value.map(|value| (wrong, value)));
        let output = command.output().unwrap();
        let log = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success() && log.contains(expected), "{wrong}={value:?}: {log}");
    }
}

#[tokio::test]
async fn function_starts_while_issuer_is_down() {
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    local.set_fault(Fault::Status(500));
    let _function = Function::start("api", &lambda, &local);
    let token = bearer(&local.mint().scope(READ).sign());
    let ask = || request("GET", "/orders", Some(&token));
    let response = lambda.invoke(ask()).await.unwrap();
    assert_eq!(response["statusCode"], 503);
    assert!(response["headers"]["retry-after"].is_string(), "{response}");
    local.clear_fault();
    let accepted = async { while lambda.invoke(ask()).await.unwrap()["statusCode"] != 200 {} };
    tokio::time::timeout(DEADLINE, accepted).await.expect("the keys are fetched");
}
