//! Which issuer of a resolver is dropped if there are more than the limit?

use std::time::Duration;

use scopegate::{Issuer, Issuers, Verifier};
use scopegate_issuer::LocalIssuer;
use testkit::{LOCAL_CLIENT, pass};
use tokio::time::sleep;

use super::fixture::{Tenants, accepts, status, tenant, token};

/// Issuers are chosen for eviction four at a time.
const LIMIT: usize = 256;

/// Returns a resolver that trusts these servers, and has room for one.
async fn with_room_for_one(servers: &[LocalIssuer]) -> Verifier {
    let names: Vec<String> = servers.iter().map(|server| server.issuer().to_owned()).collect();
    let issuers = Issuers::resolver(move |iss| {
        let issuer = names.iter().any(|name| name == iss).then(|| Issuer::cognito_at(iss));
        async move { issuer.transpose().map(|issuer| issuer.map(|draft| draft.client(LOCAL_CLIENT))) }
    });
    Verifier::builder().trust_dynamic(issuers.max_issuers(1)).start().await.unwrap()
}

#[tokio::test]
async fn issuers_that_evict_each_other_are_not_fetched_again() {
    let servers = [LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap()];
    let verifier = with_room_for_one(&servers).await;
    let both = async || {
        for server in &servers {
            // An attacker has no valid token, and invents key ids.
            let invented = server.mint().header("kid", "invented").sign();
            assert!(verifier.verify_or_refresh(invented).await.is_err());
        }
    };
    both().await;
    let fetches = || servers.each_ref().map(|server| server.jwks_fetches());
    let first = fetches();
    // The first fetch, and at most two for the unknown key.
    assert!(first.iter().all(|fetches| *fetches <= 3), "{first:?}");
    for _ in 0..20 {
        both().await;
    }
    assert_eq!((fetches(), status(&verifier).evicted_issuers), (first, 41));
    assert!(verifier.verify_or_refresh(servers[0].mint().sign()).await.is_ok());
    // Half a minute after the eviction, the keys are forgotten.
    pass(Duration::from_secs(45)).await;
    tokio::task::yield_now().await;
    assert!(verifier.verify_or_refresh(servers[1].mint().sign()).await.is_ok());
    assert_eq!(fetches()[1], first[1] + 1);
}

#[tokio::test(start_paused = true)]
async fn chosen_issuer_in_use_again_is_not_evicted() {
    let tenants = Tenants::default();
    let verifier =
        Verifier::builder().trust_dynamic(tenants.issuers().max_issuers(LIMIT)).start().await.unwrap();
    let names: Vec<String> = (0..LIMIT + 4).map(tenant).collect();
    for name in &names {
        tenants.sign_up(name);
    }
    let (idle, busy, new) = (&names[..4], &names[4..LIMIT], &names[LIMIT..]);
    let alive = |name: &&String| verifier.issuer_status(name).is_some();

    for name in &names[..LIMIT] {
        assert!(accepts(&verifier, name).await);
    }
    // The use is read every 15 s.
    sleep(Duration::from_secs(20)).await;
    assert!(busy.iter().all(|name| verifier.verify(token(name)).is_ok()));
    sleep(Duration::from_secs(20)).await;

    assert!(accepts(&verifier, &new[0]).await);
    let chosen: Vec<&String> = idle.iter().filter(alive).collect();
    assert_eq!(chosen.len(), 3);
    assert!(verifier.verify(token(chosen[1])).is_ok());
    for name in &new[1..3] {
        assert!(accepts(&verifier, name).await);
    }
    assert_eq!(idle.iter().filter(alive).collect::<Vec<_>>(), [chosen[1]]);
    assert!(busy.iter().chain(&new[..3]).all(|name| alive(&name)));

    assert!(accepts(&verifier, &new[3]).await);
    assert!(alive(&chosen[1]) && alive(&&new[3]));
    let status = status(&verifier);
    assert_eq!((status.live_issuers, status.evicted_issuers), (LIMIT, 4));
}
