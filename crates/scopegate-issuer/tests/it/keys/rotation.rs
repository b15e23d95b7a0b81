//! Key rotation: the tokens that the published key set verifies after each kind.

use std::time::Duration;

use scopegate_issuer::{Algorithm, LocalIssuer, Pool, SigningKey};
use serde_json::Value;

use crate::independent::verify;

async fn pool() -> Pool {
    LocalIssuer::start().await.unwrap().default_pool()
}

/// Returns whether the published key set verifies a token.
async fn verifies(pool: &Pool, token: &str) -> bool {
    let jwks = reqwest::get(pool.jwks_uri()).await.unwrap().text().await.unwrap();
    assert_eq!(jwks, pool.jwks());
    verify(token, &jwks).is_ok()
}

fn key_count(pool: &Pool) -> usize {
    serde_json::from_str::<Value>(&pool.jwks()).unwrap()["keys"].as_array().unwrap().len()
}

#[tokio::test]
async fn pool_publishes_two_keys_and_signs_with_one() {
    let pool = pool().await;
    assert_eq!(key_count(&pool), 2);
    assert_ne!(pool.signing_key().kid(), pool.id_token_key().kid());
    assert!(verifies(&pool, &pool.mint().sign()).await);
    assert!(verifies(&pool, &pool.mint().claim("token_use", "id").sign_with(&pool.id_token_key())).await);
}

#[tokio::test]
async fn rotation_keeps_only_the_previous_generation() {
    let pool = pool().await;
    let first = pool.mint().sign();
    pool.rotate();
    let second = pool.mint().sign();
    assert!(verifies(&pool, &first).await && verifies(&pool, &second).await);
    assert_eq!(key_count(&pool), 3);
    pool.rotate();
    assert!(!verifies(&pool, &first).await && verifies(&pool, &second).await);
    assert_eq!(key_count(&pool), 3);
}

#[tokio::test]
async fn rotation_without_overlap_drops_previous_key() {
    let pool = pool().await;
    let first = pool.mint().sign();
    pool.rotate_without_overlap();
    assert!(!verifies(&pool, &first).await);
    assert!(verifies(&pool, &pool.mint().sign()).await);
    assert_eq!(key_count(&pool), 2);
}

#[tokio::test]
async fn token_of_unpublished_key_verifies_after_publication() {
    let pool = pool().await;
    let first = pool.mint().sign();
    pool.rotate_unpublished();
    let early = pool.mint().sign();
    assert!(verifies(&pool, &first).await && !verifies(&pool, &early).await);
    pool.publish();
    assert!(verifies(&pool, &first).await && verifies(&pool, &early).await);
}

#[tokio::test(start_paused = true)]
async fn late_publication_happens_exactly_after_its_delay() {
    let pool = pool().await;
    let first = pool.mint().sign();
    pool.publish_after(Duration::from_secs(60));
    let early = pool.mint().sign();
    let published = || verify(&early, &pool.jwks()).is_ok();
    assert!(verify(&first, &pool.jwks()).is_ok() && !published());
    // Without `sleep`, so that the waiting task has not run yet when the clock advances.
    tokio::time::advance(Duration::from_secs(59)).await;
    tokio::task::yield_now().await;
    assert!(!published());
    tokio::time::sleep(Duration::from_secs(1)).await;
    tokio::task::yield_now().await;
    assert!(verify(&first, &pool.jwks()).is_ok() && published());
}

#[tokio::test(start_paused = true)]
async fn late_publication_affects_only_its_own_key() {
    let pool = pool().await;
    pool.publish_after(Duration::from_secs(60));
    pool.rotate_unpublished();
    let before = pool.jwks();
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(pool.jwks(), before);
}

#[test]
fn late_publication_works_outside_runtime() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let pool = runtime.block_on(pool());
    pool.publish_after(Duration::from_secs(60));
    assert!(!pool.jwks().contains(pool.signing_key().kid()));
    runtime.block_on(async { tokio::time::sleep(Duration::from_secs(61)).await });
    assert!(pool.jwks().contains(pool.signing_key().kid()));
}

#[tokio::test]
async fn revoking_previous_key_ends_only_its_tokens() {
    let pool = pool().await;
    let first = pool.mint().sign();
    pool.rotate();
    let second = pool.mint().sign();
    pool.revoke_previous();
    assert!(!verifies(&pool, &first).await && verifies(&pool, &second).await);
    assert_eq!(key_count(&pool), 2);
}

#[tokio::test]
async fn replaced_key_keeps_id_and_ends_older_tokens() {
    let pool = pool().await;
    let (kid, first) = (pool.signing_key().kid().to_owned(), pool.mint().sign());
    pool.replace_key_material();
    assert_eq!(pool.signing_key().kid(), kid);
    assert!(!verifies(&pool, &first).await);
    assert!(verifies(&pool, &pool.mint().sign()).await);
}

#[tokio::test]
async fn pool_rotated_to_another_algorithm_keeps_it() {
    let pool = pool().await;
    let first = pool.mint().sign();
    pool.rotate_to(SigningKey::generate(Algorithm::ES256));
    assert!(verifies(&pool, &first).await && verifies(&pool, &pool.mint().sign()).await);
    pool.rotate();
    assert_eq!(pool.signing_key().alg(), Algorithm::ES256);
}

#[tokio::test]
async fn mint_signs_with_the_current_key() {
    let pool = pool().await;
    let mint = pool.mint();
    pool.rotate_without_overlap();
    assert!(verifies(&pool, &mint.sign()).await);
}

#[tokio::test]
async fn each_pool_has_its_own_keys() {
    let issuer = LocalIssuer::start().await.unwrap();
    let (one, two) = (issuer.default_pool(), issuer.pool("eu-west-1_Local0002").unwrap());
    assert!(verifies(&two, &two.mint().sign()).await);
    assert!(!verifies(&two, &one.mint().sign()).await);
    let before = two.jwks();
    issuer.rotate();
    assert_eq!(two.jwks(), before);
}

#[tokio::test]
async fn issuer_handle_rotates_its_default_pool() {
    let issuer = LocalIssuer::start().await.unwrap();
    let pool = issuer.default_pool();
    let kid = || pool.signing_key().kid().to_owned();
    let mut seen = vec![kid()];
    issuer.rotate();
    seen.push(kid());
    issuer.revoke_previous();
    assert_eq!(key_count(&pool), 2);
    issuer.rotate_without_overlap();
    seen.push(kid());
    issuer.rotate_unpublished();
    seen.push(kid());
    assert!(!pool.jwks().contains(&kid()));
    issuer.publish();
    assert!(pool.jwks().contains(&kid()));
    issuer.publish_after(Duration::from_secs(86_400));
    seen.push(kid());
    assert!(!pool.jwks().contains(&kid()));
    issuer.publish();
    let before = pool.jwks();
    issuer.replace_key_material();
    assert_ne!(pool.jwks(), before);
    seen.dedup();
    assert_eq!(seen.len(), 5);
}
