//! The issuer that a token is introspected at.

use scopegate::{ClientAuthentication, ConfigError, Error, Introspection, Issuer, Verifier};
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, KEY, jwks};

use super::endpoint::{Endpoint, OPAQUE, jwt};

fn jwt_issuer() -> Issuer {
    Issuer::from_jwks(ISSUER, &jwks([KEY.jwk()])).unwrap().audience(AUDIENCE)
}

#[tokio::test]
async fn opaque_token_is_asked_about_beside_jwts() {
    // IN20
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({}));
    let opaque = endpoint.issuer().introspect_jwts();
    let verifier = Verifier::builder().trust(jwt_issuer()).trust(opaque).start().await.unwrap();
    let claims = verifier.verify_or_refresh("opaque").await.unwrap();
    assert_eq!((claims.issuer(), claims.subject()), (OPAQUE, Some("user-1")));
    assert_eq!(endpoint.calls(), 1);
    let claims = verifier.verify_or_refresh(jwt(ISSUER)).await.unwrap();
    assert_eq!((claims.issuer(), claims.subject()), (ISSUER, Some("jwt-user")));
    let unknown = verifier.verify_or_refresh(jwt("https://unknown.example")).await.unwrap_err();
    assert!(matches!(unknown, Error::UnknownIssuer { .. }));
    assert_eq!(endpoint.calls(), 1, "no JWT of another issuer is sent");
    let named = jwt(OPAQUE);
    endpoint.activate(&named, &json!({}));
    assert_eq!(verifier.verify_or_refresh(&named).await.unwrap().issuer(), OPAQUE);
    assert_eq!(endpoint.calls(), 2, "a JWT of the introspected issuer is");
}

#[tokio::test]
async fn jwt_is_introspected_only_on_request() {
    // IN20
    let endpoint = Endpoint::start().await;
    let verifier = Verifier::builder().trust(endpoint.issuer()).start().await.unwrap();
    for token in [jwt("https://unknown.example"), jwt(OPAQUE)] {
        endpoint.activate(&token, &json!({}));
        assert_eq!(verifier.verify_or_refresh(&token).await.unwrap_err().kind().status(), 401);
    }
    assert_eq!(endpoint.calls(), 0);
    let one = endpoint.issuer().introspect_jwts();
    let other = Issuer::opaque("https://other.example", endpoint.introspection()).unwrap();
    let other = other.audience(AUDIENCE).token_prefix("ory_at_").introspect_jwts();
    let error = Verifier::builder().trust(one).trust(other).start_lazy().err();
    assert!(matches!(error, Some(ConfigError::OutOfRange { setting: "introspect_jwts", .. })), "{error:?}");
}

#[tokio::test]
async fn every_token_is_introspected_without_other_issuers() {
    // IN20
    let endpoint = Endpoint::start().await;
    let verifier = Verifier::builder().trust(endpoint.issuer().introspect_jwts()).start().await.unwrap();
    let foreign = jwt("https://unknown.example");
    endpoint.activate(&foreign, &json!({}));
    assert!(verifier.verify_or_refresh(&foreign).await.is_ok());
    assert!(matches!(verifier.verify_or_refresh("a.b.c").await, Err(Error::Inactive { .. })));
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test]
async fn prefix_selects_the_issuer() {
    // IN20
    let (one, other) = (Endpoint::start().await, Endpoint::start().await);
    one.activate("ory_at_1", &json!({}));
    other.activate("ory_1", &json!({}));
    let long = Issuer::opaque("https://long.example", one.introspection()).unwrap();
    let long = long.audience(AUDIENCE).token_prefix("ory_at_");
    let short = Issuer::opaque("https://short.example", other.introspection()).unwrap();
    let short = short.audience(AUDIENCE).token_prefix("ory_");
    let verifier = Verifier::builder().trust(short).trust(long).start().await.unwrap();
    let issuer_of =
        async |token: &str| verifier.verify_or_refresh(token).await.map(|claims| claims.issuer().to_owned());
    assert_eq!(issuer_of("ory_at_1").await.unwrap(), "https://long.example");
    assert_eq!(issuer_of("ory_1").await.unwrap(), "https://short.example");
    let error = issuer_of("other").await.unwrap_err();
    assert!(matches!(error, Error::NotThreeParts { .. }), "{error}");
    assert_eq!((one.calls(), other.calls()), (1, 1));
}

