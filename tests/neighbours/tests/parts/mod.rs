//! Our issuer, verifier and layer, and `jsonwebtoken` for the same tokens.
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use scopegate_axum::{Issuer, RequireScope, Verifier};
use scopegate_issuer::LocalIssuer;
use serde_json::Value;
use tower::ServiceExt as _;

/// An issuer and an API that trusts it.
pub struct Ours {
    pub issuer: LocalIssuer,
    verifier: Verifier,
    api: Router,
}

impl Ours {
    /// Starts an issuer and a verifier. Keys are fetched over HTTP, so the HTTP client and its TLS
    /// stack are built as well.
    pub async fn start() -> Self {
        let issuer = LocalIssuer::start().await.unwrap();
        let trusted = Issuer::cognito_at(issuer.issuer()).unwrap().client("local-reader");
        let verifier = Verifier::builder().trust(trusted).start().await.unwrap();
        let read = RequireScope::new(&verifier, "orders/read");
        Self { issuer, verifier, api: Router::new().route("/", get(async || "orders")).layer(read) }
    }

    /// Asserts that a new verifier and the layer accept a valid token, and reject invalid ones.
    pub async fn assert_works(&self) {
        let mint = self.issuer.mint().scope("orders/read");
        assert!(self.verifier.verify(&mint.sign()).is_ok());
        assert!(self.verifier.verify(&mint.clone().tampered().sign()).is_err());
        for (token, status) in [
            (mint.sign(), 200),
            (mint.clone().tampered().sign(), 401),
            (mint.clone().expired().sign(), 401),
            (mint.clone().scope("orders/write").sign(), 403),
        ] {
            let request = Request::get("/").header("authorization", format!("Bearer {token}"));
            let answer = self.api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), status);
        }
    }

    /// Returns whether `jsonwebtoken` accepts a token of this issuer.
    pub fn accepted_by_jsonwebtoken(&self, token: &str) -> bool {
        let keys: JwkSet = serde_json::from_str(&self.issuer.default_pool().jwks()).unwrap();
        let kid = decode_header(token).unwrap().kid.unwrap();
        let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
        decode::<BTreeMap<String, Value>>(token, &key, &Validation::new(Algorithm::RS256)).is_ok()
    }

    /// Asserts that `jsonwebtoken` accepts a valid token and rejects an invalid one.
    pub fn assert_jsonwebtoken_works(&self) {
        assert!(self.accepted_by_jsonwebtoken(&self.issuer.mint().sign()));
        assert!(!self.accepted_by_jsonwebtoken(&self.issuer.mint().tampered().sign()));
    }
}

/// Returns the message of the panic of this call.
pub fn panic_of<T>(call: impl FnOnce() -> T) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(call)) else { panic!("expected a panic, found none") };
    text_of(&*panic)
}

pub fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}
