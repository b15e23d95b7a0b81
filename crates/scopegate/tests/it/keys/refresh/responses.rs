//! Which responses of an issuer are accepted, and which are failures that change nothing?

use std::time::Duration;

use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{builder_trusting, pass};

use crate::keys::refresh::fixture::token_of_unknown_key;

#[tokio::test]
async fn usable_keys_beside_unusable_ones_are_used() {
    // B02
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::UnusableAmongGood);
    let verifier = builder_trusting(&local).start().await.unwrap();
    assert!(verifier.verify(local.mint().sign()).is_ok());
}

#[tokio::test]
async fn bad_response_never_replaces_current_keys() {
    // B22, B23
    let elsewhere = LocalIssuer::start().await.unwrap();
    let set = |keys: &[&str]| Fault::Body(format!(r#"{{"keys":[{}]}}"#, keys.join(",")));
    for fault in [
        Fault::EmptySet,
        Fault::Html,
        Fault::Truncated,
        Fault::Reset,
        Fault::Status(404),
        Fault::Oversized(10 * 1024 * 1024),
        Fault::Gzip(10 * 1024 * 1024),
        Fault::Redirect(elsewhere.jwks_uri()),
        Fault::Redirect("http://issuer.example/keys".to_owned()),
        Fault::Body("null".to_owned()),
        Fault::Body(r#"{"keys":{}}"#.to_owned()),
        Fault::Body(r#"{"keys":[{"kty":"RSA""#.to_owned()),
        // The first set has no usable key, and the second one has too many members.
        set(&[r#"{"kty":"oct","k":"AQAB"}"#, r#"{"kty":"EC"}"#, "null"]),
        set(&vec!["{}"; 10_000]),
    ] {
        let local = LocalIssuer::start().await.unwrap();
        let verifier = builder_trusting(&local).start().await.unwrap();
        let good = local.mint().sign();
        local.set_fault(fault.clone());
        assert!(verifier.verify_or_refresh(&token_of_unknown_key(&local, "no such key")).await.is_err());
        assert_eq!(local.jwks_fetches(), 2);
        assert!(verifier.verify(&good).is_ok(), "{fault:?}");
        assert_eq!(verifier.status().issuers()[0].fetches_failed, 1, "{fault:?}");
    }
    assert_eq!(elsewhere.jwks_fetches(), 0);
}

#[tokio::test]
async fn redirected_or_compressed_response_is_rejected() {
    // B22
    let local = LocalIssuer::start().await.unwrap();
    let elsewhere = local.pool("eu-west-1_Local0002").unwrap();
    for fault in [Fault::Redirect(elsewhere.jwks_uri()), Fault::Gzip(64 * 1024 * 1024)] {
        local.set_fault(fault.clone());
        assert!(builder_trusting(&local).start().await.is_err(), "{fault:?}");
    }
    assert_eq!(elsewhere.jwks_fetches(), 0);
}

#[tokio::test]
async fn endless_response_times_out_after_5_seconds() {
    // B22, FR-A12: with every cause
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Drip);
    let verifier = builder_trusting(&local).start_lazy().unwrap();
    while local.jwks_fetches() == 0 {
        tokio::task::yield_now().await;
    }
    pass(Duration::from_secs(4)).await;
    assert_eq!(verifier.status().issuers()[0].fetches_failed, 0);
    pass(Duration::from_secs(2)).await;
    while verifier.status().issuers()[0].fetches_failed == 0 {
        tokio::task::yield_now().await;
    }
    let failure = verifier.status().issuers()[0].last_failure.clone();
    assert_eq!(
        failure.as_deref(),
        Some(
            "no complete response within 5 s: error decoding response body: request or response body error: \
             operation timed out"
        )
    );
}
