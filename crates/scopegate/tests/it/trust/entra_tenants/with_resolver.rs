//! Which names belong to the tenants, and which to a resolver?

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use scopegate::{ConfigError, Issuer, Issuers, TenantList, Tenants, Verifier};
use testkit::{KEY, jwks};

use super::fixture::{A, API, B, TEMPLATE, is_unknown, many, mint, token};

#[tokio::test]
async fn resolver_is_not_called_for_tenants() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let resolver = Issuers::resolver(move |_: &str| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok::<_, ConfigError>(Some(many(Tenants::allow_any()))))
    });
    let tenants = TenantList::new([A]).unwrap();
    let verifier = Verifier::builder().trust(many(&tenants)).trust_dynamic(resolver).start().await.unwrap();
    assert!(verifier.verify_or_refresh(token(A)).await.is_ok());
    assert!(is_unknown(&verifier.verify_or_refresh(token(B)).await));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    // An issuer of a resolver has one name, so the form is none: no token can have it as `iss`.
    verifier.distrust(TEMPLATE).unwrap();
    for tenant in [A, "{tenantid}"] {
        assert!(verifier.verify_or_refresh(token(tenant)).await.is_err(), "{tenant}");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert_eq!(verifier.status().resolver().unwrap().live_issuers, 0);
}

#[tokio::test(start_paused = true)]
async fn tenants_take_names_over_from_a_pending_call() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let resolver = Issuers::resolver(move |iss: &str| {
        count.fetch_add(1, Ordering::Relaxed);
        let issuer = Issuer::from_jwks(iss, &jwks([KEY.jwk()])).map(|draft| Some(draft.audience(API)));
        async move {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            issuer
        }
    });
    let verifier = Verifier::builder().trust_dynamic(resolver).start().await.unwrap();
    let of_a = token(A);
    assert!(verifier.verify(&of_a).is_err());
    // The call begins.
    tokio::task::yield_now().await;
    verifier.trust(many(TenantList::default())).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(verifier.status().resolver().unwrap().live_issuers, 0);
    verifier.distrust(TEMPLATE).unwrap();
    assert!(verifier.verify_or_refresh(&of_a).await.is_ok());
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn tenants_take_names_over_from_a_resolver() {
    let resolver = Issuers::resolver(|iss: &str| {
        let issuer = Issuer::from_jwks(iss, &jwks([KEY.jwk()])).map(|draft| Some(draft.audience(API)));
        std::future::ready(issuer)
    });
    let verifier = Verifier::builder().trust_dynamic(resolver).start().await.unwrap();
    let of_a = token(A);
    assert!(verifier.verify_or_refresh(&of_a).await.is_ok() && verifier.verify(&of_a).is_ok());
    verifier.trust(many(TenantList::default())).unwrap();
    assert!(is_unknown(&verifier.verify_or_refresh(&of_a).await), "also if it was cached");
}

#[tokio::test(start_paused = true)]
async fn trust_of_all_tenants_ends_waits_for_one() {
    let hangs = Issuers::resolver(|_| std::future::pending::<Result<Option<Issuer>, ConfigError>>());
    let verifier = Verifier::builder().trust_dynamic(hangs).start_lazy().unwrap();
    let token = mint(A).sign_with(&KEY);
    let mut waits = Box::pin(verifier.verify_or_refresh(&token));
    assert!(testkit::poll_once(&mut waits).await.is_none());
    let began = tokio::time::Instant::now();
    verifier.trust(many(TenantList::new([A]).unwrap())).unwrap();
    assert!(waits.await.is_ok());
    assert_eq!(began.elapsed(), std::time::Duration::ZERO);
}
