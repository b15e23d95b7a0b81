//! Requests with DPoP of the issuer's crate against the verifier: each defect is rejected, and the
//! same request without it is accepted.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::handler::Handler as _;
use axum::http::{HeaderMap, Request, Response};
use axum::routing::post;
use scopegate_axum::{Dpop, DpopNonces, Issuer, RequireScope, Verifier};
use scopegate_issuer::{
    Algorithm, Certificate, CertificateDefect, DpopDefect, DpopProof, DpopRequest, Event, LocalIssuer, Mint,
    Rehearsal, SigningKey,
};
use tower::ServiceExt as _;

use crate::api::{READ, READER};

const URL: &str = "https://api.example/orders";

async fn app(local: &LocalIssuer, dpop: Dpop) -> Router {
    let trusted = Issuer::cognito_at(local.issuer()).unwrap().client(READER.0);
    let dpop = dpop.origin("https://api.example");
    let verifier = Verifier::builder().trust(trusted).dpop(dpop).start().await.unwrap();
    let orders = async || "orders";
    Router::new().route("/orders", post(orders.layer(RequireScope::new(&verifier, READ))))
}

async fn send(app: &Router, headers: &DpopRequest) -> Response<Body> {
    let request = Request::post("/orders").header("authorization", headers.authorization());
    let request = headers.proofs().fold(request, |request, proof| request.header("dpop", proof));
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// Returns the errors of all challenges.
fn errors(headers: &HeaderMap) -> Vec<&str> {
    let challenges = headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap());
    challenges.filter_map(|one| one.split("error=\"").nth(1)?.split('"').next()).collect()
}

/// Sends the requests of a defect. Returns a description if the last one is accepted, or another one
/// rejected.
async fn surprise(app: &Router, proof: &DpopProof, token: &Mint, defect: DpopDefect) -> Option<String> {
    let requests = proof.broken_requests(token, defect);
    let (last, valid) = requests.split_last().unwrap();
    for request in valid {
        let status = send(app, request).await.status();
        if status != 200 {
            return Some(format!("{defect}: a valid request got {status}"));
        }
    }
    let response = send(app, last).await;
    let found = (response.status().as_u16(), errors(response.headers()));
    (found != (401, vec![defect.error()])).then(|| format!("{defect}: {found:?}"))
}

#[tokio::test]
async fn every_dpop_defect_is_rejected_with_its_error() {
    // DP01, DP03, DP06, DP07, DP08, DP09, DP10, DP11, DP12, DP13, DP14, DP15, DP16, DP20
    // DP22, DP23, DP24, DP32
    let local = LocalIssuer::start().await.unwrap();
    let app = app(&local, Dpop::accept()).await;
    let token = local.mint();
    let mut surprises = Vec::new();
    for alg in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::PS256] {
        let proof = DpopProof::new(&SigningKey::generate(alg), "POST", URL);
        assert_eq!(send(&app, &proof.request(&token)).await.status(), 200, "{alg}");
        for defect in DpopDefect::ALL.iter().filter(|defect| !defect.needs_nonces()) {
            surprises
                .extend(surprise(&app, &proof, &token, *defect).await.map(|found| format!("{alg} {found}")));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[tokio::test]
async fn every_defect_is_rejected_if_nonces_are_required() {
    // DP33, DP34
    let local = LocalIssuer::start().await.unwrap();
    let app = app(&local, Dpop::accept().nonces(&DpopNonces::new())).await;
    let token = local.mint();
    let proof = DpopProof::new(&SigningKey::generate(Algorithm::ES256), "POST", URL);
    let challenge = send(&app, &proof.request(&token)).await;
    assert_eq!((challenge.status().as_u16(), errors(challenge.headers())), (401, vec!["use_dpop_nonce"]));
    let proof = proof.nonce(challenge.headers()["dpop-nonce"].to_str().unwrap());
    assert_eq!(send(&app, &proof.request(&token)).await.status(), 200);
    assert!(DpopDefect::ALL.iter().any(|defect| defect.needs_nonces()));
    let mut surprises = Vec::new();
    for defect in DpopDefect::ALL {
        surprises.extend(surprise(&app, &proof, &token, *defect).await);
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[tokio::test]
async fn token_bound_to_certificate_is_rejected_without_it() {
    // RFC 8705 §3: the verifier reads no certificate, so it rejects each of these tokens.
    let local = LocalIssuer::start().await.unwrap();
    let app = app(&local, Dpop::accept()).await;
    let certificate = Certificate::from_der([0x30, 0]).unwrap();
    let bound = [local.mint().with_certificate(&certificate)];
    let defects = CertificateDefect::ALL.into_iter();
    let broken = defects.map(|defect| local.mint().with_certificate_defect(&certificate, defect));
    for token in bound.into_iter().chain(broken) {
        let request = Request::post("/orders").header("authorization", format!("Bearer {}", token.sign()));
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let found = (response.status().as_u16(), errors(response.headers()));
        assert_eq!(found, (401, vec!["invalid_token"]), "{:?}", token.claims()["cnf"]);
    }
}

#[test]
fn defects_have_different_names() {
    let names: std::collections::HashSet<_> = DpopDefect::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), DpopDefect::ALL.len());
}

#[tokio::test]
async fn rotation_rejects_no_proven_request() {
    let local = LocalIssuer::start().await.unwrap();
    let app = app(&local, Dpop::require()).await;
    let key = SigningKey::generate(Algorithm::ES256);
    let proof = DpopProof::new(&key, "POST", URL);
    let is_accepted = move |token: String| {
        let (app, proof) = (app.clone(), proof.clone().token(&token).sign());
        async move {
            let request = Request::post("/orders").header("authorization", format!("DPoP {token}"));
            let request = request.header("dpop", proof).body(Body::empty()).unwrap();
            app.oneshot(request).await.unwrap().status() == 200
        }
    };
    let rehearsal = Rehearsal::new(&local).token(move |mint| mint.with_dpop_key(&key));
    let rehearsal = rehearsal.duration(Duration::from_secs(1));
    let report = rehearsal.play(Event::RotateWithOverlap, is_accepted).await;
    assert!(report.sent > 16, "{report}");
    assert_eq!(report.valid_rejected, 0, "{report}");
}
