//! Which Cognito user pools are trusted by a rule over their ids?

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use scopegate::{ConfigError, Error, Issuers, TenantList, Tenants, Verifier};
use scopegate_issuer::Mint;
use testkit::{CLIENT, KEY, jwks};

use super::fixture::status;

const POOL: &str = "eu-west-1_Ab12Cd34E";
const OTHER: &str = "eu-west-1_Fg56Hi78J";

fn name(pool: &str) -> String {
    format!("https://cognito-idp.eu-west-1.amazonaws.com/{pool}")
}

fn token_of(iss: &str) -> String {
    Mint::cognito(iss, CLIENT).sign_with(&KEY)
}

fn token(pool: &str) -> String {
    token_of(&name(pool))
}

/// Pools with static keys, and the number of pools whose rules were requested.
fn pools(tenants: impl Into<Tenants>) -> (Issuers, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let issuers = Issuers::cognito_pools(tenants, ["eu-west-1"], move |pool_id, pool| {
        count.fetch_add(1, Ordering::Relaxed);
        assert!(pool_id.starts_with("eu-west-1_"));
        pool.client(CLIENT).jwks(jwks([KEY.jwk()]))
    });
    (issuers.unwrap(), asked)
}

async fn verifier(tenants: impl Into<Tenants>) -> (Verifier, Arc<AtomicUsize>) {
    let (issuers, asked) = pools(tenants);
    (Verifier::builder().trust_dynamic(issuers).start().await.unwrap(), asked)
}

