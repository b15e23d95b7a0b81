//! Are the documented bounds of memory those of a verifier that is not configured otherwise?

use scopegate::Verifier;
use scopegate_issuer::{Algorithm, Fault, LocalIssuer, Mint, SigningKey};
use testkit::{NOW, builder_at, builder_trusting, cognito_token, issuer_for_client};

/// Verifies so many tokens with this scope, each another one.
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
fn cache_holds_4096_tokens_of_16_mib_by_default() {
    // FR-E4
    let key = SigningKey::generate(Algorithm::EdDSA);
    let verifier = || builder_at(NOW).trust(issuer_for_client([key.jwk()]).unwrap()).build().unwrap();
    let small = verifier();
    flood(&small, &key, "orders.read", 10_000);
    // By chance, a few sets of four are not full yet.
    assert!((4_000..=4_096).contains(&small.status().cached_tokens()), "{}", small.status().cached_tokens());

    // Each one needs more than its share of 4 KiB.
    let large = verifier();
    flood(&large, &key, &"s".repeat(2_000), 6_000);
    let status = large.status();
    assert!(status.cached_tokens() < 4_096, "{}", status.cached_tokens());
    assert!((8 << 20..=16 << 20).contains(&status.cached_bytes()), "{}", status.cached_bytes());
}

#[tokio::test]
async fn key_set_of_256_kib_is_read_and_a_larger_one_is_not() {
    // FR-E4
    let local = LocalIssuer::start().await.unwrap();
    let jwks = local.jwks();
    for (length, accepted) in [(256 * 1024, true), (256 * 1024 + 1, false)] {
        local.set_fault(Fault::Body(format!("{jwks}{}", " ".repeat(length - jwks.len()))));
        let started = builder_trusting(&local).start().await;
        assert_eq!(started.is_ok(), accepted, "{length}");
    }
}
