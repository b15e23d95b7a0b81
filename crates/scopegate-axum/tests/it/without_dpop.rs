//! Without the feature `dpop`, the layers cannot read the URL of a proof, so they accept none.

use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::http::header;
use axum::routing::get as on_get;
use scopegate::Dpop;
use scopegate_axum::{OptionalToken, Rejection, RequireToken, Verifier};
use scopegate_issuer::{Algorithm as KeyAlgorithm, SigningKey};
use testkit::{NOW, Proof, Token as _, bound_to, client_token, issuer_with_keys};

use crate::fixture::{get, send, status, with_token};

#[tokio::test]
async fn proof_is_rejected_and_bearer_token_accepted() {
    // DP19
    let verifier = Verifier::builder()
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .trust(issuer_with_keys([testkit::KEY.jwk()]).client(testkit::CLIENT))
        .dpop(Dpop::accept().origin("https://api.example"))
        .build()
        .unwrap();
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let token = bound_to(&key, client_token()).compact();
    let required = on_get(async || "ok").layer(RequireToken::new(&verifier));
    let optional = on_get(async || "ok").layer(OptionalToken::new(&verifier));
    let router = Router::new().route("/required", required).route("/optional", optional);
    for path in ["/required", "/optional"] {
        let mut request = get(path);
        let proof = Proof::new(&key, "GET", &format!("https://api.example{path}"), &token);
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, format!("DPoP {token}").parse().unwrap());
        headers.insert("dpop", proof.sign_with(&key).parse().unwrap());
        let response = send(&router, request).await;
        assert_eq!(response.status(), 401);
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.reason_code(), "unsupported_scheme", "{path}");
        assert_eq!(status(&router, with_token(get(path), &client_token().compact())).await, 200);
    }
}
