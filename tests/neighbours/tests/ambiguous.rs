//! Two neighbours have chosen different cryptography for `jsonwebtoken`, two others for rustls, and nobody has chosen
//! between them. A program of its own, because both choices are the whole process's.

mod parts;

use parts::{Ours, panic_of, text_of};
use tower_mcp::oauth::{JwtValidator, TokenValidator as _};

const UNDECIDED: &str = "Could not automatically determine the process-level CryptoProvider";

#[tokio::test]
async fn we_work_where_nobody_has_chosen_and_jsonwebtoken_does_not() {
    let ours = Ours::start().await;
    ours.assert_works().await;

    // What this test is about is the case: the same tokens make others panic.
    let token = ours.issuer.mint().sign();
    let panic = panic_of(|| ours.accepted_by_jsonwebtoken(&token));
    assert!(panic.contains(UNDECIDED), "{panic}");
    let with_secret = ours.issuer.mint().alg("HS256").sign();
    let neighbour = async move { JwtValidator::from_secret(b"secret").validate_token(&with_secret).await };
    let panic = text_of(&*tokio::spawn(neighbour).await.unwrap_err().into_panic());
    assert!(panic.contains(UNDECIDED), "{panic}");
    let panic = panic_of(rustls::ClientConfig::builder);
    assert!(panic.contains(UNDECIDED), "{panic}");

    // Neither what they have done changes anything, nor that keys are fetched only now.
    ours.assert_works().await;
    Ours::start().await.assert_works().await;
}
