//! The error and the HTTP response for each outcome.

use http::{HeaderMap, HeaderValue, Method, Response, Uri};
use scopegate::http::Authorizer;
use scopegate::{Error, ErrorKind, Verifier};
use serde_json::json;

use super::endpoint::Endpoint;

async fn respond(verifier: &Verifier, token: &str) -> Response<bytes::Bytes> {
    let authorizer = Authorizer::require_scope(verifier, "orders/read").unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::try_from(format!("Bearer {token}")).unwrap());
    match authorizer.authorize_or_refresh(&Method::GET, &Uri::from_static("/orders"), &headers).await {
        Ok(accepted) => Response::new(accepted.claims().unwrap().subject().unwrap().to_owned().into()),
        Err(rejection) => authorizer.response(&rejection).into_response(),
    }
}

#[tokio::test]
async fn each_outcome_has_its_status() {
    // IN03, IN05, IN06, IN09, IN19
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({ "scope": "orders/read" }));
    endpoint.activate("scopeless", &json!({}));
    endpoint.activate("foreign", &json!({ "aud": "https://other.example" }));
    endpoint.activate("malformed", &json!({ "active": "true" }));
    let verifier = Verifier::builder().trust(endpoint.issuer()).start().await.unwrap();
    for (token, status, header, value) in [
        ("opaque", 200, "", ""),
        ("unknown", 401, "www-authenticate", "invalid_token"),
        ("foreign", 401, "www-authenticate", "invalid_token"),
        ("scopeless", 403, "www-authenticate", "insufficient_scope"),
        ("two words", 400, "www-authenticate", "invalid_request"),
        ("malformed", 503, "retry-after", "1"),
    ] {
        let response = respond(&verifier, token).await;
        assert_eq!(response.status(), status, "{token}");
        if !header.is_empty() {
            let found = response.headers()[header].to_str().unwrap();
            assert!(found.contains(value), "{token}: {found}");
        }
    }
    assert_eq!(endpoint.calls(), 5, "none for a malformed header");
    for (status, expected) in [(401, 500), (403, 503), (500, 503), (429, 503)] {
        endpoint.responds_with(status);
        let response = respond(&verifier, &format!("unseen-{status}")).await;
        assert_eq!(response.status(), expected, "{status}");
        let is_our_fault = !response.headers().contains_key("www-authenticate");
        assert!(is_our_fault && response.headers()["cache-control"] == "no-store");
        assert_eq!(response.headers().contains_key("retry-after"), expected == 503);
    }
}

#[tokio::test]
async fn errors_name_the_issuer_and_no_token() {
    // IN22
    let endpoint = Endpoint::start().await;
    endpoint.activate("malformed-token", &json!({ "exp": "never" }));
    let verifier = Verifier::builder().trust(endpoint.issuer()).start().await.unwrap();
    let inactive = verifier.verify_or_refresh("unknown-token").await.unwrap_err();
    assert_eq!(inactive.kind(), ErrorKind::Inactive);
    let unavailable = verifier.verify_or_refresh("malformed-token").await.unwrap_err();
    assert!(
        matches!(&unavailable, Error::IntrospectionUnavailable { retry_after, .. } if retry_after.as_secs() == 1)
    );
    endpoint.responds_with(401);
    let misconfigured = verifier.verify_or_refresh("third-token").await.unwrap_err();
    assert_eq!(misconfigured.kind(), ErrorKind::IntrospectionMisconfigured);
    for error in [inactive, unavailable, misconfigured] {
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("https://opaque.example") && !shown.contains("-token"), "{shown}");
    }
}

#[tokio::test]
async fn token_of_other_characters_causes_no_call() {
    // IN19
    let endpoint = Endpoint::start().await;
    let verifier = Verifier::builder().trust(endpoint.issuer()).start().await.unwrap();
    for token in ["", "a b", "a,b", "é", "\"a\"", "a=b"] {
        let error = verifier.verify_or_refresh(token).await.unwrap_err();
        assert!(matches!(error, Error::NotOneToken), "{token}: {error}");
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
    let long = verifier.verify_or_refresh("x".repeat(16 * 1024 + 1)).await.unwrap_err();
    assert!(matches!(long, Error::TooLong { .. }));
    assert_eq!(endpoint.calls(), 0);
    assert!(matches!(verifier.verify_or_refresh("x".repeat(16 * 1024)).await, Err(Error::Inactive { .. })));
}

#[tokio::test]
async fn verify_does_not_wait_and_begins_a_call() {
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({}));
    let verifier = Verifier::builder().trust(endpoint.issuer()).start().await.unwrap();
    let error = verifier.verify("opaque").unwrap_err();
    assert!(matches!(error, Error::IntrospectionUnavailable { .. }), "{error}");
    assert!(verifier.verify_or_refresh("opaque").await.is_ok());
    assert!(verifier.verify("opaque").is_ok());
    endpoint.revoke("opaque");
    assert!(verifier.verify("opaque").is_ok(), "for ten seconds");
    assert_eq!(endpoint.calls(), 1);
}
