//! Requests to an API that requires the profile.

use scopegate::{Error, Revocation};
use serde_json::Value;

use super::*;

#[test]
fn token_is_sent_in_authorization_header() {
    // FA01
    assert_eq!(Sent::with_proof(&bound_to_key()).outcome(&with_dpop()), (200, "accepted"));
    let bearer = Sent::bearer(&bound_to_certificate()).over_tls(CERTIFICATE);
    assert_eq!(bearer.outcome(&with_certificates()), (200, "accepted"));
}

#[test]
fn token_in_query_is_not_read() {
    // FA02
    let sent = Sent::with_proof(&bound_to_key());
    let token = sent.request.headers()[AUTHORIZATION].to_str().unwrap().split_once(' ').unwrap().1.to_owned();
    let mut in_query = Sent::with_proof(&bound_to_key());
    in_query.request.headers_mut().remove(AUTHORIZATION);
    *in_query.request.uri_mut() = format!("/orders?access_token={token}").parse().unwrap();
    assert_eq!(sent.outcome(&with_dpop()), (200, "accepted"));
    assert_eq!(in_query.outcome(&with_dpop()), (401, "no_credentials"));
}

#[test]
fn integrity_of_token_is_verified() {
    // FA04
    let other = SigningKey::generate(KeyAlgorithm::PS256);
    let jwk_of_issuer = KEY.jwk();
    let forged = bound_to_key().header("kid", jwk_of_issuer["kid"].clone()).sign_with(&other);
    let proof = Proof::new(&CLIENT_KEY, "GET", &format!("{ORIGIN}/orders"), &forged).sign_with(&CLIENT_KEY);
    assert_eq!(Sent::new("DPoP", &forged).proof(&proof).outcome(&with_dpop()), (401, "bad_signature"));
    // FA03
    let foreign = bound_to_key().claim("iss", "https://other.example");
    assert_eq!(Sent::with_proof(&foreign).outcome(&with_dpop()), (401, "unknown_issuer"));
}

#[test]
fn validity_of_token_is_verified() {
    // FA03
    let verifier = with_dpop();
    assert_eq!(Sent::with_proof(&bound_to_key()).outcome(&verifier), (200, "accepted"));
    let of_other_client = bound_to_key().client("another");
    assert_eq!(Sent::with_proof(&of_other_client).outcome(&verifier).0, 401);
}

#[test]
fn expired_token_is_rejected() {
    // FA05
    let expiring_at = |time: u64| Sent::with_proof(&bound_to_key().claim("exp", time)).outcome(&with_dpop());
    assert_eq!(expiring_at(NOW), (200, "accepted"));
    assert_eq!(expiring_at(NOW - 30), (401, "expired"));
}

#[test]
fn revoked_token_is_rejected() {
    // FA06
    let revocations = Revocations::new();
    let builder = at_now().require_fapi2().trust(issuer()).dpop(dpop());
    let verifier = builder.revocations(&revocations).build().unwrap();
    let token = bound_to_key().claim("jti", "token-1");
    assert_eq!(Sent::with_proof(&token).outcome(&verifier), (200, "accepted"));
    revocations.revoke(Revocation::token(testkit::ISSUER, "token-1")).unwrap();
    assert_eq!(Sent::with_proof(&token).outcome(&verifier), (401, "revoked"));
}

#[test]
fn token_without_scope_is_insufficient() {
    // FA07
    let verifier = with_dpop();
    assert_eq!(Sent::with_proof(&bound_to_key()).outcome(&verifier), (200, "accepted"));
    let weak = bound_to_key().scope("accounts");
    assert_eq!(Sent::with_proof(&weak).outcome(&verifier), (403, "insufficient_scope"));
}

