//! How long is a withdrawn key accepted? There are tests for each way to withdraw it.

use std::time::Duration;

use axum::Router;
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use scopegate::{Algorithm, Error, Issuer, Verifier};
use scopegate_issuer::{Algorithm as KeyAlgorithm, Fault, LocalIssuer, SigningKey};
use serde_json::{Value, json};
use testkit::{CLIENT, ISSUER, builder_trusting, client_token, jwks, pass, serve};
use tokio::sync::watch;

use crate::keys::refresh::fixture::until;

fn encryption_only(local: &LocalIssuer) -> Fault {
    let mut jwk = local.default_pool().signing_key().jwk();
    jwk["use"] = json!("enc");
    Fault::Body(jwks([jwk]))
}

fn of_another_algorithm() -> Fault {
    Fault::Body(jwks([SigningKey::generate(KeyAlgorithm::ES384).jwk()]))
}

/// The ways in which a set can have no usable key, for a verifier that accepts RS256 only.
fn sets_without_usable_key(local: &LocalIssuer) -> [Fault; 3] {
    [Fault::EmptySet, encryption_only(local), of_another_algorithm()]
}

fn trusting(local: &LocalIssuer) -> scopegate::VerifierBuilder {
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client(testkit::LOCAL_CLIENT);
    Verifier::builder().trust(issuer.algorithms([Algorithm::RS256]))
}

#[tokio::test]
async fn set_without_usable_key_withdraws_keys_when_confirmed() {
    // FR-A1: 503, because the issuer has no key for any token.
    let local = LocalIssuer::start().await.unwrap();
    for fault in sets_without_usable_key(&local) {
        local.clear_fault();
        let verifier = trusting(&local).start().await.unwrap();
        let token = local.mint().lifetime(86_400).sign();
        assert!(verifier.verify(&token).is_ok());
        local.set_fault(fault.clone());
        pass(Duration::from_secs(530)).await;
        until(&verifier, |status| status.fetches_failed == 1).await;
        assert!(verifier.verify(&token).is_ok(), "{fault:?}: one fetch may be a mistake");
        let status = verifier.status();
        let failure = status.issuers()[0].last_failure.clone().unwrap();
        assert!(failure.starts_with("none of the ") && status.is_ready(), "{failure}");
        pass(Duration::from_secs(30)).await;
        until(&verifier, |status| status.fetches_failed == 2).await;
        let error = verifier.verify(&token).unwrap_err();
        assert!(matches!(error, Error::KeysUnavailable { .. }), "{fault:?}: {error}");
        let error = verifier.verify_or_refresh(&token).await.unwrap_err();
        assert!(matches!(error, Error::KeysUnavailable { .. }), "{fault:?}: {error}");
        let status = verifier.status();
        assert!(!status.is_ready() && !status.issuers()[0].usable);
        assert_eq!(status.issuers()[0].skipped_keys.len(), usize::from(!matches!(fault, Fault::EmptySet)));

        // The next usable set ends it, within the pace of failures.
        local.clear_fault();
        pass(Duration::from_secs(60)).await;
        verifier.ready().await;
        assert!(verifier.verify(&token).is_ok());
    }
}

#[tokio::test]
async fn set_without_usable_key_is_forgotten_if_unconfirmed() {
    // FR-A1: the second fetch finds the keys again.
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    for fetches in 1..=3 {
        local.set_fault(Fault::EmptySet);
        pass(Duration::from_secs(530)).await;
        until(&verifier, |status| status.fetches_failed == fetches).await;
        local.clear_fault();
        pass(Duration::from_secs(30)).await;
        until(&verifier, |status| status.fetches_succeeded == fetches + 1).await;
        assert!(verifier.verify(&token).is_ok());
    }
}

#[tokio::test]
async fn set_without_usable_key_stands_after_five_minutes() {
    // FR-A1: no fetch confirms or contradicts it.
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    local.set_fault(Fault::EmptySet);
    pass(Duration::from_secs(530)).await;
    until(&verifier, |status| status.fetches_failed == 1).await;
    local.set_fault(Fault::Status(500));
    for failures in 2..=5 {
        pass(Duration::from_secs(60)).await;
        until(&verifier, |status| status.fetches_failed >= failures).await;
        assert!(verifier.verify(&token).is_ok(), "{failures}");
    }
    pass(Duration::from_secs(60)).await;
    until(&verifier, |status| !status.usable).await;
    assert!(matches!(verifier.verify(&token), Err(Error::KeysUnavailable { .. })));
}

