//! A job that calls an API every 5 seconds. The access token is fetched and renewed automatically.
//!
//! ```sh
//! cargo run -p demo                       # in another terminal: an API and its issuer. It prints these lines:
//! export API=http://127.0.0.1:… CLIENT_ID=local-reader CLIENT_SECRET=local-reader-secret
//! export ISSUER=http://127.0.0.1:…/eu-west-1_Local0001
//! cargo run -p caller -- $API/orders      # every 5 seconds, until Ctrl-C
//! curl -H "Authorization: Bearer $(cargo run -q -p caller -- token)" $API/orders
//! ```
//!
//! `ISSUER` is the issuer's name, exactly as in its metadata. You can set `TOKEN_ENDPOINT` instead.
//! For Amazon Cognito, this is `https://YOUR-DOMAIN.auth.REGION.amazoncognito.com/oauth2/token`.
//! `SCOPES` is optional: scopes that are separated by spaces.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the program prints its results")]

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(env::args().nth(1).as_deref()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(argument: Option<&str>) -> Result<(), Box<dyn Error>> {
    let what = argument.ok_or("the argument is missing: expected `token` or the URL of an API")?;
    let credentials = credentials()?;
    if what == "token" {
        println!("{}", credentials.token().await?.secret());
        return Ok(());
    }
    let url = reqwest::Url::parse(what)
        .map_err(|error| format!("invalid argument: expected `token` or a URL, found {what:?}: {error}"))?;
    call_again_and_again(&credentials, url).await
}

/// Reads the credentials from the environment, because other users can see the command line.
fn credentials() -> Result<ClientCredentials, Box<dyn Error>> {
    let setting =
        |name: &str| env::var(name).map_err(|_| format!("the environment variable {name} is missing"));
    let client = ClientAuthentication::client_secret_basic(setting("CLIENT_ID")?, setting("CLIENT_SECRET")?);
    let builder = match (env::var("TOKEN_ENDPOINT"), env::var("ISSUER")) {
        (Ok(endpoint), _) => ClientCredentials::builder(client).token_endpoint(endpoint),
        (Err(_), Ok(issuer)) => ClientCredentials::builder(client).issuer(issuer),
        _ => return Err("the environment variable ISSUER or TOKEN_ENDPOINT is required".into()),
    };
    let scopes = env::var("SCOPES").unwrap_or_default();
    Ok(builder.scopes(scopes.split_whitespace()).build()?)
}

/// Calls the API until the program is stopped. After an error, it continues, because the next call
/// may succeed.
async fn call_again_and_again(
    credentials: &ClientCredentials,
    url: reqwest::Url,
) -> Result<(), Box<dyn Error>> {
    let api = AddToken::new(credentials, &url.origin().ascii_serialization())?;
    let http = reqwest::Client::new();
    let mut pause = tokio::time::interval(Duration::from_secs(5));
    loop {
        pause.tick().await;
        match api.send(http.get(url.clone())).await {
            Ok(answer) => println!("{} {}", answer.status(), answer.text().await.unwrap_or_default()),
            Err(error) => eprintln!("{}", with_causes(&error)),
        }
    }
}

/// Returns an error and its causes on one line.
fn with_causes(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
