//! What is the effect of a fetch that the application requests?

use std::time::Duration;

use scopegate::{ConfigError, Error, Issuer, Issuers, RefreshOutcome, Verifier};
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{LOCAL_CLIENT, builder_trusting, pass};

/// Checks that a handler of axum may await this future.
fn sent<F: Future + Send>(future: F) -> F {
    future
}

#[tokio::test]
async fn stolen_key_ends_with_a_refresh() {
    // FR-A16
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let stolen = local.mint().lifetime(86_400).sign();
    local.rotate_without_overlap();
    assert!(verifier.verify(&stolen).is_ok());
    assert_eq!(sent(verifier.refresh()).await, [(local.issuer().to_owned(), RefreshOutcome::Changed)]);
    assert!(matches!(verifier.verify(&stolen), Err(Error::UnknownKey { .. })));
    assert_eq!(local.jwks_fetches(), 2);
}

/// Returns issuers of a resolver that trusts these servers.
fn resolving(servers: &[&LocalIssuer]) -> Issuers {
    let known: Vec<String> = servers.iter().map(|local| local.issuer().to_owned()).collect();
    Issuers::resolver(move |iss| {
        let issuer = known.iter().any(|known| known == iss).then(|| Issuer::cognito_at(iss));
        async move { issuer.transpose().map(|issuer| issuer.map(|draft| draft.client(LOCAL_CLIENT))) }
    })
}

#[tokio::test]
async fn stolen_key_of_resolved_issuer_ends_with_refresh() {
    // FR-A16
    for all in [true, false] {
        let local = LocalIssuer::start().await.unwrap();
        let verifier = Verifier::builder().trust_dynamic(resolving(&[&local])).start().await.unwrap();
        let stolen = local.mint().lifetime(86_400).sign();
        assert!(verifier.refresh().await.is_empty(), "no token has named it yet");
        let error = verifier.refresh_issuer(local.issuer()).await.unwrap_err();
        assert!(matches!(error, ConfigError::UntrustedIssuer { .. }), "{error}");
        assert!(verifier.verify_or_refresh(&stolen).await.is_ok());
        local.rotate_without_overlap();
        assert!(verifier.verify(&stolen).is_ok());
        let outcome = if all {
            let outcomes = verifier.refresh().await;
            assert_eq!((outcomes.len(), &*outcomes[0].0), (1, local.issuer()));
            outcomes[0].1.clone()
        } else {
            verifier.refresh_issuer(local.issuer()).await.unwrap()
        };
        assert_eq!(outcome, RefreshOutcome::Changed);
        assert!(matches!(verifier.verify(&stolen), Err(Error::UnknownKey { .. })));
    }
}

#[tokio::test]
async fn refresh_lists_configured_issuers_first() {
    // FR-A16
    let configured = LocalIssuer::start().await.unwrap();
    let (one, two) = (LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap());
    let builder = builder_trusting(&configured).trust_dynamic(resolving(&[&one, &two]));
    let verifier = builder.start().await.unwrap();
    for local in [&two, &one] {
        assert!(verifier.verify_or_refresh(local.mint().sign()).await.is_ok());
    }
    let mut resolved = [one.issuer(), two.issuer()];
    resolved.sort_unstable();
    let outcomes = verifier.refresh().await;
    let names: Vec<&str> = outcomes.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, [configured.issuer(), resolved[0], resolved[1]]);
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == RefreshOutcome::Unchanged));
    verifier.distrust(one.issuer()).unwrap();
    assert_eq!(verifier.refresh().await.len(), 2);
}

#[tokio::test]
async fn issuers_with_one_key_set_share_a_refresh() {
    // FR-A16
    let local = LocalIssuer::start().await.unwrap();
    let pool = || Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT);
    let builder = Verifier::builder().trust(pool()).trust(pool().issuer_name("https://other.example"));
    let verifier = builder.start().await.unwrap();
    local.rotate();
    let outcomes = verifier.refresh().await;
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == RefreshOutcome::Changed), "{outcomes:?}");
    assert_eq!(local.jwks_fetches(), 2);
}

#[tokio::test]
async fn refresh_is_bounded_by_its_own_cooldown() {
    // FR-A16: even if callers trigger it often, and the budget of unknown keys is used up.
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    assert!(verifier.verify_or_refresh(local.mint().header("kid", "invented").sign()).await.is_err());
    let fetches = local.jwks_fetches();
    let refresh = async || verifier.refresh_issuer(local.issuer()).await.unwrap();
    assert_eq!(refresh().await, RefreshOutcome::Unchanged);
    for _ in 0..100 {
        let outcome = refresh().await;
        let RefreshOutcome::TooSoon { retry_after, .. } = outcome else { panic!("{outcome:?}") };
        assert!(retry_after <= Duration::from_secs(10));
    }
    assert_eq!(local.jwks_fetches(), fetches + 1);
    pass(Duration::from_secs(10)).await;
    assert_eq!(refresh().await, RefreshOutcome::Unchanged);
    // It does not use the budget of unknown keys either.
    local.rotate();
    pass(Duration::from_secs(30)).await;
    assert!(verifier.verify_or_refresh(local.mint().sign()).await.is_ok());
}

#[tokio::test]
async fn failed_refresh_says_why() {
    // FR-A16, FR-A1: one response is not a key set, and one has no usable key.
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    for (fault, expected) in [
        (Fault::Status(500), "expected status 200, found 500"),
        (Fault::EmptySet, "none of the 0 keys can verify a token"),
    ] {
        local.set_fault(fault);
        let outcome = verifier.refresh_issuer(local.issuer()).await.unwrap();
        let RefreshOutcome::Failed { reason, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(reason, expected);
        assert_eq!(verifier.status().issuers()[0].last_failure.as_deref(), Some(expected));
        assert!(verifier.verify(&token).is_ok());
        pass(Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn refresh_asks_each_issuer_at_the_same_time() {
    // FR-A16: results have the order of the configuration. An issuer with static keys fetches
    // nothing.
    let slow = LocalIssuer::start().await.unwrap();
    let quick = LocalIssuer::start().await.unwrap();
    let fixed = LocalIssuer::start().await.unwrap();
    let trusted = |local: &LocalIssuer| Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT);
    let builder = Verifier::builder().trust(trusted(&slow)).trust(trusted(&quick));
    let verifier = builder.trust(trusted(&fixed).jwks(fixed.default_pool().jwks())).start().await.unwrap();
    quick.rotate();
    let outcomes = verifier.refresh().await;
    let expected = [
        (slow.issuer().to_owned(), RefreshOutcome::Unchanged),
        (quick.issuer().to_owned(), RefreshOutcome::Changed),
        (fixed.issuer().to_owned(), RefreshOutcome::Static),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(fixed.jwks_fetches(), 0);
    let error = verifier.refresh_issuer("https://other.example").await.unwrap_err();
    assert!(matches!(error, ConfigError::UntrustedIssuer { .. }), "{error}");
}
