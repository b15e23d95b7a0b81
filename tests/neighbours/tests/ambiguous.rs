//! Both cryptography backends of `jsonwebtoken` and of rustls are enabled, and no default is
//! installed.
//!
//! This is a separate program, because a process has only one default.

mod parts;

use parts::{Ours, panic_of, text_of};
use tower_mcp::oauth::{JwtValidator, TokenValidator as _};

const UNDECIDED: &str = "Could not automatically determine the process-level CryptoProvider";

#[tokio::test]
async fn verifier_works_without_chosen_backend() {
    let ours = Ours::start().await;
    ours.assert_works().await;

    // The premise of this test: with the same token, `jsonwebtoken` panics.
    let token = ours.issuer.mint().sign();
    let panic = panic_of(|| ours.accepted_by_jsonwebtoken(&token));
    assert!(panic.contains(UNDECIDED), "{panic}");
    let with_secret = ours.issuer.mint().alg("HS256").sign();
    let neighbour = async move { JwtValidator::from_secret(b"secret").validate_token(&with_secret).await };
    let panic = text_of(&*tokio::spawn(neighbour).await.unwrap_err().into_panic());
    assert!(panic.contains(UNDECIDED), "{panic}");
    let panic = panic_of(rustls::ClientConfig::builder);
    assert!(panic.contains(UNDECIDED), "{panic}");

    // Our verifier still works, and so does the first fetch of keys.
    ours.assert_works().await;
    Ours::start().await.assert_works().await;
}