#[tokio::test]
async fn ambiguous_issuers_are_a_config_error() {
    // IN20
    let endpoint = Endpoint::start().await;
    let issuer = |name: &str, prefix: Option<&str>| {
        let issuer = Issuer::opaque(name, endpoint.introspection()).unwrap().audience(AUDIENCE);
        match prefix {
            Some(prefix) => issuer.token_prefix(prefix),
            None => issuer,
        }
    };
    for (one, other, is_clear) in [
        (None, None, false),
        (Some("a_"), Some("a_"), false),
        (None, Some("a_"), true),
        (Some("b_"), Some("a_"), true),
    ] {
        let (one, other) = (issuer("https://one.example", one), issuer("https://other.example", other));
        let built = Verifier::builder().trust(one.clone()).trust(other.clone()).start_lazy();
        let later = Verifier::builder().trust(one).start_lazy().unwrap().trust(other);
        for error in [built.err(), later.err()] {
            match error {
                None => assert!(is_clear),
                Some(error) => {
                    assert!(
                        !is_clear && matches!(error, ConfigError::OutOfRange { setting: "token_prefix", .. })
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn distrusted_issuer_is_not_asked() {
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({}));
    let verifier = Verifier::builder().trust(jwt_issuer()).trust(endpoint.issuer()).start().await.unwrap();
    assert!(verifier.verify_or_refresh("opaque").await.is_ok());
    assert!(verifier.distrust(OPAQUE).unwrap());
    assert!(matches!(verifier.verify_or_refresh("opaque").await, Err(Error::NotThreeParts { .. })));
    verifier.trust(endpoint.issuer()).unwrap();
    assert!(verifier.verify_or_refresh("opaque").await.is_ok());
    assert_eq!(endpoint.calls(), 2, "the results were dropped with the issuer");
}

#[tokio::test]
async fn new_secret_keeps_results() {
    // IN12, IN16
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({}));
    let verifier = Verifier::builder().trust(endpoint.issuer()).start().await.unwrap();
    assert!(verifier.verify_or_refresh("opaque").await.is_ok());
    let renewed = ClientAuthentication::client_secret_basic("orders-api", "new s3cret");
    let renewed = Introspection::by_client(&endpoint.url, renewed).unwrap();
    let issuer = |name: &str| Issuer::opaque(OPAQUE, renewed.clone()).unwrap().audience(name);
    verifier.trust(issuer(AUDIENCE)).unwrap();
    assert!(verifier.verify("opaque").is_ok());
    assert_eq!(endpoint.calls(), 1);
    // Claims that were judged by other rules are judged again.
    verifier.trust(issuer("https://other.example")).unwrap();
    assert!(matches!(verifier.verify_or_refresh("opaque").await, Err(Error::WrongAudience { .. })));
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test]
async fn issuer_distrusted_during_the_call_is_rejected() {
    // IN18
    let endpoint = Endpoint::start().await;
    let token = jwt(ISSUER);
    for name in ["opaque", &token] {
        endpoint.activate(name, &json!({}));
    }
    let introspected = jwt_issuer().and_introspect(endpoint.introspection());
    let verifier = Verifier::builder().trust(introspected).trust(endpoint.issuer()).start().await.unwrap();
    for (token, issuer) in [(token.as_str(), ISSUER), ("opaque", OPAQUE)] {
        let held = endpoint.hold().await;
        let (waiting, sent) = (verifier.clone(), token.to_owned());
        let before = endpoint.calls();
        let waiting = tokio::spawn(async move { waiting.verify_or_refresh(&sent).await });
        while endpoint.calls() == before {
            tokio::task::yield_now().await;
        }
        verifier.distrust(issuer).unwrap();
        drop(held);
        assert!(waiting.await.unwrap().is_err(), "{issuer}");
    }
}
