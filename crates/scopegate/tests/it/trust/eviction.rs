//! Which issuer of a resolver is dropped if there are more than the limit?

use std::time::Duration;

use tokio::time::sleep;

use super::fixture::{Tenants, accepts, status, tenant, token};

/// Issuers are chosen for eviction four at a time.
const LIMIT: usize = 256;

#[tokio::test(start_paused = true)]
async fn chosen_issuer_in_use_again_is_not_evicted() {
    let tenants = Tenants::default();
    let verifier = scopegate::Verifier::builder()
        .trust_dynamic(tenants.issuers().max_issuers(LIMIT))
        .start()
        .await
        .unwrap();
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
