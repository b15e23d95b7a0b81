//! Requests of callers to a protected API.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::{Response, StatusCode};

use crate::api::{READ, READER, Running, WRITE, WRITER};

#[tokio::test]
async fn only_open_routes_need_no_token() {
    let system = Running::start().await;
    let response = system.http.get(format!("{}/orders", system.url)).send().await.unwrap();
    assert_eq!(
        answer(&response),
        (401.try_into().unwrap(), &*format!(r#"Bearer realm="api", scope="{READ}""#))
    );
    let response = system.http.get(format!("{}/health", system.url)).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn reader_reads_and_writer_writes() {
    let system = Running::start().await;
    let reader = system.token(READER, READ).await;
    let writer = system.token(WRITER, &format!("{READ} {WRITE}")).await;
    assert_eq!(system.get("/orders", &reader).await.status(), 200);
    assert_eq!(system.post("/orders", &writer).await.status(), 200);
    assert_eq!(system.get("/orders", &writer).await.status(), 200);
    assert_eq!(system.get("/whoami", &reader).await.text().await.unwrap(), "local-reader");
    let refused = system.post("/orders", &reader).await;
    let challenge = format!(
        r#"Bearer realm="api", scope="{WRITE}", error="insufficient_scope", error_description="the access token lacks a scope that is needed""#
    );
    assert_eq!(answer(&refused), (403.try_into().unwrap(), challenge.as_str()));
}

#[tokio::test]
async fn token_with_fewer_scopes_cannot_write() {
    let system = Running::start().await;
    let reading = system.token(WRITER, READ).await;
    assert_eq!(system.get("/orders", &reading).await.status(), 200);
    assert_eq!(system.post("/orders", &reading).await.status(), 403);
}

#[tokio::test]
async fn invalid_tokens_are_rejected() {
    let system = Running::start().await;
    assert_eq!(system.get("/whoami", &system.issuer.mint().sign()).await.status(), 200);
    let other_pool = system.issuer.pool("eu-west-1_Local0002").unwrap();
    for bad in [
        system.issuer.mint().tampered().sign(),
        system.issuer.mint().expired().sign(),
        system.issuer.mint().unsigned().sign(),
        system.issuer.mint().signed_by_unknown_key().sign(),
        system.issuer.mint().claim("token_use", "id").sign(),
        system.issuer.mint().client("somebody").sign(),
        system.issuer.mint().sign_with(&system.issuer.default_pool().signing_key().with_kid("unknown")),
        system.issuer.mint().sign_with(&other_pool.signing_key()),
        other_pool.mint().sign(),
        "opaque".to_owned(),
    ] {
        let response = system.get("/whoami", &bad).await;
        assert_eq!(response.status(), 401);
        assert!(answer(&response).1.contains(r#"error="invalid_token""#));
    }
}

#[tokio::test]
async fn rotation_rejects_no_request_of_callers() {
    // Callers send requests continuously while the issuer rotates its key, first with and then without overlap.
    for rotate in [scopegate_issuer::Pool::rotate, scopegate_issuer::Pool::rotate_without_overlap] {
        let system = Arc::new(Running::start().await);
        let rotated = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (system, rotated) = (Arc::clone(&system), Arc::clone(&rotated));
                tokio::spawn(async move {
                    let mut after = 0;
                    while after < 20 {
                        after += usize::from(rotated.load(Ordering::SeqCst));
                        let token = system.issuer.mint().sign();
                        assert_eq!(system.get("/whoami", &token).await.status(), 200);
                    }
                })
            })
            .collect();
        rotate(&system.issuer);
        rotated.store(true, Ordering::SeqCst);
        for caller in callers {
            caller.await.unwrap();
        }
        assert_eq!(system.issuer.jwks_fetches(), 2, "one at the start, one for the new key");
    }
}

/// Returns the status and the challenge.
fn answer(response: &Response) -> (StatusCode, &str) {
    let challenge = response.headers().get("www-authenticate");
    (response.status(), challenge.map_or("", |challenge| challenge.to_str().unwrap()))
}
