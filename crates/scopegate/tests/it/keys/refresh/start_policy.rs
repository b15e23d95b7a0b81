//! Which issuers does a verifier wait for when it starts, and which of them make it ready?

use std::time::Duration;

use scopegate::{ConfigError, Error, Issuer, StartPolicy, Verifier, VerifierBuilder};
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{LOCAL_CLIENT, builder_trusting};

fn trusting(issuers: &[&LocalIssuer]) -> VerifierBuilder {
    issuers.iter().fold(Verifier::builder(), |builder, local| {
        builder.trust(Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT))
    })
}

async fn up_and_down() -> (LocalIssuer, LocalIssuer) {
    let (up, down) = (LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap());
    down.set_fault(Fault::Status(500));
    (up, down)
}

#[tokio::test]
async fn start_policy_decides_which_failure_ends_the_start() {
    // FR-A13
    let (up, down) = up_and_down().await;
    let start = async |issuers: &[&LocalIssuer], policy| trusting(issuers).start_policy(policy).start().await;
    let error = trusting(&[&up, &down]).start().await.unwrap_err();
    assert!(matches!(&error, ConfigError::KeysNotFetched { issuer, .. } if issuer == down.issuer()));
    for (policy, starts) in [
        (StartPolicy::All, false),
        (StartPolicy::Any, true),
        (StartPolicy::issuers([up.issuer()]), true),
        (StartPolicy::issuers([down.issuer()]), false),
        (StartPolicy::issuers([up.issuer(), down.issuer()]), false),
    ] {
        let started = start(&[&down, &up], policy.clone()).await;
        assert_eq!(started.is_ok(), starts, "{policy:?}");
    }
    let error = start(&[&down], StartPolicy::Any).await.unwrap_err();
    assert!(matches!(&error, ConfigError::KeysNotFetched { .. }), "{error}");
}

#[tokio::test]
async fn start_policy_with_wrong_names_is_rejected() {
    // FR-A13
    let (up, _) = up_and_down().await;
    let start = async |names: &[&str]| {
        let policy = StartPolicy::issuers(names.iter().copied());
        trusting(&[&up]).start_policy(policy).start().await.map(drop)
    };
    assert!(start(&[up.issuer()]).await.is_ok());
    let slash = format!("{}/", up.issuer());
    assert!(matches!(start(&[&slash]).await, Err(ConfigError::UntrustedIssuer { .. })));
    assert!(matches!(start(&[up.issuer(), up.issuer()]).await, Err(ConfigError::RepeatedIssuer { .. })));
    assert!(matches!(start(&[]).await, Err(ConfigError::EmptyIssuerList)));
}

#[tokio::test]
async fn each_issuer_is_ready_for_itself() {
    // FR-A13
    let (up, down) = up_and_down().await;
    let verifier = trusting(&[&up, &down]).start_policy(StartPolicy::Any).start().await.unwrap();
    let status = verifier.status();
    assert!(!status.is_ready());
    assert!(status.issuer(up.issuer()).unwrap().is_ready());
    assert!(!status.issuer(down.issuer()).unwrap().is_ready());
    assert!(status.issuer("https://other.example").is_none());
    assert!(verifier.verify(up.mint().sign()).is_ok());
    assert!(matches!(verifier.verify(down.mint().sign()), Err(Error::KeysUnavailable { .. })));
}

#[tokio::test]
async fn hundred_issuers_are_fetched_in_batches() {
    // FR-A13: 32 at a time.
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Delay(Duration::from_millis(300)));
    let builder = (0..100).fold(Verifier::builder(), |builder, n| {
        // Issuers with one URL would share one fetch.
        let (name, url) = (format!("https://issuer-{n}.example"), format!("{}?{n}", local.jwks_uri()));
        builder.trust(Issuer::from_jwks_uri(&name, &url).unwrap().client(LOCAL_CLIENT))
    });
    let starting = tokio::spawn(builder.start());
    let mut fetches = 0;
    while fetches < 32 {
        tokio::task::yield_now().await;
        fetches = local.jwks_fetches();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(local.jwks_fetches(), 32);
    assert!(starting.await.unwrap().unwrap().status().is_ready());
    assert_eq!(local.jwks_fetches(), 100);
}

#[tokio::test]
async fn first_request_waits_for_the_first_fetch() {
    // FR-A7: a cold start.
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Delay(Duration::from_millis(50)));
    let verifier = builder_trusting(&local).start_lazy().unwrap();
    let token = local.mint().sign();
    assert!(matches!(verifier.verify(&token), Err(Error::KeysUnavailable { .. })));
    let result = verifier.verify_or_refresh(&token).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(local.jwks_fetches(), 1);

    // During the backoff after a failure, no fetch is waited for.
    local.set_fault(Fault::Status(500));
    let verifier = builder_trusting(&local).start_lazy().unwrap();
    for _ in 0..2 {
        let error = verifier.verify_or_refresh(&token).await.unwrap_err();
        assert!(matches!(error, Error::KeysUnavailable { .. }), "{error}");
    }
    assert_eq!(local.jwks_fetches(), 2);
}
