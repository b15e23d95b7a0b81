//! Issuers of a resolver: their JWTs can be introspected, and opaque tokens do not name them.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scopegate::{ConfigError, Error, Issuer, Issuers, Verifier};
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, KEY, StillClock, jwks};
use tracing_subscriber::filter::LevelFilter;

use super::endpoint::{Endpoint, OPAQUE, jwt};

/// Returns a verifier whose resolver knows this issuer, and the number of calls.
fn verifier(issuer: impl Fn() -> Issuer + Send + Sync + 'static) -> (Verifier, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let issuers = Issuers::resolver(move |iss| {
        counted.fetch_add(1, Ordering::Relaxed);
        let issuer = issuer();
        ready(Ok::<_, ConfigError>((iss == ISSUER || iss == OPAQUE).then_some(issuer)))
    });
    (Verifier::builder().trust_dynamic(issuers).start_lazy().unwrap(), calls)
}

fn of_jwts(endpoint: &Endpoint) -> Issuer {
    let issuer = Issuer::from_jwks(ISSUER, &jwks([KEY.jwk()])).unwrap().audience(AUDIENCE);
    issuer.and_introspect(endpoint.introspection())
}

#[tokio::test]
async fn revoked_jwt_of_a_resolved_issuer_is_rejected() {
    // IN18
    let endpoint = Endpoint::start().await;
    let of_tenant = endpoint.clone();
    let (verifier, _) = verifier(move || of_jwts(&of_tenant));
    let token = jwt(ISSUER);
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::Inactive { .. }), "{error}");
    let other = crate::introspection::endpoint::signed(&KEY, ISSUER, 700);
    endpoint.activate(&other, &json!({}));
    assert_eq!(verifier.verify_or_refresh(&other).await.unwrap().subject(), Some("jwt-user"));
    assert!(verifier.verify(&other).is_ok(), "the result is cached");
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test]
async fn renewed_issuer_continues_with_its_results() {
    let (clock, endpoint) = (StillClock::start(), Endpoint::start().await);
    let of_tenant = endpoint.clone();
    let (verifier, resolved) = verifier(move || of_jwts(&of_tenant));
    let token = jwt(ISSUER);
    endpoint.activate(&token, &json!({}));
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    // In use, so that the resolver is called again before the end of the lifetime.
    for _ in 0..600 {
        if resolved.load(Ordering::Relaxed) > 1 {
            break;
        }
        clock.pass(Duration::from_secs(1)).await;
        assert!(verifier.verify_or_refresh(&token).await.is_ok());
    }
    assert_eq!(resolved.load(Ordering::Relaxed), 2);
    let calls = endpoint.calls();
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    assert_eq!(endpoint.calls(), calls, "the result is that of the replaced issuer");
}

#[tokio::test]
async fn opaque_issuer_of_a_resolver_is_an_error() {
    // IN20
    let endpoint = Endpoint::start().await;
    let log = testkit::Log::of_thread_without_times(LevelFilter::WARN);
    let of_tenant = endpoint.clone();
    let (verifier, _) = verifier(move || of_tenant.issuer().introspect_jwts());
    let result = verifier.verify_or_refresh(jwt(OPAQUE)).await;
    assert!(matches!(result, Err(Error::IssuerUnavailable { .. })), "{result:?}");
    assert!(log.text().contains("cannot have opaque tokens, which do not name it"), "{}", log.text());
    assert_eq!(endpoint.calls(), 0);
    let result = verifier.verify_or_refresh("opaque").await;
    assert!(matches!(result, Err(Error::NotThreeParts { .. })), "{result:?}");
}
