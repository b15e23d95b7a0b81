//! Is a request refused that arrives at the very moment at which a fetch ends?

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use scopegate::{Algorithm, Claims, Error, Issuer, Verifier};
use scopegate_issuer::{Algorithm as KeyAlgorithm, LocalIssuer, SigningKey};
use tokio::runtime::Handle;

/// Begins to verify and goes away, again and again, until there is an answer without waiting.
fn begin_until_answered(verifier: &Verifier, token: &str) -> Result<Claims, Error> {
    loop {
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(answer) = pin!(verifier.verify_or_refresh(token)).poll(&mut context) {
            return answer;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_token_that_arrives_when_its_key_does_is_accepted() {
    let local = LocalIssuer::start().await.unwrap();
    local.default_pool().rotate_to(SigningKey::generate(KeyAlgorithm::EdDSA));
    let mut refused = Vec::new();
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
                    begin_until_answered(&verifier, &token)
                })
            })
            .collect();
        let answers = tokio::task::spawn_blocking(move || {
            callers.into_iter().map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
        });
        refused.extend(answers.await.unwrap().into_iter().filter_map(Result::err));
    }
    assert!(refused.is_empty(), "{} of 600 refused, the first because of: {}", refused.len(), refused[0]);
}
