//! The API as a function.

use scopegate_issuer::{Algorithm, LocalIssuer, SigningKey};
use serde_json::Value;

use crate::events::{bearer, request};
use crate::function::Function;
use crate::runtime_api::RuntimeApi;

pub(crate) use lambda::api::{READ, WRITE};

#[tokio::test]
async fn function_responds_as_the_router_does() {
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    let function = Function::start("api", &lambda, &local);
    let reader = local.mint().scope(READ).sign();
    let writer = local.mint().scope(WRITE).sign();
    let expired = local.mint().scope(READ).expired().sign();
    let forged = local.mint().scope(READ).signed_by_unknown_key().sign();
    let foreign = local.mint().scope(READ).sign_with(&SigningKey::generate(Algorithm::RS256));
    let two = format!("Bearer {reader},Bearer {reader}");
    let invalid = format!(r#"Bearer realm="api", scope="{READ}", error="invalid_token""#);
    for (method, path, authorization, status, expected) in [
        ("GET", "/orders", Some(bearer(&reader)), 200, "orders of local-reader"),
        ("POST", "/orders", Some(bearer(&writer)), 200, "created"),
        ("GET", "/health", None, 200, "ok"),
        ("GET", "/orders", None, 401, &format!(r#"Bearer realm="api", scope="{READ}""#)),
        (
            "GET",
            "/orders",
            Some("Basic dTpw".to_owned()),
            401,
            &format!(r#"Bearer realm="api", scope="{READ}""#),
        ),
        ("GET", "/orders", Some(bearer(&expired)), 401, &invalid),
        ("GET", "/orders", Some(bearer(&forged)), 401, &invalid),
        ("GET", "/orders", Some(bearer(&foreign)), 401, &invalid),
        ("GET", "/orders", Some(two), 400, r#"error="invalid_request""#),
        ("POST", "/orders", Some(bearer(&reader)), 403, r#"error="insufficient_scope""#),
        ("GET", "/nowhere", Some(bearer(&reader)), 404, ""),
    ] {
        let response = lambda.invoke(request(method, path, authorization.as_deref())).await.unwrap();
        let case = format!("{method} {path} {status}: {response}");
        assert_eq!(response["statusCode"], status, "{case}");
        let found = if status == 200 || status == 404 { &response["body"] } else { challenge(&response) };
        assert!(found.as_str().unwrap_or_default().contains(expected), "{case}");
    }
    let log = function.stop();
    let unauthenticated = ["no_credentials", "unsupported_scheme", "expired", "bad_signature", "unknown_key"];
    let others = ["not_one_token", "insufficient_scope"];
    assert_eq!(log.reasons(), [&unauthenticated[..], &others].concat());
    assert!([reader, writer, expired, forged, foreign].iter().all(|token| !log.shows(token)));
}

pub(crate) fn challenge(response: &Value) -> &Value {
    match &response["headers"]["www-authenticate"] {
        Value::Null => &response["multiValueHeaders"]["www-authenticate"][0],
        single => single,
    }
}