#[tokio::test]
async fn listed_pool_is_accepted_under_both_names() {
    let (verifier, asked) = verifier(&TenantList::new([POOL]).unwrap()).await;
    for iss in [name(POOL), name(POOL).replace("//cognito", "//issuer-cognito")] {
        let claims = verifier.verify_or_refresh(token_of(&iss)).await.unwrap();
        assert_eq!((claims.issuer(), claims.tenant()), (&*iss, Some(POOL)));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn other_names_cause_no_call() {
    let (verifier, asked) = verifier(&TenantList::new([POOL]).unwrap()).await;
    for iss in [
        name(OTHER),
        name("eu-west-1_"),
        format!("{}/", name(POOL)),
        format!("https://evil.example/{POOL}"),
        name(POOL).replace("amazonaws.com", "amazonaws.com.evil.example"),
        name(POOL).replace("eu-west-1.", "eu-central-1."),
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_A".to_owned(),
    ] {
        let error = verifier.verify_or_refresh(token_of(&iss)).await.unwrap_err();
        assert!(matches!(error, Error::UnknownIssuer { .. }), "{iss}: {error}");
    }
    assert_eq!((asked.load(Ordering::Relaxed), status(&verifier).calls), (0, 0));
}

#[tokio::test]
async fn changed_list_applies_to_cached_tokens_of_pool() {
    let tenants = TenantList::new([POOL]).unwrap();
    let (verifier, asked) = verifier(&tenants).await;
    let of_pool = token(POOL);
    assert!(verifier.verify_or_refresh(&of_pool).await.is_ok() && verifier.verify(&of_pool).is_ok());
    assert_eq!(verifier.status().cached_tokens(), 1);
    tenants.remove(POOL);
    for result in [verifier.verify(&of_pool), verifier.verify_or_refresh(&of_pool).await] {
        assert!(matches!(result, Err(Error::UnknownIssuer { .. })));
    }
    // Without a call: the rejection is not remembered.
    tenants.add(POOL).unwrap();
    assert!(verifier.verify(&of_pool).is_ok());
    assert!(verifier.verify_or_refresh(token(OTHER)).await.is_err());
    tenants.add(OTHER).unwrap();
    assert!(verifier.verify_or_refresh(token(OTHER)).await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn predicate_that_panics_is_undecided() {
    let panics = Arc::new(AtomicBool::new(true));
    let fault = Arc::clone(&panics);
    let tenants = Tenants::allow_if(move |pool| {
        assert!(!fault.load(Ordering::Relaxed), "a mistake in the predicate");
        pool == POOL
    });
    let (verifier, asked) = verifier(tenants).await;
    let of_pool = token(POOL);
    let undecided = |result| matches!(result, Err(Error::IssuerUnavailable { .. }));
    assert!(undecided(verifier.verify_or_refresh(&of_pool).await));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    panics.store(false, Ordering::Relaxed);
    assert!(verifier.verify_or_refresh(&of_pool).await.is_ok());
    panics.store(true, Ordering::Relaxed);
    assert!(undecided(verifier.verify(&of_pool)), "also if it is cached");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pool_removed_while_it_is_resolved_is_rejected() {
    // The pool becomes live and leaves the list between the look-up of a token's issuer and the
    // request to the resolver. The filter runs there.
    let tenants = TenantList::new([POOL]).unwrap();
    let (verifier, is_first) = (Arc::new(OnceLock::<Verifier>::new()), AtomicBool::new(true));
    let (own, list, runtime) = (Arc::clone(&verifier), tenants.clone(), tokio::runtime::Handle::current());
    let issuers = pools(&tenants).0.filter(move |_| {
        if is_first.swap(false, Ordering::Relaxed) {
            let other = own.get().unwrap().clone();
            let runtime = runtime.clone();
            let thread =
                std::thread::spawn(move || runtime.block_on(other.verify_or_refresh(token(POOL))).is_ok());
            assert!(thread.join().unwrap());
            list.remove(POOL);
        }
        true
    });
    verifier.set(Verifier::builder().trust_dynamic(issuers).start().await.unwrap()).unwrap();
    let result = verifier.get().unwrap().verify(token(POOL));
    assert!(matches!(result, Err(Error::UnknownIssuer { .. })), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn predicate_that_panics_in_a_call_is_undecided() {
    // The rule is asked on the request's thread, and once more by the call.
    let (asked, fault) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let panics = Arc::clone(&fault);
    let tenants = Tenants::allow_if(move |pool| {
        let is_of_call = asked.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        assert!(!(is_of_call && panics.load(Ordering::Relaxed)), "a mistake in the predicate");
        pool == POOL
    });
    let (verifier, calls) = verifier(tenants).await;
    let of_pool = token(POOL);
    let error = verifier.verify_or_refresh(&of_pool).await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    assert_eq!((calls.load(Ordering::Relaxed), status(&verifier).failed_calls), (0, 1));
    fault.store(false, Ordering::Relaxed);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(verifier.verify_or_refresh(&of_pool).await.is_ok(), "it is not remembered as unknown");
}

#[tokio::test(start_paused = true)]
async fn rules_that_panic_are_undecided() {
    let fault = Arc::new(AtomicBool::new(true));
    let panics = Arc::clone(&fault);
    let tenants = TenantList::new([POOL]).unwrap();
    let issuers = Issuers::cognito_pools(&tenants, ["eu-west-1"], move |_, pool| {
        assert!(!panics.load(Ordering::Relaxed), "a mistake in the rules");
        pool.client(CLIENT).jwks(jwks([KEY.jwk()]))
    });
    let verifier = Verifier::builder().trust_dynamic(issuers.unwrap()).start().await.unwrap();
    let error = verifier.verify_or_refresh(token(POOL)).await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    fault.store(false, Ordering::Relaxed);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(verifier.verify_or_refresh(token(POOL)).await.is_ok());
}

#[tokio::test]
async fn filter_narrows_pools_and_widens_nothing() {
    let (issuers, asked) = pools(Tenants::allow_any());
    let issuers = issuers.filter(|iss| !iss.ends_with(OTHER));
    let verifier = Verifier::builder().trust_dynamic(issuers).start().await.unwrap();
    assert!(verifier.verify_or_refresh(token(POOL)).await.is_ok());
    for iss in [name(OTHER), format!("https://evil.example/{POOL}")] {
        assert!(verifier.verify_or_refresh(token_of(&iss)).await.is_err(), "{iss}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn invalid_regions_are_rejected() {
    for regions in [&[][..], &[""], &["eu-west-1", "eu"], &["eu-west-1.evil.example"], &["EU-WEST-1"]] {
        let issuers =
            Issuers::cognito_pools(Tenants::allow_any(), regions.iter().copied(), |_, pool| pool.client("c"));
        assert!(matches!(issuers, Err(ConfigError::InvalidName { setting: "region", .. })), "{regions:?}");
    }
}
