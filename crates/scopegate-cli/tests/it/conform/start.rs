//! The start of a run: settings, commands, and the reasons why it cannot begin.

use axum::Router;
use axum::http::StatusCode;
use scopegate_axum::{Issuer, Verifier};
use tokio::task::JoinSet;

use super::api::Flaw;
use super::{Settings, api, finish, settings, start, verifier};
use crate::program::{Run, file, run};

const SCOPE: [&str; 2] = ["--scope", "orders/read"];

#[tokio::test(flavor = "multi_thread")]
async fn settings_lead_to_the_keys() {
    let (listener, url) = testkit::listen().await;
    let more = ["--client-id", "importer", "--audience", "orders-api", "--algorithm", "ES256"];
    let mut child = start(&format!("{url}/orders"), &[&SCOPE[..], &more].concat());
    let (settings, stderr) = settings(&mut child).await;
    let issuer = &settings["OAUTH_ISSUER"];
    let expected: Settings = [
        ("OAUTH_ISSUER", issuer.as_str()),
        ("OAUTH_JWKS_URI", &format!("{issuer}/.well-known/jwks.json")),
        ("OAUTH_AUDIENCE", "orders-api"),
        ("OAUTH_CLIENT_ID", "importer"),
        ("OAUTH_SCOPE", "orders/read"),
        ("OAUTH_ALGORITHM", "ES256"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    assert_eq!(settings, expected);
    testkit::serve_on(listener, api::router(&verifier(&settings).await, "orders/read", None));
    let run = finish(child, stderr).await;
    assert_eq!(run.code, 0, "{}{}", run.out, run.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_have_the_form_of_the_provider() {
    let forms = ["cognito", "auth0", "okta", "entra", "keycloak", "hydra"];
    let runs: JoinSet<_> = forms.into_iter().map(async |form| (form, with_form(form, None).await)).collect();
    for (form, run) in runs.join_all().await {
        assert_eq!(run.code, 0, "{form}: {}{}", run.out, run.errors);
    }
}

/// Runs `conform` with tokens of a provider against the API with this flaw.
pub(super) async fn with_form(form: &str, flaw: Option<Flaw>) -> Run {
    let (listener, url) = testkit::listen().await;
    let more = ["--form", form, "--json"];
    let mut child = start(&format!("{url}/orders"), &[&SCOPE[..], &more].concat());
    let (settings, stderr) = settings(&mut child).await;
    let verifier = of_provider(form, &settings).await;
    testkit::serve_on(listener, api::router(&verifier, "orders/read", flaw));
    finish(child, stderr).await
}

/// Returns a verifier with the rules of a provider.
async fn of_provider(form: &str, settings: &Settings) -> Verifier {
    let issuer = &settings["OAUTH_ISSUER"];
    let issuer = match form {
        "cognito" => Issuer::cognito_at(issuer).unwrap().client(&settings["OAUTH_CLIENT_ID"]),
        "rfc9068" => Issuer::rfc9068(issuer).unwrap().audience(&settings["OAUTH_AUDIENCE"]),
        "hydra" => Issuer::hydra(issuer).unwrap().audience(&settings["OAUTH_AUDIENCE"]),
        _ => {
            let issuer = Issuer::from_metadata(issuer).unwrap().audience(&settings["OAUTH_AUDIENCE"]);
            if form == "entra" { issuer.roles_as_scopes() } else { issuer }
        }
    };
    Verifier::builder().trust(issuer).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn route_without_scope_skips_scopes() {
    let (listener, url) = testkit::listen().await;
    let mut child = start(&format!("{url}/orders"), &["--no-scope"]);
    let (settings, stderr) = settings(&mut child).await;
    testkit::serve_on(listener, api::router_for_any_token(&verifier(&settings).await));
    let run = finish(child, stderr).await;
    assert_eq!(run.code, 0, "{}{}", run.out, run.errors);
    assert!(
        run.out.contains("– wrong-scope          a token without the scope: skipped, the route"),
        "{}",
        run.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_valid_token_names_likely_setting() {
    let (listener, url) = testkit::listen().await;
    let json = ["--json", "--timeout", "2s"];
    let mut child = start(&format!("{url}/orders"), &[&SCOPE[..], &json].concat());
    let (mut settings, stderr) = settings(&mut child).await;
    settings.insert("OAUTH_AUDIENCE".to_owned(), "another-api".to_owned());
    testkit::serve_on(listener, api::router(&verifier(&settings).await, "orders/read", None));
    let run = finish(child, stderr).await;
    assert_eq!(run.code, 2, "{}{}", run.out, run.errors);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&report["verdict"], &report["requests"]), (&"undecided".into(), &0.into()));
    let reason = report["stopped"].as_str().unwrap();
    assert!(reason.contains("401 (invalid_token") && reason.contains("the audience"), "{reason}");
}

#[test]
fn unreachable_api_is_undecided() {
    let url = "http://127.0.0.1:1/orders";
    let run =
        run(&["conform", "--url", url, "--scope", "a", "--listen", "127.0.0.1:0", "--timeout", "1s"], "");
    assert_eq!(run.code, 2, "{}{}", run.out, run.errors);
    assert!(run.out.starts_with("UNDECIDED") && run.out.contains("does not respond"), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_api_is_undecided() {
    // An API that responds alike to every request.
    for (status, reason) in
        [(500, "see its log"), (429, "limits requests"), (302, "--url"), (404, "the path")]
    {
        let (listener, url) = testkit::listen().await;
        let status_code = StatusCode::from_u16(status).unwrap();
        testkit::serve_on(listener, Router::new().fallback(async move || status_code));
        let mut child = start(&format!("{url}/orders"), &[&SCOPE[..], &["--timeout", "1s"]].concat());
        let (_, stderr) = settings(&mut child).await;
        let run = finish(child, stderr).await;
        assert_eq!(run.code, 2, "{status}: {}{}", run.out, run.errors);
        assert!(run.out.starts_with("UNDECIDED") && run.out.contains(reason), "{status}: {}", run.out);
    }
}

#[cfg(unix)]
#[test]
fn command_gets_the_settings() {
    let out = file("conform-command.txt", "");
    let script = format!("echo \"$OAUTH_ISSUER $OAUTH_SCOPE\" > {}; echo to-stdout; exit 3", out.display());
    let url = "http://127.0.0.1:1/orders";
    let arguments = ["conform", "--url", url, "--scope", "orders/read", "--listen", "127.0.0.1:0", "--json"];
    let run = run(&[&arguments[..], &["--", "sh", "-c", &script]].concat(), "");
    assert_eq!(run.code, 2, "{}{}", run.out, run.errors);
    assert!(run.out.contains("the command ended: exit status: 3"), "{}", run.out);
    assert!(!run.out.contains("to-stdout") && run.errors.contains("to-stdout"), "{}", run.errors);
    let written = std::fs::read_to_string(out).unwrap();
    assert!(written.starts_with("http://127.0.0.1:") && written.ends_with(" orders/read\n"), "{written}");
}

#[test]
fn unusable_argument_is_usage() {
    let url = ["--url", "http://127.0.0.1:1/"];
    let cases: [&[&str]; 12] = [
        &["--url", "ftp://api.example/", "--scope", "a"],
        &url,
        &[&url[..], &["--scope", "a", "--no-scope"]].concat(),
        &[&url[..], &["--scope", "a\"b"]].concat(),
        &[&url[..], &["--scope", ""]].concat(),
        &[&url[..], &["--scope", "a", "--other-scope", "a"]].concat(),
        &[&url[..], &["--scope", "a", "--algorithm", "HS256"]].concat(),
        &[&url[..], &["--scope", "a", "--timeout", "2h"]].concat(),
        &[&url[..], &["--scope", "a", "--header", "Authorization: Bearer x"]].concat(),
        &[&url[..], &["--scope", "a", "--listen", "0.0.0.0:0"]].concat(),
        &[&url[..], &["--scope", "a", "--rejection", "500"]].concat(),
        &[&url[..], &["--scope", "a", "--", "/nowhere/at-all"]].concat(),
    ];
    for arguments in cases {
        let run = run(&[&["conform"], arguments].concat(), "");
        assert_eq!((run.code, run.out.as_str()), (64, ""), "{arguments:?}: {}", run.errors);
    }
}

#[test]
fn unusable_junit_file_prevents_the_run() {
    let arguments = ["--url", "http://127.0.0.1:1/", "--scope", "a", "--listen", "127.0.0.1:0"];
    let more = ["--timeout", "1s", "--junit", "/nowhere/at-all.xml"];
    let run = run(&[&["conform"], &arguments[..], &more].concat(), "");
    assert_eq!((run.code, run.out.as_str()), (64, ""), "{}", run.errors);
    assert!(run.errors.contains("--junit /nowhere/at-all.xml: "), "{}", run.errors);
    assert!(!run.errors.contains("Configure the API"), "{}", run.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn used_address_is_a_failure() {
    let (listener, _) = testkit::listen().await;
    let address = listener.local_addr().unwrap().to_string();
    let run = run(&["conform", "--url", "http://127.0.0.1:1/", "--scope", "a", "--listen", &address], "");
    assert_eq!(run.code, 70, "{}", run.errors);
    assert!(run.errors.contains("use --listen for another one"), "{}", run.errors);
}
