//! The responses of the authorizer to API Gateway.

use scopegate_issuer::{Algorithm, Fault, LocalIssuer, SigningKey};
use serde_json::json;

use crate::api::{READ, WRITE};
use crate::events::{bearer, http_question, policy, rest_question, token_question};
use crate::function::Function;
use crate::runtime_api::RuntimeApi;

#[tokio::test]
async fn http_api_gets_simple_responses() {
    // FR-C10
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    let function = Function::start("authorizer", &lambda, &local);
    let mint = || local.mint().scope(READ).claim("sub", "user-1");
    let (valid, expired) = (mint().sign(), mint().expired().sign());
    let (writer, forged) = (mint().scope(WRITE).sign(), mint().signed_by_unknown_key().sign());
    let foreign = mint().sign_with(&SigningKey::generate(Algorithm::RS256));

    let accepted =
        json!({ "reason": "accepted", "clientId": "local-reader", "subject": "user-1", "scope": READ });
    let response = lambda.invoke(http_question(Some(&bearer(&valid)))).await.unwrap();
    assert_eq!(response, json!({ "isAuthorized": true, "context": accepted }));

    let response = lambda.invoke(http_question(Some(&bearer(&writer)))).await.unwrap();
    let lacking = json!({
        "reason": "insufficient_scope", "clientId": "local-reader", "subject": "user-1", "scope": WRITE
    });
    assert_eq!(response, json!({ "isAuthorized": false, "context": lacking }));

    // API Gateway joins two headers into one.
    let two = format!("{},{}", bearer(&valid), bearer(&valid));
    let rejected = [
        (None, "no_credentials"),
        (Some("Basic dTpw".to_owned()), "unsupported_scheme"),
        (Some("Bearer opaque".to_owned()), "malformed"),
        (Some(two), "not_one_token"),
        (Some(bearer(&expired)), "expired"),
        (Some(bearer(&forged)), "bad_signature"),
        (Some(bearer(&foreign)), "unknown_key"),
    ];
    for (authorization, reason) in &rejected {
        let response = lambda.invoke(http_question(authorization.as_deref())).await.unwrap();
        assert_eq!(response, json!({ "isAuthorized": false, "context": { "reason": reason } }));
    }

    let log = function.stop();
    let reasons: Vec<&str> = rejected.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(log.reasons(), [&["insufficient_scope"], &reasons[..]].concat());
    assert!(log.fields("method").iter().all(|method| method == "GET"));
    assert!(log.fields("route").iter().all(|route| route == "/orders"));
    assert!([valid, expired, writer, forged, foreign].iter().all(|token| !log.shows(token)));
}

#[tokio::test]
async fn rest_api_gets_policies_and_the_error_unauthorized() {
    // FR-C10
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    let function = Function::start("authorizer", &lambda, &local);
    let valid = bearer(&local.mint().scope(READ).sign());
    let writer = bearer(&local.mint().scope(WRITE).sign());
    let expired = bearer(&local.mint().scope(READ).expired().sign());

    for (question, effect) in [
        (rest_question(&[&valid]), "Allow"),
        (token_question(&valid), "Allow"),
        (rest_question(&[&writer]), "Deny"),
        (token_question(&writer), "Deny"),
    ] {
        let response = lambda.invoke(question).await.unwrap();
        assert_eq!(response["principalId"], "local-reader");
        assert_eq!(response["policyDocument"], policy(effect));
        let reason = if effect == "Allow" { "accepted" } else { "insufficient_scope" };
        assert_eq!(
            (&response["context"]["reason"], &response["context"]["clientId"]),
            (&reason.into(), &"local-reader".into())
        );
        assert!(response["context"].as_object().unwrap().values().all(serde_json::Value::is_string));
    }
    for question in [
        rest_question(&[]),
        rest_question(&[&expired]),
        token_question(&expired),
        // In `headers`, API Gateway sends only the last one.
        rest_question(&[&expired, &valid]),
        token_question("Bearer"),
    ] {
        let error = lambda.invoke(question).await.unwrap_err();
        assert_eq!(error["errorMessage"], "Unauthorized");
    }
    let reasons = [
        "insufficient_scope",
        "insufficient_scope",
        "no_credentials",
        "expired",
        "expired",
        "several_headers",
    ];
    assert_eq!(function.stop().reasons(), [&reasons[..], &["not_one_token"]].concat());
}

#[tokio::test]
async fn missing_keys_are_error_instead_of_denial() {
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    local.set_fault(Fault::Status(500));
    let _function = Function::start("authorizer", &lambda, &local);
    let valid = bearer(&local.mint().scope(READ).sign());
    for question in [http_question(Some(&valid)), rest_question(&[&valid])] {
        let error = lambda.invoke(question).await.unwrap_err();
        assert_eq!(error["errorType"], "KeysUnavailable");
        assert_ne!(error["errorMessage"], "Unauthorized");
    }
}

#[tokio::test]
async fn other_events_are_errors_without_their_text() {
    let (lambda, local) = (RuntimeApi::start().await, LocalIssuer::start().await.unwrap());
    let function = Function::start("authorizer", &lambda, &local);
    let valid = local.mint().scope(READ).sign();
    let mut without_arn = token_question(&bearer(&valid));
    without_arn.as_object_mut().unwrap().remove("methodArn");
    let mut without_type = http_question(Some(&bearer(&valid)));
    without_type.as_object_mut().unwrap().remove("type");
    let odd = json!({ "type": "TOKEN", "methodArn": { "odd": bearer(&valid) }, "authorizationToken": bearer(&valid) });
    for event in [without_arn, without_type, odd, json!({}), json!(bearer(&valid))] {
        let error = lambda.invoke(event).await.unwrap_err();
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains("expected ") && !message.contains(&valid), "{message}");
    }
    assert!(!function.stop().shows(&valid));
}
