//! Rules other than scopes: they are enforced, and clients do not request another token for the
//! response.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::Router;
use axum::http::header;
use axum::http::request::Parts;
use axum::routing::get as on_get;
use scopegate_axum::{
    Claims, Denied, Issuer, OptionalToken, ProtectedResource, Rejection, RequireScope, RequireToken, Verifier,
};
use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials};
use scopegate_issuer::LocalIssuer;

use crate::fixture::{
    body_text, get, header_text, mint, send, sign, status, token, trusted, verifier, with_token,
};

async fn ok() -> &'static str {
    "ok"
}

/// Orders belong to the issuer and the subject that their path names.
fn owner(parts: &Parts) -> (&str, &str) {
    let subject = parts.uri.path().strip_prefix("/orders/").unwrap_or_default();
    (testkit::ISSUER, subject)
}

fn owns(claims: &Claims, parts: &Parts) -> bool {
    claims.identity() == owner(parts)
}

#[tokio::test]
async fn rule_gets_claims_and_request() {
    // FR-C1, FR-C13
    let layer = RequireScope::new(&verifier(), "read").and(owns);
    let router = Router::new().route("/orders/{owner}", on_get(ok).layer(layer));
    let of = |subject: &str| sign(&mint().scope("read").claim("sub", subject));
    assert_eq!(status(&router, with_token(get("/orders/user-1"), &of("user-1"))).await, 200);
    assert_eq!(status(&router, with_token(get("/orders/user-2"), &of("user-1"))).await, 403);
    // A token without a subject owns nothing.
    let nameless = sign(&mint().scope("read").without_claim("sub"));
    assert_eq!(status(&router, with_token(get("/orders/user-1"), &nameless)).await, 403);
    // Scopes are checked first.
    let response = send(&router, with_token(get("/orders/user-2"), &token("write"))).await;
    assert_eq!(response.extensions().get::<Rejection>().unwrap().reason_code(), "insufficient_scope");
}

#[tokio::test]
async fn same_subject_of_other_issuer_owns_nothing() {
    // FR-C13
    let key = scopegate_issuer::SigningKey::generate(scopegate_issuer::Algorithm::ES256);
    let jwks = serde_json::json!({ "keys": [key.jwk()] }).to_string();
    let other = Issuer::from_jwks("https://other.example", &jwks).unwrap().client("c");
    let verifier = Verifier::builder().trust(trusted()).trust(other).build().unwrap();
    let router =
        Router::new().route("/orders/{owner}", on_get(ok).layer(RequireToken::new(&verifier).and(owns)));
    let ours = sign(&mint().claim("sub", "auth0|7"));
    let theirs = scopegate_issuer::Mint::cognito("https://other.example", "c").without_claim("token_use");
    let theirs = theirs.claim("sub", "auth0|7").sign_with(&key);
    assert_eq!(status(&router, with_token(get("/orders/auth0|7"), &ours)).await, 200);
    assert_eq!(status(&router, with_token(get("/orders/auth0|7"), &theirs)).await, 403);
}

#[tokio::test]
async fn denial_has_scheme_realm_and_reason_code_only() {
    // FR-C1: from a rule, a check of the verifier, and a handler, by a code or a `Denied`
    let denied = |_: &Claims, _: &Parts| Err::<(), _>(Denied::new("not_owner"));
    let by_code = async |_: Claims| Err::<&'static str, _>(Rejection::forbidden("not_owner"));
    let by_value = async |_: Claims| -> Result<&'static str, Rejection> { Err(Denied::new("not_owner"))? };
    let checking =
        Verifier::builder().trust(trusted()).check(|_| Err(Denied::new("not_owner"))).build().unwrap();
    let verifier = verifier();
    let api = ProtectedResource::new("https://api.example", &verifier).unwrap().with_realm("Orders");
    let checked = ProtectedResource::new("https://api.example", &checking).unwrap().with_realm("Orders");
    let router = Router::new()
        .route("/rule", on_get(ok).layer(api.require_scope("read").and(denied)))
        .route("/token", on_get(ok).layer(api.require_token().and(denied)))
        .route("/optional", on_get(ok).layer(api.optional_token().and(denied)))
        .route("/check", on_get(ok).layer(checked.require_scope("read")))
        .route("/handler", on_get(by_code).layer(api.require_scope("read")))
        .route("/value", on_get(by_value).layer(api.require_scope("read")));
    for path in ["/rule", "/token", "/optional", "/check", "/handler", "/value"] {
        // A rule also runs for cached tokens.
        let token = token("read");
        for _ in 0..2 {
            let response = send(&router, with_token(get(path), &token)).await;
            assert_eq!(response.status(), 403, "{path}");
            assert_eq!(
                header_text(&response, &header::WWW_AUTHENTICATE),
                Some(r#"Bearer realm="Orders""#),
                "{path}"
            );
            assert_eq!(header_text(&response, &header::CONTENT_TYPE), Some("application/problem+json"));
            assert_eq!(header_text(&response, &header::CACHE_CONTROL), Some("no-store"));
            let rejection = response.extensions().get::<Rejection>().unwrap();
            assert_eq!(
                rejection.claims().and_then(|claims| claims.client_id()),
                Some("1example23456789"),
                "{path}"
            );
            assert_eq!(
                body_text(response).await,
                r#"{"detail":"the request is not allowed","reason":"not_owner","status":403,"title":"Forbidden"}"#
            );
        }
    }
    // Rules do not run for a request without a token.
    assert_eq!(status(&router, get("/optional")).await, 200);
}

#[tokio::test]
async fn every_rule_must_accept() {
    // FR-C1
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let second = move |_: &Claims, parts: &Parts| {
        count.fetch_add(1, Ordering::Relaxed);
        parts.headers.contains_key("x-order")
    };
    let layer =
        RequireToken::new(&verifier()).and(|claims: &Claims, _: &Parts| claims.has_scope("read")).and(second);
    let router = Router::new().route("/", on_get(ok).layer(layer));
    let with_header = |token: &str| {
        let mut request = with_token(get("/"), token);
        request.headers_mut().insert("x-order", "7".parse().unwrap());
        request
    };
    assert_eq!(status(&router, with_header(&token("read"))).await, 200);
    assert_eq!(status(&router, with_token(get("/"), &token("read"))).await, 403);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(status(&router, with_header(&token("write"))).await, 403);
    assert_eq!(asked.load(Ordering::Relaxed), 2, "the first rule has denied");
}

#[tokio::test]
async fn check_runs_for_cached_tokens() {
    // FR-C1
    let suspended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&suspended);
    let check = move |_: &scopegate::Claims| {
        if flag.load(Ordering::Relaxed) { Err(Denied::new("suspended")) } else { Ok(()) }
    };
    let verifier = Verifier::builder().trust(trusted()).check(check).build().unwrap();
    let router = Router::new().route("/", on_get(ok).layer(OptionalToken::new(&verifier)));
    let token = token("read");
    for (is_suspended, expected) in [(false, 200), (true, 403), (false, 200)] {
        suspended.store(is_suspended, Ordering::Relaxed);
        assert_eq!(status(&router, with_token(get("/"), &token)).await, expected);
        assert_eq!(verifier.verify(&token).is_ok(), !is_suspended);
    }
}

