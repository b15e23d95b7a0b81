//! `jsonwebtoken` has both backends, and `aws_lc_rs` is installed as its default. This is a
//! separate program, because a process has only one default.

mod parts;

use jsonwebtoken::crypto::aws_lc;
use parts::Ours;

#[tokio::test]
async fn verifier_works_with_chosen_aws_lc_rs() {
    let ours = Ours::start().await;
    ours.assert_works().await;
    assert!(aws_lc::DEFAULT_PROVIDER.install_default().is_ok());
    ours.assert_jsonwebtoken_works();
    ours.assert_works().await;
    Ours::start().await.assert_works().await;
}
