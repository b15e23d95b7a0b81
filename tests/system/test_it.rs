//! The test of docs/testing.md. `readme.rs` compares both.

use axum::{Router, body::Body, handler::Handler, http::Request, routing::get};
use scopegate_axum::{Issuer, RequireScope, Verifier};
use scopegate_issuer::LocalIssuer;
use tower::ServiceExt;

#[tokio::test]
async fn only_readers_read() -> Result<(), Box<dyn std::error::Error>> {
    // A real issuer on a loopback socket, with the app clients `local-reader` and `local-writer`.
    let local = LocalIssuer::start().await?;
    let pool = Issuer::cognito_at(local.issuer())?.client("local-reader");
    let verifier = Verifier::builder().trust(pool).start().await?;
    let read = RequireScope::new(&verifier, "orders/read");
    let app = Router::new().route("/orders", get((async || "orders").layer(read)));

    let reader = local.mint().scope("orders/read");
    for (token, expected) in [
        (reader.sign(), 200),
        (reader.clone().scope("orders/write").sign(), 403),
        (reader.clone().expired().sign(), 401),
        (reader.clone().tampered().sign(), 401),
    ] {
        let request = Request::get("/orders").header("authorization", format!("Bearer {token}"));
        let response = app.clone().oneshot(request.body(Body::empty())?).await?;
        assert_eq!(response.status(), expected);
    }
    Ok(())
}
