//! The claims extractor.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get as on_get;
use scopegate_axum::{Claims, OptionalToken, Rejection, RequireScope, RequireToken};
use testkit::Log;
use tracing::level_filters::LevelFilter;

use crate::fixture::{body_text, get, header_text, mint, send, sign, token, verifier, with_token};

async fn standard(claims: Claims) -> String {
    format!("{} may {}", claims.client_id().unwrap(), claims.scopes())
}

#[derive(Debug, serde::Deserialize)]
struct Ours {
    tenant: String,
}

async fn typed(claims: Claims<Ours>) -> String {
    format!("{} of {}", claims.client_id().unwrap(), claims.custom.tenant)
}

async fn perhaps(claims: Option<Claims>) -> String {
    claims.map_or("anonymous".to_owned(), |claims| claims.client_id().unwrap().to_owned())
}

async fn perhaps_typed(claims: Option<Claims<Ours>>) -> String {
    claims.map_or("anonymous".to_owned(), |claims| claims.custom.tenant)
}

async fn twice(first: Claims, second: Claims<Ours>) -> String {
    format!("{} {}", first.into_verified().issuer(), second.custom.tenant)
}

#[tokio::test]
async fn handler_extracts_claims_of_layer() {
    let layer = RequireScope::new(&verifier(), "read");
    let router = Router::new().route("/", on_get(standard)).layer(layer);
    let response = send(&router, with_token(get("/"), &token("read write"))).await;
    assert_eq!(body_text(response).await, "1example23456789 may read write");
}

#[tokio::test]
async fn custom_claims_are_typed() {
    // C22: a handler has every claim, and the request
    let router = Router::new()
        .route("/", on_get(typed))
        .route("/twice", on_get(twice))
        .layer(RequireToken::new(&verifier()));
    let with_tenant = sign(&mint().claim("tenant", "t1"));
    let response = send(&router, with_token(get("/"), &with_tenant)).await;
    assert_eq!(body_text(response).await, "1example23456789 of t1");
    let response = send(&router, with_token(get("/twice"), &with_tenant)).await;
    assert_eq!(body_text(response).await, "https://issuer.example/pool t1");
}

