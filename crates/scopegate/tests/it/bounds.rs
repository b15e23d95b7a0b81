//! Does a verifier with the default configuration keep the documented limits of memory?

use scopegate::Verifier;
use scopegate_issuer::{Algorithm, Fault, LocalIssuer, Mint, SigningKey};
use testkit::{NOW, builder_at, builder_trusting, cognito_token, issuer_for_client};

/// Verifies this number of different tokens with this scope.
fn flood(verifier: &Verifier, key: &SigningKey, scope: &str, tokens: u64) {
    for number in 0..tokens {
        let token = mint(scope).claim("number", number).sign_with(key);
        assert!(verifier.verify(token).is_ok());
    }
}

fn mint(scope: &str) -> Mint {
    cognito_token().scope(scope)
}

#[test]
fn cache_holds_4096_tokens_in_16_mib() {
    // FR-E4
    let key = SigningKey::generate(Algorithm::EdDSA);
    let verifier = || builder_at(NOW).trust(issuer_for_client([key.jwk()]).unwrap()).build().unwrap();
    let small = verifier();
    flood(&small, &key, "orders.read", 10_000);
    // A few sets of four may not be full yet, because tokens are distributed randomly.
    assert!((4_000..=4_096).contains(&small.status().cached_tokens()), "{}", small.status().cached_tokens());

    // Each token needs more than its share of 4 KiB.
    let large = verifier();
    flood(&large, &key, &"s".repeat(2_000), 6_000);
    let status = large.status();
    assert!(status.cached_tokens() < 4_096, "{}", status.cached_tokens());
    assert!((8 << 20..=16 << 20).contains(&status.cached_bytes()), "{}", status.cached_bytes());
}

#[tokio::test]
async fn key_set_above_256_kib_is_rejected() {
    // FR-E4
    let local = LocalIssuer::start().await.unwrap();
    let jwks = local.jwks();
    for (length, accepted) in [(256 * 1024, true), (256 * 1024 + 1, false)] {
        local.set_fault(Fault::Body(format!("{jwks}{}", " ".repeat(length - jwks.len()))));
        let started = builder_trusting(&local).start().await;
        assert_eq!(started.is_ok(), accepted, "{length}");
    }
}
