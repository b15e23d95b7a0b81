//! Do issuers with one key set share its fetches, and only its own keys?

use scopegate::{ConfigError, Error, Issuer, Verifier};
use scopegate_issuer::{Algorithm, LocalIssuer, Mint, SigningKey};
use serde_json::{Value, json};
use testkit::{CLIENT, LOCAL_CLIENT, jwks, serve};

use super::fixture::tenant;

fn named(key: &SigningKey, issuer: &str) -> Value {
    let mut jwk = key.jwk();
    jwk["issuer"] = json!(issuer);
    jwk
}

#[tokio::test]
async fn issuers_with_one_url_share_one_fetch() {
    let local = LocalIssuer::start().await.unwrap();
    let issuer = |name: &str, url: &str| Issuer::from_jwks_uri(name, url).unwrap().client(LOCAL_CLIENT);
    let url = local.jwks_uri();
    let builder = (0..50).fold(Verifier::builder(), |builder, n| builder.trust(issuer(&tenant(n), &url)));
    let verifier = builder.start().await.unwrap();
    assert_eq!(local.jwks_fetches(), 1);
    verifier.trust(issuer(&tenant("new"), &url)).unwrap();
    let of = |name: &str| local.mint().without_claim("token_use").claim("iss", name).sign();
    for name in [tenant(0), tenant(49), tenant("new")] {
        assert!(verifier.verify(of(&name)).is_ok());
    }
    assert_eq!(local.jwks_fetches(), 1);
    // Another URL, or keys for other algorithms, are another source.
    verifier.trust(issuer(&tenant("other"), &format!("{url}?other"))).unwrap();
    assert!(verifier.verify_or_refresh(of(&tenant("other"))).await.is_ok());
    let rs256 = issuer(&tenant("rs256"), &url).algorithms([scopegate::Algorithm::RS256]);
    verifier.trust(rs256).unwrap();
    assert!(verifier.verify_or_refresh(of(&tenant("rs256"))).await.is_ok());
    assert_eq!(local.jwks_fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn shared_keys_are_fetched_until_their_last_issuer_is_gone() {
    let local = LocalIssuer::start().await.unwrap();
    let issuer = |name: &str| Issuer::from_jwks_uri(name, &local.jwks_uri()).unwrap().client(LOCAL_CLIENT);
    let builder = Verifier::builder().trust(issuer(&tenant("a"))).trust(issuer(&tenant("b")));
    let verifier = builder.start().await.unwrap();
    let pass = async || {
        for _ in 0..40 {
            tokio::time::advance(std::time::Duration::from_secs(60)).await;
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
    };
    verifier.distrust(&tenant("a")).unwrap();
    pass().await;
    let before = local.jwks_fetches();
    assert!(before > 2, "{before}");
    verifier.distrust(&tenant("b")).unwrap();
    pass().await;
    assert!(local.jwks_fetches() <= before + 1, "one may have been under way");
}

#[tokio::test]
async fn key_that_names_its_issuer_is_for_no_other_one() {
    let key = || SigningKey::generate(Algorithm::ES256);
    let (of_a, of_b, of_all) = (key(), key(), key());
    let set = jwks([named(&of_a, &tenant("a")), named(&of_b, &tenant("b")), of_all.jwk()]);
    let url = serve(axum::Router::new().fallback(move || std::future::ready(set.clone()))).await;
    let issuer = |name: &str| {
        let issuer = Issuer::from_jwks_uri(name, &url).unwrap().client(CLIENT);
        issuer.algorithms([scopegate::Algorithm::ES256])
    };
    let (a, b) = (tenant("a"), tenant("b"));
    let verifier = Verifier::builder().trust(issuer(&a)).trust(issuer(&b)).start().await.unwrap();
    let token =
        |name: &str, key: &SigningKey| Mint::cognito(name, CLIENT).without_claim("token_use").sign_with(key);
    for (name, key) in [(&a, &of_a), (&b, &of_b), (&a, &of_all), (&b, &of_all)] {
        assert!(verifier.verify(token(name, key)).is_ok());
        assert!(verifier.verify(token(name, key)).is_ok());
    }
    for (name, key) in [(&a, &of_b), (&b, &of_a)] {
        let error = verifier.verify_or_refresh(token(name, key)).await.unwrap_err();
        let Error::UnknownKey { skipped, .. } = &error else { panic!("{error}") };
        assert_eq!(skipped.as_deref(), Some("has the `issuer` of another issuer"));
    }
    let status = verifier.status();
    for (name, theirs) in [(&a, &of_b), (&b, &of_a)] {
        let skipped = &status.issuer(name).unwrap().skipped_keys;
        assert_eq!((skipped.len(), skipped[0].key_id.as_deref()), (1, Some(theirs.kid())));
    }
}

#[tokio::test]
async fn set_with_keys_of_others_only_fails_the_start() {
    let set = jwks([named(&SigningKey::generate(Algorithm::ES256), &tenant("a"))]);
    let url = serve(axum::Router::new().fallback(move || std::future::ready(set.clone()))).await;
    let issuer = |name: &str| Issuer::from_jwks_uri(name, &url).unwrap().client(CLIENT);
    assert!(Verifier::builder().trust(issuer(&tenant("a"))).start().await.is_ok());
    let error = Verifier::builder().trust(issuer(&tenant("b"))).start().await.unwrap_err();
    assert!(matches!(error, ConfigError::KeysNotFetched { .. }), "{error}");
}