#[test]
fn bound_token_needs_proof_of_its_key() {
    // FA08
    let verifier = with_dpop();
    assert_eq!(Sent::with_proof(&bound_to_key()).outcome(&verifier), (200, "accepted"));
    let other_key = SigningKey::generate(KeyAlgorithm::ES256);
    let token = bound_to_key().sign_with(&KEY);
    let url = format!("{ORIGIN}/orders");
    let proof = Proof::new(&other_key, "GET", &url, &token).sign_with(&other_key);
    assert_eq!(Sent::new("DPoP", &token).proof(&proof).outcome(&verifier), (401, "invalid_proof"));
    assert_eq!(Sent::new("DPoP", &token).outcome(&verifier), (401, "invalid_proof"));
    assert_eq!(Sent::bearer(&bound_to_key()).outcome(&verifier).0, 401);
}

#[test]
fn bound_token_needs_its_certificate() {
    // FA09
    let verifier = with_certificates();
    let sent = || Sent::bearer(&bound_to_certificate());
    assert_eq!(sent().over_tls(CERTIFICATE).outcome(&verifier), (200, "accepted"));
    assert_eq!(sent().over_tls("another").outcome(&verifier), (401, "wrong_certificate"));
    assert_eq!(sent().outcome(&verifier), (401, "missing_certificate"));
}

#[test]
fn either_binding_is_sufficient_with_both() {
    // FA10
    let verifier = with_both();
    let proven = Sent::with_proof(&bound_to_key());
    let certified = Sent::bearer(&bound_to_certificate()).over_tls(CERTIFICATE);
    for _fresh_and_cached in 0..2 {
        assert_eq!(proven.outcome(&verifier), (200, "accepted"));
        assert_eq!(certified.outcome(&verifier), (200, "accepted"));
    }
    let unbound = |cnf: Option<Value>| match cnf {
        Some(cnf) => unbound().claim("cnf", cnf),
        None => unbound(),
    };
    for cnf in [None, Some(json!({})), Some(json!({ "vendor": 1 }))] {
        let token = unbound(cnf);
        let error = verifier.verify(token.sign_with(&KEY)).unwrap_err();
        assert!(matches!(error, Error::NotSenderConstrained), "{error:?}");
        assert_eq!(Sent::bearer(&token).over_tls(CERTIFICATE).outcome(&verifier), (401, "unacceptable"));
        assert_eq!(Sent::with_proof(&token).outcome(&verifier), (401, "unacceptable"));
        assert_eq!(verifier.status().cached_tokens(), 2);
    }
}

#[test]
fn accepted_binding_becomes_required() {
    // FA10
    let token = unbound();
    assert_eq!(Sent::bearer(&token).outcome(&with_dpop()).0, 401);
    let with_certificates = with_certificates();
    assert_eq!(Sent::bearer(&token).over_tls(CERTIFICATE).outcome(&with_certificates).0, 401);
    // Without the profile, it is accepted.
    let builder = || at_now().trust(issuer());
    for verifier in [builder().dpop(dpop()), builder().client_certificates(certificates())] {
        let verifier = verifier.build().unwrap();
        assert_eq!(Sent::bearer(&token).outcome(&verifier), (200, "accepted"));
    }
}

#[test]
fn other_algorithms_of_tokens_are_rejected() {
    // FA11, FA13
    for (algorithm, outcome) in [
        (KeyAlgorithm::PS256, (200, "accepted")),
        (KeyAlgorithm::ES256, (200, "accepted")),
        (KeyAlgorithm::EdDSA, (200, "accepted")),
        (KeyAlgorithm::RS256, (401, "unacceptable")),
        (KeyAlgorithm::PS384, (401, "unacceptable")),
        (KeyAlgorithm::ES384, (401, "unacceptable")),
    ] {
        let key = SigningKey::generate(algorithm);
        // The issuer also has a key that the verifier may use.
        let issuer = issuer_with_keys([key.jwk(), KEY.jwk()]).client(CLIENT);
        let builder = at_now().require_fapi2().trust(issuer).client_certificates(certificates());
        let verifier = builder.revocations(&Revocations::new()).build().unwrap();
        let sent = Sent::new("Bearer", &bound_to_certificate().sign_with(&key)).over_tls(CERTIFICATE);
        assert_eq!(sent.outcome(&verifier), outcome, "{algorithm:?}");
    }
    let (header, token) = ("eyJhbGciOiJub25lIn0", bound_to_certificate().sign_with(&KEY));
    let payload = token.split('.').nth(1).unwrap();
    let unsigned = Sent::new("Bearer", &format!("{header}.{payload}.")).over_tls(CERTIFICATE);
    assert_eq!(unsigned.outcome(&with_certificates()).0, 401);
}

