//! The helpers for an application's tests.

use axum::Router;
use axum::handler::Handler as _;
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get as on_get;
use scopegate_axum::{Claims, Rejection, RequireScope, RequireToken, test_util};
use serde_json::json;

use crate::fixture::verifier;

async fn ok() {}

#[tokio::test]
async fn forgotten_route_is_found() {
    // FR-C11
    let verifier = verifier();
    let layer = || RequireToken::new(&verifier);
    let unauthorized = async || (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"x\"")]);
    let raised = async || Rejection::from(scopegate::http::Rejection::no_credentials()).into_response();
    let router = Router::new()
        .route("/orders", on_get(ok).post(ok).layer(layer()))
        .route("/orders/{id}/lines/{line}", on_get(ok.layer(layer())).delete(ok))
        .route("/own", on_get(unauthorized))
        .route("/raised", on_get(raised))
        .layer(axum::middleware::map_response(async |response: axum::response::Response| response))
        .route("/later", on_get(ok));
    let protected =
        [(Method::GET, "/orders"), (Method::POST, "/orders"), (Method::GET, "/orders/{id}/lines/{line}")];
    test_util::assert_protected(router.clone(), protected.clone()).await;
    let open = [
        (Method::GET, "/later"),
        (Method::DELETE, "/orders/{id}/lines/{line}"),
        (Method::GET, "/nowhere"),
        (Method::GET, "/own"),
        (Method::GET, "/raised"),
        (Method::GET, "no path"),
    ];
    let found = test_util::unprotected(router, protected.into_iter().chain(open)).await;
    assert_eq!(
        found,
        [
            "GET /later: 200 OK",
            "DELETE /orders/{id}/lines/{line}: 200 OK",
            "GET /nowhere: 404 Not Found",
            "GET /own: 401 Unauthorized",
            "GET /raised: 401 Unauthorized",
            "GET no path: not a path",
        ]
    );
}

#[tokio::test]
#[should_panic(expected = "GET /: 200 OK")]
async fn assertion_names_the_open_route() {
    // FR-C11
    test_util::assert_protected(Router::new().route("/", on_get(ok)), [(Method::GET, "/")]).await;
}

#[tokio::test]
async fn openapi_document_lists_routes_to_protect() {
    // FR-C11
    let verifier = verifier();
    let document = json!({
        "security": [{ "oauth2": ["read"] }],
        "paths": {
            "/orders/{id}": { "get": {}, "put": { "security": [{ "oauth2": ["write"] }] }, "parameters": [] },
            "/health": { "get": { "security": [] } },
            "/either": { "get": { "security": [{ "oauth2": [] }, {}] } },
        },
    });
    let routes = test_util::openapi_routes(&document);
    let shown: Vec<String> = routes.iter().map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(shown, ["GET /orders/{id}", "PUT /orders/{id}"]);
    let orders = on_get(ok).put(ok).layer(RequireScope::new(&verifier, "read"));
    let app = Router::new().route("/orders/{id}", orders).route("/health", on_get(ok));
    test_util::assert_protected(app, routes).await;
    assert_eq!(test_util::openapi_routes(&json!({ "paths": { "/": { "get": {} } } })).len(), 1);
    assert_eq!(test_util::openapi_routes(&json!({})), []);
}

#[tokio::test]
#[should_panic(expected = "no routes: nothing was checked")]
async fn assertion_without_routes_fails() {
    // FR-C11
    let public = json!({ "security": [{}], "paths": { "/orders": { "get": {} } } });
    test_util::assert_protected(Router::new(), test_util::openapi_routes(&public)).await;
}

#[test]
#[should_panic(expected = r#"the path "/orders" is a `$ref`"#)]
fn path_reference_is_reported() {
    // FR-C11
    let item = json!({ "$ref": "#/components/pathItems/orders" });
    test_util::openapi_routes(&json!({ "paths": { "/orders": item } }));
}

#[derive(Debug, serde::Deserialize)]
struct Ours {
    tenant: String,
}

#[tokio::test]
async fn handlers_are_called_with_claims_for_tests() {
    // FR-C2
    #[allow(clippy::unused_async, reason = "a handler")]
    async fn standard(claims: Claims) -> Result<String, Rejection> {
        claims.require("orders/read")?;
        Ok(claims.subject().unwrap_or("?").to_owned())
    }
    #[allow(clippy::unused_async, reason = "a handler")]
    async fn typed(claims: Claims<Ours>) -> String {
        claims.custom.tenant
    }
    let user = |scope: &str| Claims::for_test(json!({ "sub": "user-1", "scope": scope }));
    assert_eq!(standard(user("orders/read")).await.unwrap(), "user-1");
    assert_eq!(standard(user("orders/write")).await.unwrap_err().reason_code(), "insufficient_scope");
    assert_eq!(typed(Claims::typed_for_test(json!({ "tenant": "t1" }))).await, "t1");
}
