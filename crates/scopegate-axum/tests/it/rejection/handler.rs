//! The response to a handler's rejection is byte-equal to its layer's. Each test has a twin that the
//! layer rejects.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use axum::middleware::map_response;
use axum::response::IntoResponse as _;
use axum::routing::get as on_get;
use scopegate_axum::{
    Claims, Error, OptionalToken, ProtectedResource, Rejection, RejectionReason, RequireScope, RequireToken,
    Verifier, all_of,
};
use testkit::Log;
use tracing::level_filters::LevelFilter;

use crate::fixture::{body_text, get, mint, send, sign, token, verifier, with_token};

type Handled = Result<&'static str, Rejection>;

async fn approve(claims: Claims) -> Handled {
    claims.require("orders/approve")?;
    Ok("approved")
}

/// Calls a function that depends on `scopegate` only.
async fn approve_elsewhere(claims: Claims) -> Handled {
    fn check(claims: &scopegate::Claims) -> Result<(), Error> {
        claims.require("orders/approve")
    }
    check(&claims)?;
    Ok("approved")
}

async fn ok() -> &'static str {
    "approved"
}

async fn parts(response: Response<Body>) -> (u16, HeaderMap, String) {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, body_text(response).await)
}

/// Sends the request to both routes, and returns the response if it is the same.
async fn same(router: &Router, paths: [&str; 2], token: &str) -> (u16, HeaderMap, String) {
    let [layer, handler] = paths;
    let by_layer = parts(send(router, with_token(get(layer), token)).await).await;
    let by_handler = parts(send(router, with_token(get(handler), token)).await).await;
    assert_eq!(by_layer, by_handler, "{layer} and {handler}");
    by_layer
}

