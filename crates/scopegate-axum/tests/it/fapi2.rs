//! FAPI 2.0 through the layers and a real router. `crates/scopegate/tests/it/fapi2` tests the
//! configurations and the checks of tokens.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{Request, Response, header};
use axum::routing::post as on_post;
use axum::{Extension, Router};
use scopegate_axum::{
    CertificateSource, ClientCertificates, Dpop, PeerCertificate, ProtectedResource, Rejection, RequireScope,
    Revocations, Verifier, VerifierBuilder,
};
use scopegate_issuer::{Algorithm as KeyAlgorithm, Mint, SigningKey};
use serde_json::{Value, json};
use testkit::{NOW, Proof, bound_to, certificate_thumbprint, client_token, issuer_with_keys};

use crate::fixture::send;

/// The issuer's key.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(KeyAlgorithm::ES256));
static CLIENT_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(KeyAlgorithm::ES256));

const URL: &str = "https://api.example/payments";
const CERTIFICATE: &str = "a certificate";

fn builder() -> VerifierBuilder {
    Verifier::builder()
        .require_fapi2()
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .trust(issuer_with_keys([KEY.jwk()]).client(testkit::CLIENT))
        .revocations(&Revocations::new())
}

fn dpop() -> Dpop {
    Dpop::accept().origin("https://api.example")
}

fn certificates() -> ClientCertificates {
    ClientCertificates::accept(CertificateSource::Tls)
}

/// An API whose clients have keys or certificates.
fn payments() -> Router {
    let verifier = builder().dpop(dpop()).client_certificates(certificates()).build().unwrap();
    let pay = on_post(async || "paid").layer(RequireScope::new(&verifier, "payments"));
    Router::new().route("/payments", pay)
}

fn with_key() -> Mint {
    bound_to(&CLIENT_KEY, client_token().scope("payments"))
}

fn post(target: &str) -> Request<Body> {
    Request::post(target).body(Body::empty()).unwrap()
}

fn proven(mut request: Request<Body>, token: &str) -> Request<Body> {
    let proof = Proof::new(&CLIENT_KEY, "POST", URL, token).sign_with(&CLIENT_KEY);
    request.headers_mut().insert("dpop", proof.parse().unwrap());
    request
}

fn authorized(mut request: Request<Body>, scheme: &str, token: &str) -> Request<Body> {
    request.headers_mut().insert(header::AUTHORIZATION, format!("{scheme} {token}").parse().unwrap());
    request
}

/// Returns the status, the reason and the first challenge.
fn outcome(response: &Response<Body>) -> (u16, &'static str, String) {
    let reason = response.extensions().get::<Rejection>().map_or("accepted", |one| one.reason_code());
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    let challenge = challenge.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    (response.status().as_u16(), reason, challenge)
}

#[tokio::test]
async fn token_is_read_from_authorization_header_only() {
    // FA01, FA02
    let token = with_key().sign_with(&KEY);
    let sent = authorized(proven(post("/payments"), &token), "DPoP", &token);
    assert_eq!(outcome(&send(&payments(), sent).await).0, 200);
    let certified = client_token().scope("payments");
    let cnf = json!({ "x5t#S256": certificate_thumbprint(CERTIFICATE.as_bytes()) });
    let certified = certified.claim("cnf", cnf).sign_with(&KEY);
    let over_tls = payments().layer(Extension(PeerCertificate::from_der(CERTIFICATE)));
    let sent = authorized(post("/payments"), "Bearer", &certified);
    assert_eq!(outcome(&send(&over_tls, sent).await).0, 200);

    let in_query = post(&format!("/payments?access_token={token}"));
    let (status, reason, challenge) = outcome(&send(&payments(), proven(in_query, &token)).await);
    assert_eq!((status, reason), (401, "no_credentials"));
    assert!(!challenge.contains("error"), "{challenge}");
    let form = Request::post("/payments").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let in_form = form.body(Body::from(format!("access_token={token}"))).unwrap();
    assert_eq!(outcome(&send(&payments(), proven(in_form, &token)).await).1, "no_credentials");
}

#[tokio::test]
async fn errors_are_those_of_rfc_6750() {
    // FA07
    let of = async |token: Mint, scheme: &str| {
        let token = token.sign_with(&KEY);
        let sent = authorized(proven(post("/payments"), &token), scheme, &token);
        outcome(&send(&payments(), sent).await)
    };
    let (status, _, challenge) = of(with_key().claim("exp", NOW - 60), "DPoP").await;
    assert_eq!(status, 401);
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    let (status, _, challenge) = of(with_key().scope("accounts"), "DPoP").await;
    assert_eq!(status, 403);
    assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    assert!(challenge.contains(r#"scope="payments""#), "{challenge}");
    let (status, _, challenge) = of(with_key(), "Bearer two").await;
    assert_eq!(status, 400);
    assert!(challenge.contains(r#"error="invalid_request""#), "{challenge}");
}

#[tokio::test]
async fn unbound_token_is_rejected() {
    // FA10
    let token = client_token().scope("payments").sign_with(&KEY);
    let over_tls = payments().layer(Extension(PeerCertificate::from_der(CERTIFICATE)));
    let response = send(&over_tls, authorized(post("/payments"), "Bearer", &token)).await;
    let (status, reason, challenge) = outcome(&response);
    assert_eq!((status, reason), (401, "unacceptable"));
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    let sent = authorized(proven(post("/payments"), &token), "DPoP", &token);
    assert_eq!(outcome(&send(&payments(), sent).await).1, "unacceptable");
}

#[test]
fn metadata_names_only_accepted_binding_as_required() {
    // FA10
    let document = |builder: VerifierBuilder| -> Value {
        let api = ProtectedResource::new("https://api.example", &builder.build().unwrap()).unwrap();
        serde_json::from_str(&api.metadata().document()).unwrap()
    };
    let (of_key, of_certificate) =
        ("dpop_bound_access_tokens_required", "tls_client_certificate_bound_access_tokens");
    let with_dpop = document(builder().dpop(dpop()));
    assert_eq!((&with_dpop[of_key], with_dpop.get(of_certificate)), (&Value::Bool(true), None));
    // FA12
    assert_eq!(with_dpop["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA", "PS256"]));
    let certified = document(builder().client_certificates(certificates()));
    assert_eq!((certified.get(of_key), &certified[of_certificate]), (None, &Value::Bool(true)));
}
