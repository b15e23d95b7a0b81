//! DPoP: the cost for bearer tokens, and a cached token with a new proof, next to the check of the
//! proof's signature alone.

use std::hint::black_box;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::http::{Authorization, Authorizer, Recording};
use scopegate::{Dpop, NumericDate, Verifier};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::{Value, json};

use crate::cases::verify::signature;
use crate::{CLIENT, Case, ISSUER, READ, builder, signer};

pub(super) fn cases() -> Vec<Case> {
    vec![
        bearer(WITHOUT, || signer(Algorithm::RS256).caching_verifier()),
        bearer("authorize, cached, with DPoP", || accepting(Algorithm::RS256)).over(WITHOUT),
        proof(Algorithm::ES256),
        proof(Algorithm::EdDSA),
    ]
}

const WITHOUT: &str = "authorize, cached";

/// Decides about a request with a cached bearer token.
fn bearer(name: &str, verifier: impl Fn() -> Verifier + 'static) -> Case {
    Case::new(name, move || {
        let authorizer = Authorizer::require_scope(&verifier(), READ).expect("a scope");
        let token = signer(Algorithm::RS256).token();
        let request = Request::get("/orders").header("authorization", format!("Bearer {token}"));
        let request = request.body(()).expect("a request");
        Box::new(move || {
            let request = black_box(&request);
            let (method, uri, headers) = (request.method(), request.uri(), request.headers());
            let decided = authorizer.authorize_request(method, uri, headers);
            assert!(matches!(decided, Authorization::Ready(Ok(Some(_)))));
        })
    })
}

const ORIGIN: &str = "https://api.example";

fn accepting(alg: Algorithm) -> Verifier {
    let dpop = Dpop::accept().origin(ORIGIN);
    builder([signer(alg).issuer()]).dpop(dpop).build().expect("a verifier")
}

/// Decides about a request with a cached token and a new proof, and records the proof.
fn proof(alg: Algorithm) -> Case {
    Case::using_up(format!("proof {alg}, cached token"), move |times| {
        let (signer, key) = (signer(Algorithm::RS256), SigningKey::generate(alg));
        let token = signer.mint().claim("cnf", json!({ "jkt": thumbprint(&key) })).sign_with(&signer.key);
        let authorizer = Authorizer::require_scope(&accepting(Algorithm::RS256), READ).expect("a scope");
        let request = |number: usize| {
            let request = Request::get("/orders").header("authorization", format!("DPoP {token}"));
            request.header("dpop", signed(&key, &token, number)).body(()).expect("a request")
        };
        let mut requests: Vec<Request<()>> = (0..times).map(request).collect();
        // The first use of the token verifies it, and prepares the key.
        decide(&authorizer, &request(times));
        Box::new(move || {
            let request = requests.pop().expect("as many as were said");
            decide(black_box(&authorizer), black_box(&request));
            std::mem::forget(request);
        })
    })
    .over(signature(alg))
}

fn decide(authorizer: &Authorizer, request: &Request<()>) {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let Authorization::Proven(proven) = authorizer.authorize_request(method, uri, headers) else {
        panic!("the token and the proof are valid")
    };
    assert!(matches!(proven.record(None), Recording::Done(Ok(_))));
}

/// Returns a proof for a request with this token.
fn signed(key: &SigningKey, token: &str, number: usize) -> String {
    let now = NumericDate::from(std::time::SystemTime::now()).as_secs();
    let header = json!({ "typ": "dpop+jwt", "alg": key.alg().to_string(), "jwk": key.jwk() });
    let claims = json!({
        "jti": format!("0b9c4b2e-5f0e-4a7e-9a53-{number:012}"), "htm": "GET", "htu": format!("{ORIGIN}/orders"),
        "iat": now, "ath": hash(token),
    });
    Mint::cognito(ISSUER, CLIENT)
        .raw_header(header.to_string())
        .raw_payload(claims.to_string())
        .sign_with(key)
}

/// Returns the thumbprint of a key (RFC 7638).
fn thumbprint(key: &SigningKey) -> String {
    let jwk = key.jwk();
    let names: &[&str] =
        if jwk.get("y").is_some() { &["crv", "kty", "x", "y"] } else { &["crv", "kty", "x"] };
    let member = |name: &&str| format!("\"{name}\":{}", jwk.get(name).unwrap_or(&Value::Null));
    hash(&format!("{{{}}}", names.iter().map(member).collect::<Vec<_>>().join(",")))
}

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}
