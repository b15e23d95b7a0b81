//! An issuer that rotates its keys continuously, and an app that trusts it.

use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use scopegate_axum::{Issuer, RequireScope, Verifier};
use scopegate_bench_kit::{READ, handler};
use scopegate_issuer::{Algorithm, LocalIssuer, Pool, SigningKey};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::App;

/// An issuer with rotating keys. The first key signs again after every second rotation, so it is
/// always published and its tokens stay valid. The key set changes with each rotation.
pub struct Rotating {
    pub token: String,
    issuer: LocalIssuer,
    app: App,
}

impl Rotating {
    pub async fn start() -> Self {
        let (started, start) = oneshot::channel();
        // A separate thread, so that the issuer's work is not measured as the server's.
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let issuer = LocalIssuer::start().await.expect("a loopback socket");
                let token = issuer.mint().scope(READ).sign();
                let pool = issuer.default_pool();
                if started.send((issuer, token)).is_ok() {
                    rotate(&pool).await;
                }
            });
        });
        let (issuer, token) = start.await.expect("it starts");
        let trusted = Issuer::cognito_at(issuer.issuer()).expect("a loopback address").client("local-reader");
        let verifier = Verifier::builder().trust(trusted).refresh_interval(Duration::from_secs(1)).start();
        let require = RequireScope::new(&verifier.await.expect("the keys are there"), READ);
        let app = App::Axum08(Router::new().route("/orders", get(handler).layer(require)));
        Self { token, issuer, app }
    }

    pub fn app(&self) -> App {
        self.app.clone()
    }

    /// Returns the number of fetches of the keys.
    pub fn fetches(&self) -> u64 {
        self.issuer.jwks_fetches()
    }
}

async fn rotate(pool: &Pool) {
    let first = pool.signing_key();
    // Generated before, because this takes as long as thousands of requests. A new key id makes it a new key.
    let other = SigningKey::generate(Algorithm::RS256);
    for generation in 0_u64.. {
        pool.rotate_to(other.clone().with_kid(format!("generation-{generation}")));
        sleep(Duration::from_millis(250)).await;
        pool.rotate_to(first.clone());
        sleep(Duration::from_millis(250)).await;
    }
}