#[tokio::test]
async fn handler_403_is_byte_equal_to_layer_403() {
    // D12, D13
    let verifier = verifier();
    let api = ProtectedResource::new("https://api.example/orders", &verifier).unwrap().with_realm("Orders");
    let router = Router::new()
        .route("/layer", on_get(ok).layer(api.require_scope("orders/approve")))
        .route("/handler", on_get(approve).layer(api.require_token()))
        .route("/elsewhere", on_get(approve_elsewhere).layer(api.require_token()))
        .route("/optional", on_get(approve).layer(api.optional_token()))
        .route("/both", on_get(ok).layer(api.require_scope(all_of(["orders/read", "orders/approve"]))))
        .route("/read", on_get(approve).layer(api.require_scope("orders/read")))
        .route("/same", on_get(approve).layer(api.require_scope("orders/approve")));
    for handler in ["/handler", "/elsewhere", "/optional", "/same"] {
        let (status, headers, body) = same(&router, ["/layer", handler], &token("orders/read")).await;
        assert_eq!(status, 403);
        let challenge = headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert_eq!(
            challenge,
            "Bearer realm=\"Orders\", \
             resource_metadata=\"https://api.example/.well-known/oauth-protected-resource/orders\", \
             scope=\"orders/approve\", error=\"insufficient_scope\", \
             error_description=\"the access token lacks a scope that is needed\""
        );
        assert!(body.contains("lacks a scope"), "{body}");
        assert_eq!(same(&router, ["/layer", handler], &token("orders/approve")).await.0, 200);
    }
    // A client that requests a new token needs the scopes of both.
    let (status, headers, _) = same(&router, ["/both", "/read"], &token("orders/read")).await;
    let challenge = headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(status == 403 && challenge.contains(r#"scope="orders/read orders/approve""#), "{challenge}");
}

#[tokio::test]
async fn handler_401_is_byte_equal_to_layer_401() {
    // D11
    let verifier = verifier();
    let expired = sign(&mint().expired());
    let (other, token_of_other) = (verifier.clone(), expired.clone());
    // A handler that uses a verifier itself, for example for a second token.
    let second = async move |_: Claims| -> Handled {
        other.verify(&token_of_other)?;
        Ok("ok")
    };
    let read = || RequireScope::new(&verifier, "read").with_realm("Orders");
    let router = Router::new()
        .route("/layer", on_get(ok).layer(read()))
        .route("/handler", on_get(second).layer(read()));
    let by_layer = send(&router, with_token(get("/layer"), &expired)).await;
    let by_handler = send(&router, with_token(get("/handler"), &token("read"))).await;
    assert_eq!(by_handler.status(), 401);
    assert_eq!(parts(by_layer).await, parts(by_handler).await);
}

#[tokio::test]
async fn handler_rejection_logs_the_line_of_the_layer() {
    // A19, FR-C3
    let log = Log::of_thread_without_times(LevelFilter::INFO);
    let verifier = verifier();
    let router = Router::new()
        .route("/layer", on_get(ok).layer(RequireScope::new(&verifier, "orders/approve")))
        .route("/handler", on_get(approve).layer(RequireToken::new(&verifier)))
        // The rejection passes an outer layer too, which must not log it again.
        .layer(RequireToken::new(&verifier));
    let mut lines = Vec::new();
    let token = token("orders/read");
    for path in ["/layer", "/handler"] {
        assert_eq!(send(&router, with_token(get(path), &token)).await.status(), 403);
        let (line, place) = (log.take(), format!("method=GET route={path:?} "));
        assert!(line.contains(&place), "{line}");
        lines.push(line.replace(&place, ""));
    }
    assert!(lines[0].contains("INFO") && lines[0].contains("request rejected"), "{lines:?}");
    assert!(lines[0].contains("error=expected the scopes"), "{lines:?}");
    assert_eq!(lines[0].matches('\n').count(), 1, "{lines:?}");
    assert_eq!(lines[0], lines[1]);
}

#[tokio::test]
async fn handler_rejection_has_claims_and_source() {
    let verifier = verifier();
    let router = Router::new()
        .route("/layer", on_get(ok).layer(RequireScope::new(&verifier, "orders/approve")))
        .route("/handler", on_get(approve).layer(RequireToken::new(&verifier)))
        .route("/elsewhere", on_get(approve_elsewhere).layer(RequireToken::new(&verifier)));
    for (path, has_claims) in [("/layer", true), ("/handler", true), ("/elsewhere", true)] {
        let response = send(&router, with_token(get(path), &token("orders/read"))).await;
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!((rejection.status().as_u16(), response.status().as_u16()), (403, 403), "{path}");
        let client = rejection.claims().and_then(|claims| claims.client_id());
        assert_eq!(client, has_claims.then_some(testkit::CLIENT), "{path}");
        let source = std::error::Error::source(rejection).unwrap().downcast_ref::<Error>();
        assert!(matches!(source, Some(Error::InsufficientScope { .. })), "{path}");
        assert!(
            matches!(rejection.reason(), RejectionReason::Token(Error::InsufficientScope { .. })),
            "{path}"
        );
        assert!(body_text(response).await.contains("lacks a scope"));
    }
    // A 401 has no claims, because the token may be invalid.
    let expired = send(&router, with_token(get("/layer"), &sign(&mint().expired()))).await;
    let rejection = expired.extensions().get::<Rejection>().unwrap();
    assert!(rejection.claims().is_none() && rejection.status() == 401);
}

#[tokio::test]
async fn nested_layers_word_a_handler_rejection_once() {
    // D14
    let verifier = verifier();
    let router = Router::new()
        .route("/", on_get(approve).layer(RequireToken::new(&verifier).with_realm("inner")))
        .layer(RequireScope::new(&verifier, "orders/read").with_realm("outer"));
    let (status, headers, _) = parts(send(&router, with_token(get("/"), &token("orders/read"))).await).await;
    let challenge = headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert_eq!(status, 403);
    assert!(challenge.starts_with(r#"Bearer realm="inner", scope="orders/approve","#), "{challenge}");
}

#[tokio::test]
async fn replaced_handler_rejection_is_left_alone() {
    // Another middleware has replaced the response, except for the extensions.
    async fn hide(response: Response<Body>) -> Response<Body> {
        let (mut parts, _) = response.into_parts();
        parts.status = StatusCode::NOT_FOUND;
        parts.headers.clear();
        Response::from_parts(parts, Body::from("nothing here"))
    }
    let router = Router::new()
        .route("/", on_get(approve))
        .layer(map_response(hide))
        .layer(RequireToken::new(&verifier()));
    let response = parts(send(&router, with_token(get("/"), &token("orders/read"))).await).await;
    assert_eq!((response.0, &*response.2), (404, "nothing here"));
    assert!(!response.1.contains_key(header::WWW_AUTHENTICATE));
}

#[tokio::test]
async fn rejection_without_a_layer_has_default_words() {
    let router = |verifier: &Verifier| {
        let verifier = verifier.clone();
        let handler = async move |request: Request<Body>| -> Handled {
            let value = request.headers()[header::AUTHORIZATION].to_str().unwrap().to_owned();
            let claims = verifier.verify(value.strip_prefix("Bearer ").unwrap())?;
            claims.require("orders/approve")?;
            Ok("approved")
        };
        Router::new().route("/", on_get(handler))
    };
    let response = send(&router(&verifier()), with_token(get("/"), &token("orders/read"))).await;
    let (status, headers, _) = parts(response).await;
    assert_eq!(status, 403);
    let challenge = headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.starts_with(r#"Bearer realm="api", scope="orders/approve","#), "{challenge}");
}

#[tokio::test]
async fn claims_rejection_has_status_and_text() {
    let rejections = async |request: Request<Body>| {
        let rejection = Claims::from_extensions(request.extensions()).unwrap_err();
        let told = (rejection.status(), rejection.body_text().to_owned());
        let response = rejection.into_response();
        assert_eq!(response.status(), told.0);
        assert!(body_text(response).await.contains(&told.1));
        told.0
    };
    let bare = Router::new().route("/", on_get(rejections));
    assert_eq!(send(&bare, get("/")).await.status(), 500);
    let behind = bare.layer(OptionalToken::new(&verifier()));
    assert_eq!(send(&behind, get("/")).await.status(), 401);
}
