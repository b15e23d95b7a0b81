//! Handlers written for the crate jsonwebtoken, behind our layers (FR-C14).

use axum::Extension;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get as on_get;
use jsonwebtoken::TokenData;
use scopegate_axum::{Claims, Rejection, RequireScope};

use crate::fixture::{body_text, get, mint, send, sign, status, token, verifier, with_token};

#[derive(Clone, serde::Deserialize)]
struct Ours {
    client_id: String,
    tenant: Option<String>,
}

async fn handler(Extension(token): Extension<TokenData<Ours>>) -> String {
    format!("{} {:?}", token.claims.client_id, token.claims.tenant)
}

async fn insert_token_data(claims: Claims, mut request: Request, next: Next) -> Result<Response, Rejection> {
    request.extensions_mut().insert(claims.token_data::<Ours>()?);
    Ok(next.run(request).await)
}

fn router() -> Router {
    Router::new()
        .route("/", on_get(handler))
        .route_layer(from_fn(insert_token_data))
        .route_layer(RequireScope::new(&verifier(), "read"))
}

#[tokio::test]
async fn unchanged_handler_gets_token_data() {
    // FR-C14
    let router = router();
    let token = sign(&mint().scope("read").claim("tenant", "t1"));
    let response = send(&router, with_token(get("/"), &token)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(body_text(response).await, format!("{} Some(\"t1\")", testkit::CLIENT));
    assert_eq!(status(&router, with_token(get("/"), &self::token("write"))).await, 403);
    assert_eq!(status(&router, get("/")).await, 401);
}

#[tokio::test]
async fn token_that_does_not_fit_is_forbidden() {
    // FR-C14
    let token = sign(&mint().scope("read").claim("tenant", 7));
    let response = send(&router(), with_token(get("/"), &token)).await;
    assert_eq!(response.status(), 403);
    assert!(body_text(response).await.contains("unexpected_claims"));
}