#[tokio::test]
async fn custom_claims_of_other_shape_are_403() {
    // FR-C6: another token would not fit either
    async fn by_name(claims: Claims) -> Result<String, Rejection> {
        Ok(claims.claim::<String>("tenant")?.unwrap_or_default())
    }
    let log = Log::of_thread(LevelFilter::INFO);
    let router = Router::new()
        .route("/", on_get(typed))
        .route("/name", on_get(by_name))
        .layer(RequireScope::new(&verifier(), "read"));
    let of_tenant = |tenant: serde_json::Value| mint().scope("read").claim("tenant", tenant);
    let valid = sign(&of_tenant("t1".into()));
    for (path, misfit, found) in [
        ("/", mint().scope("read"), "Ours: \"missing field `tenant`"),
        ("/", of_tenant(1.into()), "Ours: claim \"tenant\": \"invalid type: integer,"),
        ("/name", of_tenant(1.into()), "String: claim \"tenant\": \"invalid type: integer,"),
    ] {
        let response = send(&router, with_token(get(path), &sign(&misfit))).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        assert_eq!(header_text(&response, &header::WWW_AUTHENTICATE), Some(r#"Bearer realm="api""#));
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.reason_code(), "unexpected_claims");
        assert_eq!(rejection.claims().and_then(|claims| claims.client_id()), Some("1example23456789"));
        let body: serde_json::Value = serde_json::from_str(&body_text(response).await).unwrap();
        assert_eq!(body["reason"], "unexpected_claims");
        let logged = log.take();
        assert!(logged.contains(" WARN ") && logged.contains(found), "{logged}");
        assert!(logged.contains("do not fit the application's type"), "{logged}");
        // Only the claim differs.
        assert_eq!(send(&router, with_token(get(path), &valid)).await.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn verified_claims_convert_into_handler_claims() {
    // FR-C2
    let verified = verifier().verify(sign(&mint().claim("tenant", "t1"))).unwrap();
    assert_eq!(typed(verified.clone().try_into().unwrap()).await, "1example23456789 of t1");
    assert_eq!(standard(verified.into()).await, "1example23456789 may ");
    let rejection = Claims::<Ours>::try_from(verifier().verify(token("read")).unwrap()).unwrap_err();
    assert_eq!((rejection.reason_code(), rejection.status().as_u16()), ("unexpected_claims", 403));
    assert!(rejection.claims().is_some());
}

#[tokio::test]
async fn optional_claims_are_none_without_token() {
    let router = Router::new()
        .route("/", on_get(perhaps))
        .route("/typed", on_get(perhaps_typed))
        .route("/required", on_get(standard))
        .layer(OptionalToken::new(&verifier()));
    assert_eq!(body_text(send(&router, get("/")).await).await, "anonymous");
    assert_eq!(body_text(send(&router, get("/typed")).await).await, "anonymous");
    assert_eq!(body_text(send(&router, with_token(get("/"), &token(""))).await).await, "1example23456789");
    let with_tenant = sign(&mint().claim("tenant", "t1"));
    assert_eq!(body_text(send(&router, with_token(get("/typed"), &with_tenant)).await).await, "t1");
    let shapeless = send(&router, with_token(get("/typed"), &token(""))).await;
    assert_eq!(shapeless.status(), StatusCode::FORBIDDEN);
    // The handler requires a token, and its layer does not.
    let anonymous = send(&router, get("/required")).await;
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header_text(&anonymous, &header::WWW_AUTHENTICATE), Some(r#"Bearer realm="api""#));
}

#[tokio::test]
async fn claims_are_available_from_extensions() {
    let whoami = async |request: Request<Body>| match Claims::from_extensions(request.extensions()) {
        Ok(claims) => Ok(claims.client_id().unwrap().to_owned().into_response()),
        Err(rejection) => Err(rejection),
    };
    let router = Router::new().route("/", on_get(whoami).layer(OptionalToken::new(&verifier())));
    let response = send(&router, with_token(get("/"), &token(""))).await;
    assert_eq!(body_text(response).await, "1example23456789");
    assert_eq!(send(&router, get("/")).await.status(), StatusCode::UNAUTHORIZED);

    let rejection = Claims::from_extensions(get("/").extensions()).unwrap_err();
    assert!(rejection.to_string().contains("passed no RequireScope, RequireToken or OptionalToken layer"));
    assert_eq!(rejection.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn missing_layer_is_logged_and_500() {
    // D24
    let log = Log::of_thread(LevelFilter::INFO);
    let router = Router::new()
        .route("/", on_get(standard))
        .route("/typed", on_get(typed))
        .route("/perhaps", on_get(perhaps))
        .route("/orders/{id}", on_get(standard));
    for (path, route) in
        [("/", "/"), ("/typed", "/typed"), ("/perhaps", "/perhaps"), ("/orders/secret", "/orders/{id}")]
    {
        let response = send(&router, with_token(get(path), &token("read"))).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(!body_text(response).await.contains("Claims"));
        let logged = log.take();
        assert!(logged.contains("ERROR") && logged.contains("route has no layer error="), "{logged}");
        assert!(logged.contains("Claims"), "{logged}");
        if cfg!(feature = "matched-path") {
            assert!(logged.contains(&format!("the handler of GET {route:?} takes")), "{logged}");
        }
        assert!(!logged.contains("secret"), "{logged}");
        assert!(
            logged.contains("its route has no RequireScope, RequireToken or OptionalToken layer"),
            "{logged}"
        );
    }
}

#[tokio::test]
async fn missing_layer_without_route_logs_no_path() {
    let log = Log::of_thread(LevelFilter::INFO);
    let response = send(&Router::new().fallback(standard), get("/orders/secret")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let logged = log.take();
    assert!(logged.contains("a handler of GET takes") && !logged.contains("secret"), "{logged}");
}
