//! Tests of claims that are bound to a key, and of a decision that has no proof.

use scopegate_issuer::{Algorithm as KeyAlgorithm, SigningKey};
use testkit::{CLIENT, Proof, bound_to, client_token};

use super::*;
use crate::dpop::Dpop;
use crate::dpop::proof::PresentedProof;
use crate::verifier::pending::BoundAttempt;

fn claims_of(verifier: &Verifier, token: Presented<'_>) -> Claims {
    verifier.verify_inner(token, OverdueKeys::Use).ok().unwrap()
}

/// Returns the decisions without a proof: at once, and after a wait.
async fn without_proof(verifier: &Verifier, token: Presented<'_>) -> [Result<Claims, Error>; 2] {
    let claims = claims_of(verifier, token);
    let pending = PendingVerification::for_status(verifier, token, claims.clone());
    let decided = verifier.decide(Ok(claims.clone()), token.certificate).map_err(|rejected| rejected.error);
    [decided, pending.wait().await]
}

/// A verifier that accepts proofs, and the key of its issuer.
fn accepting() -> (Verifier, SigningKey) {
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let issuer = Issuer::from_jwks(ISSUER, &jwks([key.jwk()])).unwrap().client(CLIENT);
    let dpop = Dpop::accept().origin("https://api.example");
    let clock = || UNIX_EPOCH + Duration::from_secs(NOW);
    let verifier = Verifier::builder().clock(clock).trust(issuer).dpop(dpop).build().unwrap();
    (verifier, key)
}

/// Returns the claims if the proof of a request is valid.
fn proven(verifier: &Verifier, token: &str, proof: &str) -> Option<Claims> {
    let (method, path) = ("GET".into(), "/orders".into());
    let presented = PresentedProof { proof: Ok(proof.as_bytes().into()), method, path, origin: None };
    match verifier.attempt_bound(token.as_bytes(), &presented, RequestCertificate::NotAccepted) {
        BoundAttempt::Done(result) => result.ok().map(|(claims, _)| claims),
        BoundAttempt::Pending(_) => panic!("the keys are static"),
    }
}

#[test]
fn cached_token_keeps_key_of_valid_proof() {
    // DP43
    let client = SigningKey::generate(KeyAlgorithm::ES256);
    let (verifier, key) = accepting();
    let token = bound_to(&client, client_token()).sign_with(&key);
    let proof = || Proof::new(&client, "GET", "https://api.example/orders", &token);
    let cached = || {
        claims_of(
            &verifier,
            Presented {
                token: token.as_bytes(),
                scheme: Scheme::Dpop,
                certificate: RequestCertificate::NotAccepted,
            },
        )
    };
    let forged = proof().mint().bad_signature().sign_with(&client);
    assert!(proven(&verifier, &token, &forged).is_none());
    assert!(!cached().binding().unwrap().keeps_a_key());
    let claims = proven(&verifier, &token, &proof().sign_with(&client)).unwrap();
    assert!(claims.binding().unwrap().keeps_a_key() && cached().binding().unwrap().keeps_a_key());
}

#[tokio::test]
async fn bound_claims_without_proof_are_rejected() {
    // DP01
    let (verifier, key) = accepting();
    let client = SigningKey::generate(KeyAlgorithm::ES256);
    let bearer = client_token().sign_with(&key);
    let bearer = Presented {
        token: bearer.as_bytes(),
        scheme: Scheme::Bearer,
        certificate: RequestCertificate::NotAccepted,
    };
    let bound = bound_to(&client, client_token()).sign_with(&key);
    let bound = Presented {
        token: bound.as_bytes(),
        scheme: Scheme::Dpop,
        certificate: RequestCertificate::NotAccepted,
    };
    assert!(without_proof(&verifier, bearer).await.iter().all(Result::is_ok));
    for result in without_proof(&verifier, bound).await {
        assert!(matches!(result, Err(Error::SenderConstrained { binding: "jkt" })));
    }
}
