//! Compares the README and docs/testing.md with the tested code.

use scopegate_axum::{Issuer, Verifier};
use scopegate_issuer::LocalIssuer;
use testkit::serve;

use crate::api::{READ, WRITE};

#[allow(dead_code, unreachable_pub, reason = "a program of its own, whose `main` would serve")]
#[path = "../../examples/quickstart/src/main.rs"]
mod quickstart;

const README: &str = include_str!("../../README.md");
const TESTING: &str = include_str!("../../docs/testing.md");

#[test]
fn readme_service_is_the_tested_one() {
    let source = include_str!("../../examples/quickstart/src/main.rs");
    let (_, service) = source.split_once("\n\n").unwrap();
    assert!(README.contains(&format!("```rust,no_run\n{service}```")), "README and quickstart differ");
}

#[test]
fn testing_page_test_is_one_that_runs() {
    let (_, test) = include_str!("test_it.rs").split_once("\n\n").unwrap();
    assert!(TESTING.contains(&format!("```rust\n{test}```")), "docs/testing.md and test_it.rs differ");
}

#[tokio::test]
async fn readme_service_protects_its_routes() {
    let issuer = LocalIssuer::start().await.unwrap();
    let pool = Issuer::cognito_at(issuer.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(pool).start().await.unwrap();
    let url = serve(quickstart::app(&verifier)).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (reader, writer) = (issuer.mint().scope(READ).sign(), issuer.mint().scope(WRITE).sign());
    for (method, path, [anonymous, reading, writing]) in [
        ("GET", "/orders", [401, 200, 403]),
        ("HEAD", "/orders", [401, 200, 403]),
        ("POST", "/orders", [401, 403, 200]),
        ("PUT", "/orders", [405, 405, 405]),
        ("GET", "/health", [200, 200, 200]),
        ("GET", "/", [404, 404, 404]),
    ] {
        for (token, expected) in [(None, anonymous), (Some(&reader), reading), (Some(&writer), writing)] {
            let request = http.request(method.parse().unwrap(), format!("{url}{path}"));
            let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
            assert_eq!(request.send().await.unwrap().status(), expected, "{method} {path}");
        }
    }
}