#[tokio::test]
async fn token_is_denied_after_waiting_for_key() {
    // FR-C1
    let local = LocalIssuer::start().await.unwrap();
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let check = |claims: &scopegate::Claims| {
        if claims.has_scope("suspended") { Err(Denied::new("suspended")) } else { Ok(()) }
    };
    let verifier = Verifier::builder().trust(issuer).check(check).start().await.unwrap();
    let rule = |claims: &Claims, _: &Parts| claims.has_scope("own");
    let router = Router::new().route("/", on_get(ok).layer(RequireToken::new(&verifier).and(rule)));
    local.rotate();
    let token = |scopes: &str| local.mint().scope(scopes).sign();
    let (own, other, suspended) = (token("own"), token("other"), token("own suspended"));
    let (own, other, suspended) = tokio::join!(
        send(&router, with_token(get("/"), &own)),
        send(&router, with_token(get("/"), &other)),
        send(&router, with_token(get("/"), &suspended)),
    );
    assert_eq!(own.status(), 200);
    for (response, reason) in [(other, "denied"), (suspended, "suspended")] {
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!((rejection.reason_code(), rejection.claims().is_some()), (reason, true));
    }
}

const READ: &str = "https://my-api-server.org/api.read";
const WRITE: &str = "https://my-api-server.org/api.write";

#[tokio::test]
async fn client_neither_renews_nor_steps_up_when_denied() {
    // FR-C1, FR-C6
    #[derive(serde::Deserialize)]
    #[allow(dead_code, reason = "it fits no token")]
    struct Ours {
        tenant: String,
    }
    let typed = async |_: Claims<Ours>| "ok";
    let local = LocalIssuer::start().await.unwrap();
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client("local-writer");
    let verifier = Verifier::builder().trust(issuer).start().await.unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let denied = move |_: &Claims, _: &Parts| {
        count.fetch_add(1, Ordering::Relaxed);
        false
    };
    let read = || RequireScope::new(&verifier, READ);
    let router = Router::new()
        .route("/denied", on_get(ok).layer(read().and(denied)))
        .route("/typed", on_get(typed).layer(read()))
        .route("/more", on_get(ok).layer(RequireScope::new(&verifier, WRITE)));
    let api = testkit::serve(router).await;

    let client = ClientAuthentication::client_secret_basic("local-writer", "local-writer-secret");
    let credentials = ClientCredentials::builder(client).issuer(local.issuer()).scope(READ).build().unwrap();
    let to_api = AddToken::new(&credentials, &api).unwrap().with_step_up_to(WRITE.parse().unwrap());
    let http = reqwest::Client::new();
    for _ in 0..3 {
        for path in ["denied", "typed"] {
            let response = to_api.send(http.get(format!("{api}/{path}"))).await.unwrap();
            assert_eq!(response.status(), 403, "{path}");
        }
    }
    assert_eq!(calls.load(Ordering::Relaxed), 3, "no request is repeated");
    assert_eq!(local.token_requests(), 1, "one token serves all");
    // It does step up if a scope is missing.
    let _ = to_api.send(http.get(format!("{api}/more"))).await.unwrap();
    assert!(local.token_requests() > 1);
}
