//! Tenants with an issuer each, and a resolver that knows them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scopegate::{Issuer, Issuers, Verifier};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use testkit::{CLIENT, jwks};

/// The key of every tenant.
pub(crate) fn key() -> &'static SigningKey {
    use std::sync::LazyLock;
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256));
    &KEY
}

/// Returns the issuer of a tenant.
pub(crate) fn tenant(name: impl std::fmt::Display) -> String {
    format!("https://tenants.example/{name}")
}

/// Returns an issuer with static keys.
pub(crate) fn issuer(name: &str) -> Issuer {
    Issuer::from_jwks(name, &jwks([key().jwk()]))
        .unwrap()
        .client(CLIENT)
        .algorithms([scopegate::Algorithm::ES256])
}

/// Returns a valid token of this issuer.
pub(crate) fn token(name: &str) -> String {
    Mint::cognito(name, CLIENT).without_claim("token_use").sign_with(key())
}

/// The behavior of the resolver for a name.
#[derive(Clone, Debug)]
pub(crate) enum Behavior {
    Returns(Box<Issuer>),
    Fails,
    Hangs,
    Panics,
}

/// The application's list of tenants.
#[derive(Clone, Default)]
pub(crate) struct Tenants {
    known: Arc<Mutex<HashMap<String, Behavior>>>,
    calls: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    most_running: Arc<AtomicUsize>,
    /// How long a call takes, in milliseconds.
    delay: Arc<AtomicUsize>,
}

impl Tenants {
    pub(crate) fn sign_up(&self, name: &str) {
        self.set(name, Behavior::Returns(Box::new(issuer(name))));
    }

    pub(crate) fn set(&self, name: &str, behavior: Behavior) {
        self.known.lock().unwrap().insert(name.to_owned(), behavior);
    }

    pub(crate) fn remove(&self, name: &str) {
        self.known.lock().unwrap().remove(name);
    }

    pub(crate) fn delay(&self, millis: usize) {
        self.delay.store(millis, Ordering::Relaxed);
    }

    /// Returns how often the resolver was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Returns how many calls ran at the same time, at most.
    pub(crate) fn most_running(&self) -> usize {
        self.most_running.load(Ordering::Relaxed)
    }

    pub(crate) fn issuers(&self) -> Issuers {
        let tenants = self.clone();
        Issuers::resolver(move |iss| {
            let (tenants, iss) = (tenants.clone(), iss.to_owned());
            async move {
                tenants.calls.fetch_add(1, Ordering::Relaxed);
                let running = tenants.running.fetch_add(1, Ordering::Relaxed) + 1;
                tenants.most_running.fetch_max(running, Ordering::Relaxed);
                let delay = tenants.delay.load(Ordering::Relaxed);
                if delay > 0 {
                    tokio::time::sleep(Duration::from_millis(delay.try_into().unwrap())).await;
                }
                tenants.running.fetch_sub(1, Ordering::Relaxed);
                let behavior = tenants.known.lock().unwrap().get(&iss).cloned();
                match behavior {
                    None => Ok(None),
                    Some(Behavior::Returns(issuer)) => Ok(Some(*issuer)),
                    Some(Behavior::Fails) => Err("the database is down"),
                    Some(Behavior::Hangs) => std::future::pending().await,
                    Some(Behavior::Panics) => panic!("a mistake in the resolver"),
                }
            }
        })
    }

    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::builder().trust_dynamic(self.issuers()).start_lazy().unwrap()
    }
}

/// Returns whether a token of this issuer is accepted, after a wait if need be.
pub(crate) async fn accepts(verifier: &Verifier, name: &str) -> bool {
    verifier.verify_or_refresh(token(name)).await.is_ok()
}

/// Returns the status of the resolver.
pub(crate) fn status(verifier: &Verifier) -> scopegate::ResolverStatus {
    verifier.status().resolver().unwrap().clone()
}
