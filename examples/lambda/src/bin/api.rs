//! The API as a function: `ISSUER`, `CLIENT_IDS`.

use std::process::ExitCode;

use lambda::{api, init, settings::Settings};

// A function serves one request at a time, so it needs one thread.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda_runtime::tracing::init_default_subscriber();
    init::exit_code(&run().await)
}

async fn run() -> Result<(), lambda_http::Error> {
    let verifier = init::start(Settings::from_env()?.builder()?).await?;
    lambda_http::run(api::app(&verifier)).await
}
