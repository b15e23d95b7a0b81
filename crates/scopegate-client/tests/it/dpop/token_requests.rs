//! The proofs of token requests, and the type of the token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use scopegate_client::{
    AssertionSource, ClientAuthentication, ClientCredentials, ConfigError, DpopKey, Error, PrivateKey, Secret,
};
use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::json;
use testkit::{Log, with_causes};
use tokio::sync::Barrier;
use tracing::level_filters::LevelFilter;

use crate::dpop::{NOW, Proof, builder, client, nonce_required, nonces, proofs, token};
use crate::recorder::{Recorder, reply};

/// Returns the error of a client whose token endpoint sends this response.
async fn rejected(server: &Recorder) -> Error {
    client(server).token().await.unwrap_err()
}

#[tokio::test]
async fn token_request_has_a_proof() {
    // DP50: RFC 9449 §4.2, §5
    let server = Recorder::start(token("t", "DPoP")).await;
    let token = client(&server).token().await.unwrap();
    assert!(token.is_sender_constrained());
    assert_eq!(token.header_value(), "DPoP t");
    assert_eq!(token.secret(), "t");
    let proof = Proof::of(&server.requests()[0]);
    assert_eq!((&proof.header["typ"], &proof.header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
    let jwk = proof.header["jwk"].as_object().unwrap();
    assert_eq!(jwk.keys().collect::<Vec<_>>(), ["crv", "kty", "x", "y"], "no private member");
    let jti = proof.claim("jti").unwrap();
    assert_eq!(jti.len(), 22, "128 bits");
    let expected = json!({ "jti": jti, "htm": "POST", "htu": server.endpoint(), "iat": NOW });
    assert_eq!(proof.claims, expected, "neither `ath` nor a nonce");
}

#[tokio::test]
async fn client_without_dpop_sends_no_proof() {
    // DP50
    let server = Recorder::start(token("t", "Bearer")).await;
    let by_secret = ClientAuthentication::client_secret_basic("report", "s3cret");
    let credentials = ClientCredentials::builder(by_secret).token_endpoint(server.endpoint());
    let credentials = credentials.allow_unbound_tokens().build().unwrap();
    let token = credentials.token().await.unwrap();
    assert!(!token.is_sender_constrained());
    let uri = "https://api.example/".parse().unwrap();
    assert_eq!(token.dpop_proof(&http::Method::GET, &uri), Ok(None));
    assert_eq!(server.requests()[0].header("dpop"), None);
}

#[tokio::test]
async fn required_nonce_is_sent_in_one_retry() {
    // DP52: RFC 9449 §8. Some servers send 401.
    for status in [400, 401] {
        let server = Recorder::start(token("t", "DPoP")).await;
        let body = r#"{"error":"use_dpop_nonce"}"#;
        server.then([reply(status, body).with("dpop-nonce", "n1")]);
        client(&server).token().await.unwrap();
        let sent = proofs(&server);
        assert_eq!(nonces(&server), ["", "n1"]);
        assert_ne!(sent[0].claim("jti"), sent[1].claim("jti"));
        assert_eq!(sent[0].header, sent[1].header, "the same key");
    }
}

#[tokio::test]
async fn endless_nonce_requirement_ends_after_one_retry() {
    // DP52
    let server = Recorder::start(nonce_required("n")).await;
    server.then([nonce_required("n1"), nonce_required("n2"), nonce_required("n3")]);
    let Error::Rejected { status, code, .. } = rejected(&server).await else { panic!("rejected") };
    assert_eq!((status, code.unwrap().as_str()), (400, "use_dpop_nonce"));
    assert_eq!(nonces(&server), ["", "n1"]);
}

#[tokio::test]
async fn other_responses_cause_no_retry() {
    // DP52: each differs from a response that is retried in one point.
    let required = r#"{"error":"use_dpop_nonce"}"#;
    for answer in [
        reply(400, required),
        reply(400, required).with("dpop-nonce", "a b"),
        reply(400, required).with("dpop-nonce", "n".repeat(1_025)),
        reply(400, required).with("dpop-nonce", "n").with("dpop-nonce", "n"),
        reply(400, r#"{"error":"invalid_dpop_proof"}"#).with("dpop-nonce", "n"),
        reply(400, "use_dpop_nonce").with("dpop-nonce", "n"),
        reply(403, required).with("dpop-nonce", "n"),
        reply(200, required).with("dpop-nonce", "n"),
    ] {
        let server = Recorder::start(answer.clone()).await;
        rejected(&server).await;
        assert_eq!(server.count(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn nonce_of_success_is_used_next() {
    // DP52: RFC 9449 §8.2
    let server = Recorder::start(token("t", "DPoP").with("dpop-nonce", "n1")).await;
    server.then([nonce_required("n0")]);
    let credentials = client(&server);
    credentials.token().await.unwrap();
    // Each set of scopes has its own token, and all have the nonces of the client.
    credentials.for_scopes(["a"]).unwrap().token().await.unwrap();
    assert_eq!(nonces(&server), ["", "n0", "n1"]);
}

#[tokio::test]
async fn retry_has_a_new_assertion() {
    // DP52: servers accept an assertion once (RFC 7523 §3).
    let key = PrivateKey::from_pem(&SigningKey::generate(Algorithm::ES256).private_key_pem()).unwrap();
    let server = Recorder::start(token("t", "DPoP")).await;
    server.then([nonce_required("n")]);
    let credentials = ClientCredentials::builder(ClientAuthentication::private_key_jwt("report", key))
        .issuer("https://issuer.example")
        .token_endpoint(server.endpoint())
        .dpop(DpopKey::per_token());
    credentials.build().unwrap().token().await.unwrap();
    let [first, second] =
        [0, 1].map(|request| server.requests()[request].parameter("client_assertion").unwrap());
    assert_ne!(first, second);
}

#[tokio::test]
async fn bearer_token_in_place_of_bound_is_rejected() {
    // DP51: RFC 9449 §5
    for kind in ["Bearer", "bearer", "BearerToken"] {
        let server = Recorder::start(token("t0ken-text", kind)).await;
        let error = rejected(&server).await;
        assert!(matches!(error, Error::InvalidResponse { .. }), "{error:?}");
        let text = with_causes(&error);
        assert!(text.contains("expected DPoP, because a token that is bound to a key"), "{text}");
        assert!(!text.contains("t0ken-text"), "{text}");
    }
}

#[tokio::test]
async fn allowed_bearer_token_is_used_and_logged() {
    // DP51
    let log = Log::of_thread(LevelFilter::WARN);
    let server = Recorder::start(token("t", "Bearer")).await;
    server.then([token("bound", "DPoP")]);
    let credentials = builder(&server).allow_unbound_tokens().build().unwrap();
    assert!(credentials.token().await.unwrap().is_sender_constrained());
    assert!(!log.text().contains("token is not bound to a key"));
    let token = credentials.for_scopes(["a"]).unwrap().token().await.unwrap();
    assert_eq!((token.is_sender_constrained(), token.header_value()), (false, "Bearer t".parse().unwrap()));
    assert!(log.text().contains("token is not bound to a key"));
    assert_eq!(proofs(&server).len(), 2, "a bound token was requested");
}

#[tokio::test]
async fn each_token_has_a_key_of_its_own() {
    // DP53: RFC 9449 §2
    let server = Recorder::start(token("t", "DPoP")).await;
    let credentials = builder(&server).build().unwrap();
    let token = credentials.token().await.unwrap();
    credentials.reject(&token);
    credentials.token().await.unwrap();
    let sent = proofs(&server);
    assert_ne!(sent[0].header["jwk"], sent[1].header["jwk"]);
}

#[tokio::test]
async fn key_of_file_is_used_for_all_tokens() {
    // DP53
    for (algorithm, name) in [(Algorithm::ES256, "ES256"), (Algorithm::EdDSA, "EdDSA")] {
        let key = SigningKey::generate(algorithm);
        let server = Recorder::start(token("t", "DPoP")).await;
        let dpop = DpopKey::from_pem(&key.private_key_pem()).unwrap();
        let credentials = builder(&server).dpop(dpop).build().unwrap();
        credentials.token().await.unwrap();
        credentials.for_scopes(["a"]).unwrap().token().await.unwrap();
        for proof in proofs(&server) {
            assert_eq!(proof.header["alg"], name);
            assert_eq!(proof.header["jwk"]["x"], key.jwk()["x"]);
        }
    }
}

#[test]
fn rsa_key_or_other_string_is_rejected() {
    // DP53
    let rsa = SigningKey::generate(Algorithm::RS256).private_key_pem();
    for pem in [rsa.as_str(), "", "x"] {
        let error = DpopKey::from_pem(pem).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidKey { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn retry_has_nonce_of_its_own_response() {
    // DP52: both responses arrive before one of the retries is signed.
    let server = Recorder::start(token("t", "DPoP")).await;
    server.then([nonce_required("n0"), nonce_required("n1")]);
    let (calls, retries) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let source = AssertionSource::callback(move || {
        let (is_retry, retries) = (calls.fetch_add(1, Ordering::Relaxed) >= 2, Arc::clone(&retries));
        async move {
            if is_retry {
                let _ = retries.wait().await;
            }
            Ok::<_, std::io::Error>(Secret::from("eyJ.one.c2ln"))
        }
    });
    let credentials = ClientCredentials::builder(ClientAuthentication::client_assertion("report", source))
        .token_endpoint(server.endpoint())
        .dpop(DpopKey::per_token())
        .build()
        .unwrap();
    let [a, b] = ["a", "b"].map(|scope| credentials.for_scopes([scope]).unwrap());
    let (a, b) = tokio::join!(a.token(), b.token());
    assert!(a.is_ok() && b.is_ok());
    let requests = server.requests();
    for (first, nonce) in requests[..2].iter().zip(["n0", "n1"]) {
        let scope = first.parameter("scope");
        let retry = requests[2..].iter().find(|request| request.parameter("scope") == scope).unwrap();
        assert_eq!(Proof::of(retry).nonce(), Some(nonce));
    }
}
