use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use scopegate_issuer::{Algorithm as KeyAlgorithm, LocalIssuer, Mint, SigningKey};
use testkit::{ISSUER, jwks};

use super::*;
use crate::claims::accepted_issuers::AcceptedIssuers;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::resource_identifier::ResourceIdentifier;
use crate::revocation::Revocations;
use crate::revocation::revoked::Revocation;
use crate::verifier::Verifier;

fn verifier(key: &SigningKey) -> Verifier {
    let issuer = Issuer::from_jwks(ISSUER, &jwks([key.jwk()])).unwrap().client("client");
    Verifier::builder().trust(issuer).build().unwrap()
}

fn bearer(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, testkit::bearer(token).parse().unwrap())])
}

fn rejection(authorizer: &Authorizer, headers: &HeaderMap) -> Rejection {
    match authorizer.authorize(headers) {
        Authorization::Ready(Err(rejection)) => rejection,
        other => panic!("expected a rejection, found {other:?}"),
    }
}

#[test]
fn token_of_other_issuer_is_rejected_before_its_scopes() {
    // FR-C10
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let verifier = verifier(&key);
    let authorizer = Authorizer::require_scope(&verifier, "orders/read").unwrap();
    let ours = || AcceptedIssuers::issuers([ISSUER]);
    let other = || AcceptedIssuers::issuers(["https://other.example"]);
    let mint = || Mint::cognito(ISSUER, "client").without_claim("token_use");
    let valid = bearer(&mint().scope("orders/read").sign_with(&key));
    let lacking = bearer(&mint().scope("orders/write").sign_with(&key));
    let reason = |authorization| match authorization {
        Authorization::Ready(Ok(_)) => "accepted",
        Authorization::Ready(Err(rejection)) => {
            let status = authorizer.response(&rejection).into_response().status();
            assert_eq!(status, rejection.status());
            rejection.reason_code()
        }
        Authorization::Pending(_) => "pending",
        Authorization::Proven(_) => "proven",
    };
    for (headers, accepted, expected) in [
        (&valid, ours(), "accepted"),
        (&valid, other(), "wrong_issuer"),
        (&lacking, ours(), "insufficient_scope"),
        (&lacking, other(), "wrong_issuer"),
        (&valid, AcceptedIssuers::none(), "wrong_issuer"),
        (&HeaderMap::new(), other(), "no_credentials"),
    ] {
        assert_eq!(reason(authorizer.authorize_for(headers, accepted.clone())), expected, "{accepted:?}");
    }
    // Fixed issuers apply too.
    let fixed = authorizer.clone().with_issuers(other());
    assert_eq!(reason(fixed.authorize(&valid)), "wrong_issuer");
    assert_eq!(reason(fixed.authorize_for(&valid, ours())), "wrong_issuer");
    let fixed = authorizer.clone().with_issuers(ours());
    assert_eq!(reason(fixed.authorize(&valid)), "accepted");
}

