//! Each check has an API that rejects its requests, and an API that accepts them.

use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use serde_json::Value;
use tokio::task::JoinSet;

use super::api::{Flaw, Seen, now, router, with};
use super::start::with_form;
use super::{conform, finish, settings, start, verifier, with_outcome};
use crate::program::Run;

/// The smallest keys, and every check is played.
const MORE: [&str; 5] = ["--json", "--algorithm", "EdDSA", "--client-id", "conform-client"];

#[tokio::test(flavor = "multi_thread")]
async fn api_without_holes_passes_every_check() {
    let run = conform(None, &MORE).await;
    assert_eq!(run.code, 0, "{}{}", run.out, run.errors);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["verdict"], "passed");
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["outcome"] == "passed"), "{}", run.out);
    // And a check for URLs that are fetched.
    assert_eq!(checks.len(), HOLES.len() + ANSWERS + 1, "{}", run.out);
    // The help promises at most 150 requests.
    assert!(report["requests"].as_u64().unwrap() <= 150, "{}", report["requests"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn default_settings_pass_with_rsa() {
    let run = conform(None, &[]).await;
    assert_eq!(run.code, 0, "{}{}", run.out, run.errors);
    assert!(run.out.starts_with("NOTHING GOT IN: 0 warnings, "), "{}", run.out);
    assert!(run.out.contains("– wrong-client"), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn flaw_of_credentials_or_signature_is_found() {
    finds(&HOLES[..9]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flaw_of_keys_is_found() {
    finds(&HOLES[9..16]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flaw_of_header_or_lifetime_is_found() {
    finds(&HOLES[16..23]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flaw_of_recipient_kind_or_scope_is_found() {
    finds(&HOLES[23..]).await;
}

async fn run<'a>(ids: &'a [&'a str], flaw: Flaw) -> (&'a [&'a str], Run) {
    (ids, conform(Some(flaw), &MORE).await)
}

/// Runs the suite against each flaw.
async fn finds(holes: &'static [(&[&str], Flaw)]) {
    let runs: JoinSet<_> = holes.iter().map(|(ids, flaw)| run(ids, *flaw)).collect();
    for (ids, run) in runs.join_all().await {
        assert_eq!(with_outcome(&run, "failed"), ids, "{}", run.out);
        let is_warning = ids.iter().all(|id| WARNINGS.contains(id));
        assert_eq!(run.code, i32::from(!is_warning), "{ids:?}: {}", run.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fetched_key_url_is_a_hole() {
    let run = conform(Some(Flaw::FetchesUrl), &MORE).await;
    assert_eq!((run.code, with_outcome(&run, "failed")), (1, vec!["fetched-url".to_owned()]), "{}", run.out);
    assert!(run.out.contains("fetched after key-url (jku)"), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn bound_token_is_a_hole_if_api_offers_dpop() {
    let accepts = Flaw::Accepts(|seen| seen.payload["cnf"]["jkt"].is_string());
    let offers = Flaw::Both(
        |seen| seen.payload["cnf"]["jkt"].is_string(),
        |seen, response| {
            if seen.authorization.is_empty() {
                with(response, 401, Some("Bearer, DPoP algs=\"ES256\""))
            } else {
                response
            }
        },
    );
    for (flaw, code) in [(accepts, 0), (offers, 1)] {
        let run = conform(Some(flaw), &MORE).await;
        assert_eq!(
            (run.code, with_outcome(&run, "failed")),
            (code, vec!["dpop-bound".to_owned()]),
            "{}",
            run.out
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_required_scope_is_left_out_once() {
    // This API requires the first scope only.
    let (listener, url) = testkit::listen().await;
    let more = ["--scope", "orders/read", "--scope", "orders/list", "--json", "--algorithm", "EdDSA"];
    let mut child = start(&format!("{url}/orders"), &more);
    let (settings, stderr) = settings(&mut child).await;
    testkit::serve_on(listener, router(&verifier(&settings).await, "orders/read", None));
    let run = finish(child, stderr).await;
    assert_eq!((run.code, with_outcome(&run, "failed")), (1, vec!["wrong-scope".to_owned()]), "{}", run.out);
    assert!(run.out.contains("all but the last scope"), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_of_rfc9068_is_advice_for_other_forms() {
    type Rule = fn(&Seen) -> bool;
    // Keycloak writes neither `at+jwt`, nor does RFC 7519 require `exp` and `iss`.
    let rules: [(&str, Rule); 3] = [
        ("no-expiry", |seen| seen.payload.is_object() && seen.payload["exp"].is_null()),
        ("no-issuer", |seen| seen.payload.is_object() && seen.payload["iss"].is_null()),
        ("other-type", |seen| seen.header["typ"] == "logout+jwt"),
    ];
    for (id, accepts) in rules {
        for (form, code) in [("rfc9068", 1), ("keycloak", 0)] {
            let run = with_form(form, Some(Flaw::Accepts(accepts))).await;
            let failed = with_outcome(&run, "failed");
            assert_eq!((run.code, failed), (code, vec![id.to_owned()]), "{form}: {}", run.out);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn public_route_lets_everything_in() {
    let run = conform(Some(Flaw::Accepts(|_| true)), &MORE).await;
    assert_eq!(run.code, 1, "{}", run.out);
    assert_eq!(with_outcome(&run, "failed").len(), HOLES.len(), "{}", run.out);
}

/// The number of checks of answers.
const ANSWERS: usize = 7;

/// The checks whose failure is a warning.
const WARNINGS: [&str; 7] = [
    "query-token",
    "two-headers",
    "oversized",
    "last-duplicate",
    "generic-type",
    "dpop-bound",
    "certificate-bound",
];

/// The checks that fail because of a flaw. Each check is the first one of a row.
static HOLES: [(&[&str], Flaw); 34] = [
    (&["no-token"], Flaw::Accepts(|seen| seen.authorization.is_empty() && seen.query.is_none())),
    (&["malformed-token"], Flaw::Accepts(|seen| seen.authorization == ["Bearer conform"])),
    (
        &["query-token"],
        Flaw::Changes(|seen, headers| {
            if let Some(token) = seen.query.as_deref().and_then(|query| query.strip_prefix("access_token=")) {
                headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
            }
        }),
    ),
    (
        &["two-headers"],
        Flaw::Changes(|_, headers| {
            if let Some(first) = headers.get(AUTHORIZATION).cloned() {
                headers.insert(AUTHORIZATION, first);
            }
        }),
    ),
    (&["oversized"], Flaw::Accepts(|seen| seen.payload["padding"].is_string())),
    (&["alg-none"], Flaw::Accepts(|seen| seen.alg().eq_ignore_ascii_case("none"))),
    (
        &["signature-stripped"],
        Flaw::Accepts(|seen| seen.is_valid_but_for_signature() && seen.signature.is_empty()),
    ),
    // Without a signature check, a key under the issuer's id gets in as well.
    (
        &["signature-changed", "unknown-key"],
        Flaw::Accepts(|seen| {
            seen.is_valid_but_for_signature() && !seen.signature.is_empty() && !seen.has_zeros()
        }),
    ),
    (&["signature-zeros"], Flaw::Accepts(|seen| seen.is_valid_but_for_signature() && seen.has_zeros())),
    // Both are HS256 under the issuer's key id.
    (
        &["public-key-as-secret", "empty-secret"],
        Flaw::Accepts(|seen| seen.alg() == "HS256" && seen.kid() == seen.known_kid),
    ),
    (&["empty-secret"], Flaw::Accepts(|seen| seen.alg() == "HS256" && seen.kid() == "conform")),
    (
        &["unknown-key"],
        Flaw::Accepts(|seen| {
            seen.alg() == "EdDSA" && seen.header["kid"].is_null() && seen.header["jwk"].is_null()
        }),
    ),
    (&["kid-injection"], Flaw::Accepts(|seen| seen.kid().ends_with("/dev/null"))),
    (
        &["other-issuers-key"],
        Flaw::Accepts(|seen| {
            seen.payload["iss"].as_str().is_some_and(|iss| iss.ends_with("/local_attacker"))
        }),
    ),
    (&["embedded-key"], Flaw::Accepts(|seen| seen.header["jwk"].is_object())),
    (&["key-url"], Flaw::Accepts(|seen| seen.header["x5u"].is_string())),
    (&["unknown-crit"], Flaw::Accepts(|seen| seen.header["crit"].is_array())),
    // The reader of this API keeps the last member.
    (
        &["first-duplicate"],
        Flaw::Accepts(|seen| seen.has_twice("exp") && seen.payload["exp"] == 1_000_000_000),
    ),
    (
        &["last-duplicate"],
        Flaw::Accepts(|seen| seen.has_twice("exp") && seen.payload["exp"] != 1_000_000_000),
    ),
    (
        &["expired"],
        Flaw::Accepts(|seen| {
            !seen.has_twice("exp") && seen.payload["exp"].as_u64().is_some_and(|exp| exp < now())
        }),
    ),
    (&["no-expiry"], Flaw::Accepts(|seen| seen.payload.is_object() && seen.payload["exp"].is_null())),
    (&["unreadable-expiry"], Flaw::Accepts(|seen| seen.payload["exp"].is_string())),
    (&["not-before"], Flaw::Accepts(|seen| seen.payload["nbf"].as_u64().is_some_and(|nbf| nbf > now()))),
    (
        &["wrong-issuer"],
        Flaw::Accepts(|seen| seen.claims("iss", "https://other.example") && !seen.has_twice("iss")),
    ),
    (&["no-issuer"], Flaw::Accepts(|seen| seen.payload.is_object() && seen.payload["iss"].is_null())),
    (&["wrong-audience"], Flaw::Accepts(|seen| seen.claims("aud", "https://other.example"))),
    (&["wrong-client"], Flaw::Accepts(|seen| seen.claims("client_id", "conform-other"))),
    (&["id-token"], Flaw::Accepts(|seen| seen.payload["nonce"].is_string())),
    (&["other-type"], Flaw::Accepts(|seen| seen.header["typ"] == "logout+jwt")),
    (&["generic-type"], Flaw::Accepts(|seen| seen.header["typ"] == "JWT" && seen.payload["nonce"].is_null())),
    (&["dpop-bound"], Flaw::Accepts(|seen| seen.payload["cnf"]["jkt"].is_string())),
    (&["certificate-bound"], Flaw::Accepts(|seen| seen.payload["cnf"]["x5t#S256"].is_string())),
    (&["wrong-scope"], Flaw::Accepts(|seen| seen.claims("scope", "conform/other"))),
    (&["similar-scope"], Flaw::Accepts(|seen| seen.claims("scope", "orders/readx"))),
];
