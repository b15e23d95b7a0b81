//! Tests of claims that are bound to a key, and of a decision that has no proof.

use scopegate_issuer::{Algorithm as KeyAlgorithm, SigningKey};
use testkit::{CLIENT, bound_to, client_token};

use super::*;
use crate::dpop::Dpop;

fn claims_of(verifier: &Verifier, token: &str, scheme: Scheme) -> Claims {
    let presented = Presented { token: token.as_bytes(), scheme };
    verifier.verify_inner(presented, OverdueKeys::Use).ok().unwrap()
}

/// Returns the decisions without a proof: at once, and after a wait.
async fn without_proof(verifier: &Verifier, claims: &Claims) -> [Result<Claims, Error>; 2] {
    let pending = PendingVerification::for_status(verifier, claims.clone());
    let decided = verifier.decide(Ok(claims.clone())).map_err(|rejected| rejected.error);
    [decided, pending.wait().await]
}

#[tokio::test]
async fn bound_claims_without_proof_are_rejected() {
    // DP01
    let (key, client) =
        (SigningKey::generate(KeyAlgorithm::ES256), SigningKey::generate(KeyAlgorithm::ES256));
    let issuer = Issuer::from_jwks(ISSUER, &jwks([key.jwk()])).unwrap().client(CLIENT);
    let dpop = Dpop::accept().origin("https://api.example");
    let clock = || UNIX_EPOCH + Duration::from_secs(NOW);
    let verifier = Verifier::builder().clock(clock).trust(issuer).dpop(dpop).build().unwrap();
    let bearer = claims_of(&verifier, &client_token().sign_with(&key), Scheme::Bearer);
    let bound = claims_of(&verifier, &bound_to(&client, client_token()).sign_with(&key), Scheme::Dpop);
    assert!(without_proof(&verifier, &bearer).await.iter().all(Result::is_ok));
    for result in without_proof(&verifier, &bound).await {
        assert!(matches!(result, Err(Error::SenderConstrained { binding: "jkt" })));
    }
}
