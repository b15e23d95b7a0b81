//! An API with an audit file: `audit FILE`.

use std::time::Duration;

use audit::api::app;
use audit::audit::{Audit, WhenFull};
use scopegate_axum::{Issuer, Verifier};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: audit FILE")?;
    let audit = Audit::open(path, WhenFull::CountLosses)?;
    let issuer = Issuer::cognito("eu-west-1_Ab12Cd34E")?.client("1example23456789");
    let verifier = Verifier::builder().trust(issuer).observe(audit.observer()).start().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    let stop = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
    axum::serve(listener, app(&verifier, &audit)).with_graceful_shutdown(stop).await?;
    // Decisions of the last requests are still in the queue.
    Ok(audit.close(Duration::from_secs(5)).await?)
}
