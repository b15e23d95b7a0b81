//! The Lambda authorizer: `ISSUER`, `CLIENT_IDS`, `SCOPE`.

use std::process::ExitCode;

use lambda::settings::{self, Settings};
use lambda::{authorizer, init};
use scopegate::Scope;
use scopegate::http::Authorizer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda_runtime::tracing::init_default_subscriber();
    init::exit_code(&run().await)
}

async fn run() -> Result<(), lambda_runtime::Error> {
    let (settings, scope): (_, Scope) = (Settings::from_env()?, settings::scope()?.parse()?);
    let verifier = init::start(settings.builder()?).await?;
    authorizer::run(&Authorizer::require_scope(&verifier, scope)?).await
}
