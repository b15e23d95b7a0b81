//! How many fetches can an attacker without a valid token cause?

use std::time::Duration;

use scopegate::Error;
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{builder_trusting, pass};

use crate::keys::refresh::fixture::token_of_unknown_key;

#[tokio::test]
async fn invented_key_ids_cause_two_fetches_per_cooldown() {
    // B16, B18, W2, FR-A4: one fetch and a retry for late keys, which attackers cannot use up
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    for n in 0..200 {
        // Two at a time, like requests that arrive during a fetch.
        let (one, other) =
            (token_of_unknown_key(&local, &format!("a{n}")), token_of_unknown_key(&local, &format!("b{n}")));
        let rejected = tokio::join!(verifier.verify_or_refresh(&one), verifier.verify_or_refresh(&other));
        assert!(matches!(rejected, (Err(Error::UnknownKey { .. }), Err(Error::UnknownKey { .. }))));
    }
    assert_eq!(local.jwks_fetches(), 3);
}

#[tokio::test]
async fn repeated_invented_key_id_causes_one_retry() {
    // B16
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let token = token_of_unknown_key(&local, "no such key");
    for _ in 0..200 {
        let error = verifier.verify_or_refresh(&token).await.unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    }
    assert_eq!(local.jwks_fetches(), 3);
}

#[tokio::test]
async fn invented_key_ids_respect_cooldown_during_outage() {
    // B18: failed attempts count. FR-A5: they cause no 503, because the last success is not a
    // period ago.
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    local.set_fault(Fault::Status(500));
    let good = local.mint().sign();
    for n in 0..1_000 {
        let rejected = verifier.verify_or_refresh(&token_of_unknown_key(&local, &format!("a{n}"))).await;
        assert!(matches!(rejected, Err(Error::UnknownKey { .. })), "{rejected:?}");
    }
    assert!(verifier.verify(&good).is_ok());
    assert_eq!(local.jwks_fetches(), 2);
}

#[tokio::test]
async fn cooldown_defaults_to_30_seconds() {
    // B16
    for (cooldown, just_before, seconds) in [(None, 25, 30), (Some(100), 90, 100)] {
        let local = LocalIssuer::start().await.unwrap();
        let builder = builder_trusting(&local);
        let builder = match cooldown {
            Some(cooldown) => builder.refresh_cooldown(Duration::from_secs(cooldown)),
            None => builder,
        };
        let verifier = builder.start().await.unwrap();
        local.rotate();
        assert!(verifier.verify_or_refresh(&local.mint().sign()).await.is_ok());
        local.rotate();
        let token = local.mint().sign();
        pass(Duration::from_secs(just_before)).await;
        assert!(matches!(verifier.verify_or_refresh(&token).await, Err(Error::UnknownKey { .. })));
        pass(Duration::from_secs(seconds - just_before)).await;
        assert!(verifier.verify_or_refresh(&token).await.is_ok());
        assert_eq!(local.jwks_fetches(), 3);
    }
}

#[tokio::test]
async fn bad_signatures_cause_no_fetch() {
    // B17, W1
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let forged = local.mint().bad_signature().sign();
    for _ in 0..1_000 {
        let error = verifier.verify_or_refresh(&forged).await.unwrap_err();
        assert!(matches!(error, Error::BadSignature { .. }), "{error}");
    }
    assert_eq!(local.jwks_fetches(), 1);
}

#[tokio::test]
async fn unknown_issuers_cause_no_fetch() {
    // C11
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let other = local.pool("eu-west-1_Local0002").unwrap();
    let error = verifier.verify_or_refresh(&other.mint().sign()).await.unwrap_err();
    assert!(matches!(error, Error::UnknownIssuer { .. }), "{error}");
    assert_eq!((local.jwks_fetches(), other.jwks_fetches()), (1, 0));
}
