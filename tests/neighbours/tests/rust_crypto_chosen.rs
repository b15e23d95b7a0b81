//! `jsonwebtoken` has both backends, and `rust_crypto` is installed as its default. This is a
//! separate program, because a process has only one default.

mod parts;

use jsonwebtoken::crypto::rust_crypto;
use parts::Ours;

#[tokio::test]
async fn verifier_works_with_chosen_rust_crypto() {
    let ours = Ours::start().await;
    ours.assert_works().await;
    assert!(rust_crypto::DEFAULT_PROVIDER.install_default().is_ok());
    ours.assert_jsonwebtoken_works();
    ours.assert_works().await;
    Ours::start().await.assert_works().await;
}