#[test]
fn decision_and_response_are_plain_data() {
    // D07, D09, D10, D11, D12, D16, FR-C10
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let authorizer = Authorizer::require_scope(&verifier(&key), "orders/read").unwrap();
    let mint = || Mint::cognito(ISSUER, "client").without_claim("token_use");
    let (valid, lacking) = (mint().scope("orders/read"), mint().scope("orders/write"));
    let Authorization::Ready(Ok(Some(claims))) = authorizer.authorize(&bearer(&valid.sign_with(&key))) else {
        panic!("the token is valid")
    };
    assert_eq!(claims.client_id(), Some("client"));

    let lacking = bearer(&lacking.sign_with(&key));
    let expired = bearer(&mint().expired().sign_with(&key));
    let mut twice = lacking.clone();
    twice.append(AUTHORIZATION, "Bearer x".parse().unwrap());
    for (headers, status, error, has_claims) in [
        (HeaderMap::new(), 401, None, false),
        (twice, 400, Some("invalid_request"), false),
        (bearer("two tokens"), 400, Some("invalid_request"), false),
        (expired, 401, Some("invalid_token"), false),
        (lacking, 403, Some("insufficient_scope"), true),
    ] {
        let rejection = rejection(&authorizer, &headers);
        let response = authorizer.response(&rejection).into_response();
        assert_eq!((rejection.status().as_u16(), response.status().as_u16()), (status, status));
        assert_eq!(rejection.claims().is_some(), has_claims, "{status}");
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.starts_with(r#"Bearer realm="api""#), "{challenge}");
        assert_eq!(challenge.contains("error="), error.is_some(), "{challenge}");
        assert!(error.is_none_or(|error| challenge.contains(&format!("error=\"{error}\""))), "{challenge}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let document: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (&document["status"], &document["detail"]),
            (&status.into(), &rejection.body_text().into())
        );
    }
}

#[test]
fn revoked_token_gets_the_response_of_any_invalid_token() {
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let revocations = Revocations::new();
    let issuer = Issuer::from_jwks(ISSUER, &jwks([key.jwk()])).unwrap().client("client");
    let verifier = Verifier::builder().trust(issuer).revocations(&revocations).build().unwrap();
    let authorizer = Authorizer::require_scope(&verifier, "orders/read").unwrap();
    let mint = Mint::cognito(ISSUER, "client").without_claim("token_use").scope("orders/read");
    let token = bearer(&mint.clone().claim("jti", "id-1").sign_with(&key));
    assert!(matches!(authorizer.authorize(&token), Authorization::Ready(Ok(Some(_)))));
    revocations.revoke(Revocation::token(ISSUER, "id-1")).unwrap();
    let expired = rejection(&authorizer, &bearer(&mint.expired().sign_with(&key)));
    let revoked = rejection(&authorizer, &token);
    assert_eq!((revoked.reason_code(), revoked.status().as_u16()), ("revoked", 401));
    assert!(revoked.claims().is_none());
    let response = |rejection| {
        let response = authorizer.response(rejection).into_response();
        (response.status(), response.headers().clone(), response.into_body())
    };
    assert_eq!(response(&revoked), response(&expired));

    let _limited = revocations.source("stream").unwrap().with_max_feed_age(Duration::from_secs(1));
    let other = bearer(&Mint::cognito(ISSUER, "client").without_claim("token_use").sign_with(&key));
    let undecidable = rejection(&authorizer, &other);
    assert_eq!(undecidable.reason_code(), "revocations_unavailable");
    let (status, headers, _) = response(&undecidable);
    assert_eq!((status.as_u16(), &headers[RETRY_AFTER]), (503, &"1".parse().unwrap()));
}

#[test]
fn optional_token_may_be_absent_but_not_invalid() {
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let authorizer = Authorizer::optional_token(&verifier(&key));
    assert!(matches!(authorizer.authorize(&HeaderMap::new()), Authorization::Ready(Ok(None))));
    assert_eq!(rejection(&authorizer, &bearer("opaque")).status(), 401);
    // A handler may require a token itself.
    let response = authorizer.response(&Rejection::no_credentials()).into_response();
    assert_eq!(response.headers()[WWW_AUTHENTICATE], r#"Bearer realm="api""#);
}

#[test]
fn application_rejection_adds_scopes_to_challenge() {
    // D13
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let api: ResourceIdentifier = "https://api.example".parse().unwrap();
    let authorizer = Authorizer::require_scope(&verifier(&key), "orders/read").unwrap();
    let authorizer = authorizer.with_realm("Orders").with_resource_metadata((&api).into());
    let token =
        Mint::cognito(ISSUER, "client").without_claim("token_use").scope("orders/read").sign_with(&key);
    let Authorization::Ready(Ok(Some(claims))) = authorizer.authorize(&bearer(&token)) else {
        panic!("the token is valid")
    };
    let metadata = "https://api.example/.well-known/oauth-protected-resource";
    let required = crate::scope::requirement::all_of(["orders/read", "orders/approve"]);
    let rejection = Rejection::from(claims.require(&required).unwrap_err());
    let (name, value) = (WWW_AUTHENTICATE, authorizer.response(&rejection));
    let headers: Vec<_> = value.headers().collect();
    assert_eq!(headers.len(), 1);
    assert_eq!(headers[0].0, name);
    assert_eq!(
        headers[0].1,
        &format!(
            "Bearer realm=\"Orders\", resource_metadata=\"{metadata}\", scope=\"orders/read orders/approve\", \
             error=\"insufficient_scope\", error_description=\"{}\"",
            rejection.body_text()
        )
    );
    let alone = rejection.default_response();
    assert!(
        alone
            .headers()
            .next()
            .unwrap()
            .1
            .to_str()
            .unwrap()
            .starts_with("Bearer realm=\"api\", scope=\"orders/read orders/")
    );
}

#[test]
fn setting_realm_renders_responses_again() {
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let authorizer = Authorizer::require_token(&verifier(&key));
    let told = |authorizer: &Authorizer| {
        let rejection = rejection(authorizer, &HeaderMap::new());
        authorizer.response(&rejection).headers().next().unwrap().1.to_str().unwrap().to_owned()
    };
    assert_eq!(told(&authorizer), r#"Bearer realm="api""#);
    assert_eq!(told(&authorizer.clone().with_realm("Orders")), r#"Bearer realm="Orders""#);
}

#[tokio::test]
async fn unknown_key_waits_and_missing_keys_are_503() {
    // D21
    let local = LocalIssuer::start().await.unwrap();
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(issuer).start().await.unwrap();
    let authorizer = Authorizer::require_token(&verifier);
    local.rotate();
    let headers = bearer(&local.mint().sign());
    let Authorization::Pending(pending) = authorizer.authorize(&headers) else {
        panic!("the key is unknown, and may come")
    };
    assert!(
        matches!(pending.wait(&authorizer).await.unwrap(), Grant::Accepted(one) if one.claims().is_some())
    );
    assert!(authorizer.authorize_or_refresh(&headers).await.unwrap().is_some());

    let unavailable =
        Error::KeysUnavailable { issuer: ISSUER.to_owned(), retry_after: Duration::from_secs(7) };
    let response = authorizer.response(&unavailable.into()).into_response();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"7".parse().unwrap())
    );
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
}

#[test]
fn debug_omits_the_token() {
    // D18
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let token = Mint::cognito(ISSUER, "client").sign_with(&key);
    let headers = bearer(&token);
    let authorizer = Authorizer::require_token(&verifier(&key));
    let shown = format!("{:?} {:?}", Credentials::from_headers(&headers), authorizer.authorize(&headers));
    assert!(shown.contains("Bearer") && token.split('.').all(|part| !shown.contains(part)), "{shown}");
}
