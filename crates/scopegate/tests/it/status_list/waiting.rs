//! Is a token that has waited for its status list still valid then?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use scopegate::middleware::{self, PendingVerification, Verification};
use scopegate::{Claims, Error, Issuer, Revocation, Revocations, StatusList, Verifier};
use scopegate_issuer::LocalIssuer;
use testkit::{ISSUER, KEY, LOCAL_CLIENT};

use super::fixture::Server;

/// Begins the verification of a token that waits for its list.
fn begin(verifier: &Verifier, token: &str) -> PendingVerification {
    match middleware::try_verify(verifier, token) {
        Verification::Pending(pending) => pending,
        Verification::Done(result) => panic!("expected a wait, found {result:?}"),
    }
}

/// Verifies a token of ten seconds, and calls `meanwhile` while it waits for its list.
async fn verify_during(
    builder: impl FnOnce(&Server) -> Verifier,
    meanwhile: impl FnOnce(&Server, &Verifier),
) -> Result<Claims, Error> {
    let server = Server::start().await;
    server.publish(&[0]);
    let verifier = builder(&server);
    let token = server.token(0).lifetime(10).claim("jti", "one").sign_with(&KEY);
    let pending = begin(&verifier, &token);
    meanwhile(&server, &verifier);
    pending.wait().await
}

fn verifier(server: &Server) -> Verifier {
    server.verifier(StatusList::required())
}

#[tokio::test]
async fn token_that_expires_meanwhile_is_rejected() {
    let result = verify_during(verifier, |server, _| server.set_clock(9)).await;
    assert!(result.is_ok(), "{result:?}");
    let result = verify_during(verifier, |server, _| server.set_clock(10)).await;
    assert!(matches!(result, Err(Error::Expired { .. })), "{result:?}");
    // A token that is not cached is verified in full.
    let uncached = |server: &Server| {
        let builder = server.builder().cache_capacity(0);
        builder.trust(server.issuer(StatusList::required())).start_lazy().unwrap()
    };
    let result = verify_during(uncached, |server, _| server.set_clock(9)).await;
    assert!(result.is_ok(), "{result:?}");
    let result = verify_during(uncached, |server, _| server.set_clock(10)).await;
    assert!(matches!(result, Err(Error::Expired { .. })), "{result:?}");
}

#[tokio::test]
async fn token_of_issuer_distrusted_meanwhile_is_rejected() {
    let result = verify_during(verifier, |_, verifier| assert!(verifier.distrust(ISSUER).unwrap())).await;
    assert!(matches!(result, Err(Error::UnknownIssuer { .. })), "{result:?}");
    let other_client = |server: &Server, verifier: &Verifier| {
        let issuer = testkit::issuer_with_keys([KEY.jwk()]).client("another");
        verifier.trust(issuer.status_list(StatusList::required().origin(&server.url))).unwrap();
    };
    let result = verify_during(verifier, other_client).await;
    assert!(matches!(result, Err(Error::WrongClient { .. })), "{result:?}");
}

#[tokio::test]
async fn token_revoked_meanwhile_is_rejected() {
    for (id, revoked) in [("one", true), ("two", false)] {
        let revocations = Revocations::builder().build();
        let revoking = revocations.clone();
        let builder = |server: &Server| {
            let builder = server.builder().revocations(&revocations);
            builder.trust(server.issuer(StatusList::required())).start_lazy().unwrap()
        };
        let meanwhile = |_: &Server, _: &Verifier| {
            revoking.revoke(Revocation::token(ISSUER, id)).unwrap();
        };
        let result = verify_during(builder, meanwhile).await;
        assert_eq!(matches!(result, Err(Error::Revoked { .. })), revoked, "{result:?}");
        assert_eq!(result.is_ok(), !revoked);
    }
}

#[tokio::test]
async fn token_that_waits_for_key_and_list_is_verified_after_both() {
    let local = LocalIssuer::start().await.unwrap();
    local.set_status(0, 0);
    for (seconds, accepted) in [(599, true), (601, false)] {
        let began = SystemTime::now();
        let ahead = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&ahead);
        let clock = move || began + Duration::from_secs(read.load(Ordering::Relaxed));
        let issuer = Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT);
        let issuer = issuer.status_list(StatusList::required());
        let builder = Verifier::builder().clock(clock).leeway(Duration::ZERO);
        let verifier = builder.trust(issuer).start_lazy().unwrap();
        let pending = begin(&verifier, &local.mint().lifetime(600).status_index(0).sign());
        ahead.store(seconds, Ordering::Relaxed);
        let result = pending.wait().await;
        assert_eq!(result.is_ok(), accepted, "{result:?}");
        assert!(accepted || matches!(result, Err(Error::Expired { .. })), "{result:?}");
    }
}
