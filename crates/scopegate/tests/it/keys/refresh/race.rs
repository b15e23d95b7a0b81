//! Is a request accepted that arrives when a fetch ends?

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use scopegate::{Algorithm, Claims, Error, Issuer, Verifier};
use scopegate_issuer::{Algorithm as KeyAlgorithm, LocalIssuer, SigningKey};
use tokio::runtime::Handle;

/// Polls a new verification once, and repeats this until one is ready.
fn poll_until_ready(verifier: &Verifier, token: &str) -> Result<Claims, Error> {
    loop {
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(outcome) = pin!(verifier.verify_or_refresh(token)).poll(&mut context) {
            return outcome;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_arriving_with_its_key_is_accepted() {
    let local = LocalIssuer::start().await.unwrap();
    local.default_pool().rotate_to(SigningKey::generate(KeyAlgorithm::EdDSA));
    let mut rejected = Vec::new();
    for _ in 0..300 {
        let trusted = Issuer::from_jwks_uri(local.issuer(), &local.jwks_uri()).unwrap();
        let trusted = trusted.allow_any_audience().algorithms([Algorithm::EdDSA]);
        let verifier = Verifier::builder().trust(trusted).start().await.unwrap();
        local.default_pool().rotate_to(SigningKey::generate(KeyAlgorithm::EdDSA));
        let token = local.mint().sign();
        let callers: Vec<_> = (0..2)
            .map(|_| {
                let (runtime, verifier, token) = (Handle::current(), verifier.clone(), token.clone());
                thread::spawn(move || {
                    let _runtime = runtime.enter();
                    poll_until_ready(&verifier, &token)
                })
            })
            .collect();
        let outcomes = tokio::task::spawn_blocking(move || {
            callers.into_iter().map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
        });
        rejected.extend(outcomes.await.unwrap().into_iter().filter_map(Result::err));
    }
    assert!(
        rejected.is_empty(),
        "{} of 600 were rejected, the first because of: {}",
        rejected.len(),
        rejected[0]
    );
}
