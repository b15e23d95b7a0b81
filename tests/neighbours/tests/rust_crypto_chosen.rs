//! Somebody chooses `rust_crypto` for `jsonwebtoken`, which has both. A program of its own, because that is for the whole process.

mod parts;

use jsonwebtoken::crypto::rust_crypto;
use parts::Ours;

#[tokio::test]
async fn we_work_before_and_after_somebody_chose_rust_crypto() {
    let ours = Ours::start().await;
    ours.assert_works().await;
    assert!(rust_crypto::DEFAULT_PROVIDER.install_default().is_ok());
    ours.assert_jsonwebtoken_works();
    ours.assert_works().await;
    Ours::start().await.assert_works().await;
}
