//! An issuer that never stops changing its keys, and an app that follows it.

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

/// Every second time the first key signs again, so it always is one of the two that are published, and its tokens stay
/// good, while the set is another one each time.
pub struct Rotating {
    pub token: String,
    issuer: LocalIssuer,
    app: App,
}

impl Rotating {
    pub async fn start() -> Self {
        let (started, start) = oneshot::channel();
        // On a thread of its own, so that what the issuer does is not taken for work of the server.
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

    /// How often the keys were fetched.
    pub fn fetches(&self) -> u64 {
        self.issuer.jwks_fetches()
    }
}

async fn rotate(pool: &Pool) {
    let first = pool.signing_key();
    // Made before, because that takes as long as thousands of requests. What makes a key new is its id.
    let other = SigningKey::generate(Algorithm::RS256);
    for generation in 0_u64.. {
        pool.rotate_to(other.clone().with_kid(format!("generation-{generation}")));
        sleep(Duration::from_millis(250)).await;
        pool.rotate_to(first.clone());
        sleep(Duration::from_millis(250)).await;
    }
}