#[test]
fn other_algorithms_of_proofs_are_rejected() {
    // FA12
    for (algorithm, outcome) in [
        (KeyAlgorithm::ES256, (200, "accepted")),
        (KeyAlgorithm::EdDSA, (200, "accepted")),
        (KeyAlgorithm::PS256, (200, "accepted")),
        (KeyAlgorithm::ES384, (401, "invalid_proof")),
    ] {
        let key = SigningKey::generate(algorithm);
        let token = unbound().claim("cnf", json!({ "jkt": thumbprint(&key) })).sign_with(&KEY);
        let proof = Proof::new(&key, "GET", &format!("{ORIGIN}/orders"), &token).sign_with(&key);
        let sent = Sent::new("DPoP", &token).proof(&proof);
        assert_eq!(sent.outcome(&with_dpop()), outcome, "{algorithm:?}");
    }
}

#[test]
fn dates_in_the_future_have_limits() {
    // FA17
    let verifier = |leeway: u64| {
        let builder = without_bindings().dpop(dpop()).leeway(Duration::from_secs(leeway));
        builder.build().unwrap()
    };
    for claim in ["iat", "nbf"] {
        let of = |seconds: u64, leeway: u64| {
            let token = bound_to_key().claim(claim, NOW + seconds);
            Sent::with_proof(&token).outcome(&verifier(leeway)).0
        };
        // The smallest and the largest leeway that the profile admits.
        assert_eq!((of(0, 10), of(10, 10), of(11, 10)), (200, 200, 401), "{claim}");
        assert_eq!((of(10, 60), of(60, 60), of(61, 60)), (200, 200, 401), "{claim}");
    }
    let of = |seconds: u64| {
        let token = bound_to_key().sign_with(&KEY);
        let proof = Proof::new(&CLIENT_KEY, "GET", &format!("{ORIGIN}/orders"), &token);
        let proof = proof.claim("iat", NOW + seconds).sign_with(&CLIENT_KEY);
        Sent::new("DPoP", &token).proof(&proof).outcome(&with_dpop()).0
    };
    assert_eq!((of(10), of(61)), (200, 401));
}

#[test]
fn key_is_selected_by_algorithm_among_equal_ids() {
    // FA19
    let elliptic = SigningKey::generate(KeyAlgorithm::ES256);
    let with_id = |key: &SigningKey| {
        let mut jwk = key.jwk();
        jwk["kid"] = json!("same");
        jwk
    };
    let issuer = issuer_with_keys([with_id(&KEY), with_id(&elliptic)]).client(CLIENT);
    let builder = at_now().require_fapi2().trust(issuer).client_certificates(certificates());
    let verifier = builder.revocations(&Revocations::new()).build().unwrap();
    let outcome = |kid: &str, key: &SigningKey| {
        let token = bound_to_certificate().header("kid", kid).sign_with(key);
        Sent::new("Bearer", &token).over_tls(CERTIFICATE).outcome(&verifier)
    };
    assert_eq!(outcome("same", &KEY), (200, "accepted"));
    assert_eq!(outcome("same", &elliptic), (200, "accepted"));
    assert_eq!(outcome("other", &elliptic), (401, "unknown_key"));
}
