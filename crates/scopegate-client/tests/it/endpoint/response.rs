//! The responses of a token endpoint, and their outcomes.

use std::error::Error as _;
use std::time::Duration;

use scopegate_client::{AccessToken, ClientAuthentication, ClientCredentials, Error};
use scopegate_issuer::{Fault, LocalIssuer};

use crate::recorder::{Recorder, Reply, reply, token};

/// Returns the token or error of a client that waits at most one second.
async fn outcome(answer: Reply) -> Result<String, Error> {
    let server = Recorder::start(answer).await;
    let client = ClientAuthentication::client_secret_basic("report", "s3cret");
    let credentials = ClientCredentials::builder(client).token_endpoint(server.endpoint()).scopes(["a", "b"]);
    let credentials = credentials.acquire_timeout(Duration::from_secs(1)).build().unwrap();
    Ok(credentials.token().await?.secret().to_owned())
}

fn reason(error: &Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn token_response_needs_token_and_bearer_type() {
    // E08, E09, E10
    for (body, expected) in [
        (r#"{"access_token":"t","token_type":"Bearer","x":1}"#, None),
        (r#"{"access_token":"t","token_type":"bEARER"}"#, None),
        (r#"{"token_type":"Bearer"}"#, Some("`access_token` is missing, empty or not a string")),
        (
            r#"{"access_token":1,"token_type":"Bearer"}"#,
            Some("`access_token` is missing, empty or not a string"),
        ),
        (r#"{"access_token":"t"}"#, Some("`token_type` is missing or not a string")),
        (r#"{"access_token":"t","token_type":"mac"}"#, Some("`token_type` is \"mac\": expected Bearer")),
        (r#"{"access_token":"t t","token_type":"Bearer"}"#, Some("a bearer token must not have")),
        ("<!doctype html>", Some("not one JSON object")),
        ("", Some("not one JSON object")),
    ] {
        match (outcome(reply(200, body)).await, expected) {
            (Ok(token), None) => assert_eq!(token, "t"),
            (Err(error @ Error::InvalidResponse { .. }), Some(expected)) => {
                assert!(reason(&error).contains(expected), "{body}: {}", reason(&error));
            }
            (other, _) => panic!("{body}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn error_response_is_reported_with_code_and_status() {
    // E14
    for (status, code) in [
        (400, "invalid_request"),
        (401, "invalid_client"),
        (400, "invalid_grant"),
        (400, "unauthorized_client"),
        (400, "unsupported_grant_type"),
        (400, "invalid_scope"),
    ] {
        let body = format!(r#"{{"error":"{code}","error_description":"no\nway","error_uri":"x"}}"#);
        let error = outcome(reply(status, body)).await.unwrap_err();
        let Error::Rejected { status: found, code: Some(named), description: Some(text), .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((*found, named.as_str(), text.as_str()), (status, code, "no way"));
        assert!(error.to_string().ends_with(&format!("status {status}, error \"{code}\", \"no way\"")));
    }
}

#[tokio::test]
async fn error_response_without_body_is_rejected() {
    // E14
    for status in [400, 401, 403] {
        for body in ["", "<html>", r#"{"error":7}"#] {
            let error = outcome(reply(status, body)).await.unwrap_err();
            assert!(
                matches!(error, Error::Rejected { code: None, description: None, .. }),
                "{status} {body}"
            );
        }
    }
}

#[tokio::test]
async fn page_is_invalid_and_server_error_is_outage() {
    // E14
    let large = vec![b' '; 10 * 1024 * 1024];
    let error = outcome(reply(200, large.clone())).await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }) && reason(&error).contains("at most 65536 bytes"));
    let error = outcome(reply(404, "<html>")).await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }) && reason(&error).contains("found 404"));
    for (status, body) in [(502, b"<html>Bad Gateway</html>".to_vec()), (503, large), (500, Vec::new())] {
        let error = outcome(reply(status, body).with("retry-after", "20")).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(reason(&error).contains(&format!("found {status}")), "{}", reason(&error));
    }
}

#[tokio::test]
async fn local_issuer_faults_are_never_tokens() {
    // E14
    let local = LocalIssuer::start().await.unwrap();
    for (fault, outage) in [
        (Fault::Html, false),
        (Fault::EmptySet, false),
        (Fault::Oversized(100_000), false),
        (Fault::Redirect(local.token_endpoint()), false),
        (Fault::Truncated, true),
        (Fault::Reset, true),
        (Fault::RetryAfter { status: 429, seconds: 60 }, true),
    ] {
        local.set_token_fault(fault.clone());
        let client = ClientAuthentication::client_secret_basic("local-reader", "local-reader-secret");
        let credentials = ClientCredentials::builder(client).token_endpoint(local.token_endpoint());
        let credentials = credentials.acquire_timeout(Duration::from_secs(1)).build().unwrap();
        let error = credentials.token().await.unwrap_err();
        assert_eq!(matches!(error, Error::Unavailable { .. }), outage, "{fault:?}: {error:?}");
        assert_eq!(matches!(error, Error::InvalidResponse { .. }), !outage, "{fault:?}: {error:?}");
    }
}

#[tokio::test]
async fn expires_in_is_bounded() {
    // E11
    let seconds = async |member: &str| {
        let server = Recorder::start(token("t", member)).await;
        let client = ClientAuthentication::client_secret_basic("report", "s3cret");
        let credentials =
            ClientCredentials::builder(client).token_endpoint(server.endpoint()).build().unwrap();
        let token = credentials.token().await.ok()?;
        Some(token.expires_in().as_secs_f64().ceil())
    };
    assert_eq!(seconds("").await, Some(290.0), "5 minutes, less the last moments");
    assert_eq!(seconds(r#","expires_in":3600"#).await, Some(3_590.0));
    assert_eq!(seconds(r#","expires_in":"3600""#).await, Some(3_590.0));
    assert_eq!(seconds(r#","expires_in":1e18"#).await, Some(86_390.0));
    assert_eq!(seconds(r#","expires_in":50"#).await, Some(45.0));
    for member in [r#","expires_in":0"#, r#","expires_in":-1"#, r#","expires_in":"soon""#] {
        assert_eq!(seconds(member).await, Some(290.0), "{member}: as without it (FR-D3)");
    }
}

/// Requests the scopes `a` and `b`. The response has these further members.
async fn token_for_a_and_b(further: &str) -> AccessToken {
    let server = Recorder::start(token("t", further)).await;
    let client = ClientAuthentication::client_secret_basic("report", "s3cret");
    let credentials = ClientCredentials::builder(client).token_endpoint(server.endpoint()).scopes(["a", "b"]);
    credentials.build().unwrap().token().await.unwrap()
}

#[tokio::test]
async fn missing_scopes_are_reported() {
    // E12
    for (member, granted, missing) in [
        ("", "a b", ""),
        (r#","scope":"b a""#, "a b", ""),
        (r#","scope":"a""#, "a", "b"),
        (r#","scope":"a b c""#, "a b c", ""),
        (r#","scope":"""#, "", "a b"),
    ] {
        let token = token_for_a_and_b(member).await;
        assert_eq!(token.scopes().to_string(), granted, "{member}");
        assert_eq!(token.missing_scopes().to_string(), missing, "{member}");
    }
}

#[tokio::test]
async fn unreadable_optional_member_keeps_the_token() {
    // FR-D3
    for (member, granted, missing, unknown) in [
        (r#","scope":["a"]"#, "a", "b", false),
        (r#","scope":["b","a"]"#, "a b", "", false),
        (r#","scope":"a \u00e9""#, "a", "b", false),
        (r#","scope":{"a":true}"#, "a b", "", true),
        (r#","scope":7,"expires_in":"soon","refresh_token":[1]"#, "a b", "", true),
    ] {
        let token = token_for_a_and_b(member).await;
        assert_eq!(token.scopes().to_string(), granted, "{member}");
        assert_eq!(token.missing_scopes().to_string(), missing, "{member}");
        assert_eq!(token.has_unknown_scopes(), unknown, "{member}");
    }
}

#[tokio::test]
async fn server_description_is_shown_for_every_status() {
    // FR-D4
    for status in [200, 400, 401, 403] {
        for (body, code, description) in [
            (
                r#"{"error":"invalid_client","error_description":"unknown app"}"#,
                "invalid_client",
                "unknown app",
            ),
            (r#"{"errorCode":"E0000011","errorSummary":"unknown app"}"#, "E0000011", "unknown app"),
        ] {
            let error = outcome(reply(status, body)).await.unwrap_err();
            let Error::Rejected { status: found, code: Some(named), description: Some(text), .. } = &error
            else {
                panic!("{status} {body}: {error:?}");
            };
            assert_eq!((*found, named.as_str(), text.as_str()), (status, code, description));
        }
    }
    for status in [404, 429, 500, 503] {
        let error =
            outcome(reply(status, r#"{"error":"slow","error_description":"not now"}"#)).await.unwrap_err();
        let expected = format!(r#"expected status 200, found {status}, error "slow", "not now""#);
        assert_eq!(reason(&error), expected);
        let error = outcome(reply(status, "no healthy upstream")).await.unwrap_err();
        assert_eq!(reason(&error), format!(r#"expected status 200, found {status}, "no healthy upstream""#));
    }
    let error = outcome(reply(200, "t0ken-text")).await.unwrap_err();
    assert!(reason(&error).ends_with("not one JSON object"), "it may be a token");
    // A response with a token, or of another kind, stays invalid. Its description is in the reason.
    let error = outcome(reply(200, r#"{"message":"moved"}"#)).await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }));
    assert_eq!(reason(&error), r#"`token_type` is missing or not a string, "moved""#);
    let with_token =
        r#"{"access_token":"t0ken-text","token_type":"mac","error":"e","error_description":"t0ken-text"}"#;
    let error = outcome(reply(200, with_token)).await.unwrap_err();
    assert_eq!(reason(&error), r#"`token_type` is "mac": expected Bearer, error "e""#);
    // A token with further members is a token.
    assert!(outcome(token("t", r#","error":null,"message":"ok""#)).await.is_ok());
}

#[tokio::test]
async fn bearer_token_type_is_accepted_by_name() {
    // FR-B9
    for (kind, accepted) in [("BearerToken", true), ("Token", false)] {
        let body = format!(r#"{{"access_token":"t","token_type":"{kind}"}}"#);
        assert_eq!(outcome(reply(200, body)).await.is_ok(), accepted, "{kind}");
    }
}
