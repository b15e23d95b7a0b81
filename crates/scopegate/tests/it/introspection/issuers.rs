//! The issuer that a token is introspected at.

use scopegate::{ConfigError, Error, Issuer, Verifier};
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
    let verifier = Verifier::builder().trust(jwt_issuer()).trust(endpoint.issuer()).start().await.unwrap();
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
async fn every_token_is_introspected_without_other_issuers() {
    // IN20
    let endpoint = Endpoint::start().await;
    let verifier = Verifier::builder().trust(endpoint.issuer()).start().await.unwrap();
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
    let long = Issuer::introspected("https://long.example", one.introspection()).unwrap();
    let long = long.audience(AUDIENCE).token_prefix("ory_at_");
    let short = Issuer::introspected("https://short.example", other.introspection()).unwrap();
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
        let issuer = Issuer::introspected(name, endpoint.introspection()).unwrap().audience(AUDIENCE);
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