#[tokio::test]
async fn invalid_document_withdraws_no_key() {
    // FR-A1: any number of times.
    for fault in [
        Fault::Html,
        Fault::Truncated,
        Fault::Status(404),
        Fault::Body("{}".to_owned()),
        Fault::Body(r#"{"keys":{}}"#.to_owned()),
        Fault::Body(r#"{"keys":[]"#.to_owned()),
    ] {
        let local = LocalIssuer::start().await.unwrap();
        let verifier = builder_trusting(&local).start().await.unwrap();
        let token = local.mint().lifetime(86_400).sign();
        local.set_fault(fault.clone());
        pass(Duration::from_secs(530)).await;
        for failures in 1..=8 {
            until(&verifier, |status| status.fetches_failed >= failures).await;
            pass(Duration::from_secs(60)).await;
        }
        assert!(verifier.verify(&token).is_ok(), "{fault:?}");
    }
}

#[tokio::test]
async fn key_that_becomes_unusable_is_rejected_at_once() {
    // FR-A1, FR-A17: the set has another usable key, so no confirmation is needed.
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    let mut withdrawn = local.default_pool().signing_key().jwk();
    withdrawn["use"] = json!("enc");
    let other = SigningKey::generate(KeyAlgorithm::RS256).jwk();
    local.set_fault(Fault::Body(jwks([withdrawn, other])));
    pass(Duration::from_secs(530)).await;
    until(&verifier, |status| status.fetches_succeeded == 2).await;
    let error = verifier.verify(&token).unwrap_err();
    assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    assert!(error.to_string().contains("is not for verifying signatures"), "{error}");
}

#[tokio::test]
async fn withdrawn_key_ends_within_an_hour_despite_advice() {
    // FR-A2
    let local = LocalIssuer::start().await.unwrap();
    local.set_cache_control(Some("max-age=86400")).unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    assert_eq!(verifier.status().issuers()[0].refresh_period, Some(Duration::from_secs(3_600)));
    let token = local.mint().lifetime(86_400).sign();
    local.rotate_without_overlap();
    assert!(verifier.verify(&token).is_ok());
    pass(Duration::from_secs(3_590)).await;
    until(&verifier, |status| status.fetches_succeeded == 2).await;
    assert!(matches!(verifier.verify(&token), Err(Error::UnknownKey { .. })));
}

#[tokio::test]
async fn refresh_period_in_effect_is_shown() {
    // FR-A2
    let local = LocalIssuer::start().await.unwrap();
    let second = Duration::from_secs;
    let period = async |builder: scopegate::VerifierBuilder| {
        builder.start().await.unwrap().status().issuers()[0].refresh_period
    };
    assert_eq!(period(builder_trusting(&local)).await, Some(second(600)));
    assert_eq!(period(builder_trusting(&local).refresh_interval(second(7_200))).await, Some(second(7_200)));
    assert_eq!(period(builder_trusting(&local).max_stale(second(60))).await, Some(second(30)));
    local.set_cache_control(Some("max-age=5")).unwrap();
    assert_eq!(period(builder_trusting(&local)).await, Some(second(60)));
}

/// Serves the document of the channel, and responds to every conditional request with 304, like a
/// broken cache.
async fn serve_with_broken_cache(document: watch::Receiver<Value>) -> String {
    let router = Router::new().fallback(async move |headers: HeaderMap| {
        if headers.contains_key(IF_NONE_MATCH) {
            return StatusCode::NOT_MODIFIED.into_response();
        }
        ([(ETAG, "\"always\"")], document.borrow().to_string()).into_response()
    });
    serve(router).await
}

#[tokio::test]
async fn withdrawn_key_behind_cache_ends_at_stale_limit() {
    // FR-A9: every response is 304.
    let (old, new) = (SigningKey::generate(KeyAlgorithm::ES256), SigningKey::generate(KeyAlgorithm::ES256));
    let set = |key: &SigningKey| json!({ "keys": [key.jwk()] });
    let (document, served) = watch::channel(set(&old));
    let issuer = Issuer::from_jwks_uri(ISSUER, &serve_with_broken_cache(served).await).unwrap();
    let builder = Verifier::builder().trust(issuer.client(CLIENT)).max_stale(Duration::from_secs(3_600));
    let verifier = builder.start().await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let token = client_token().issued_at(now).lifetime(86_400).sign_with(&old);
    assert!(verifier.verify(&token).is_ok());
    document.send_replace(set(&new));
    for (fetches, minutes) in (2..).zip((10..).step_by(10)) {
        pass(Duration::from_secs(600)).await;
        until(&verifier, |status| status.fetches_succeeded == fetches).await;
        if verifier.verify(&token).is_err() {
            assert!((60..=70).contains(&minutes), "{minutes}");
            break;
        }
    }
    assert!(matches!(verifier.verify(&token), Err(Error::UnknownKey { .. })));
}
