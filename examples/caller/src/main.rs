//! A job that calls an API every few seconds, with a token that is always there:
//!
//! ```sh
//! cargo run -p demo                                              # in another terminal: an API and its issuer
//! export ISSUER=… CLIENT_ID=local-reader CLIENT_SECRET=local-reader-secret
//! cargo run -p caller -- http://127.0.0.1:8080/orders            # every 5 seconds, until Ctrl-C
//! curl -H "Authorization: Bearer $(cargo run -q -p caller -- token)" http://127.0.0.1:8080/orders
//! ```
//!
//! `ISSUER` is the issuer's name (the demo prints it), or `TOKEN_ENDPOINT` the address of its tokens. `SCOPES`, separated by
//! spaces, may be left out.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is what it is for")]

use std::env;
use std::error::Error;
use std::time::Duration;

use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let credentials = credentials()?;
    match env::args().nth(1).as_deref() {
        Some("token") => println!("{}", credentials.token().await?.expose()),
        Some(url) => call_again_and_again(&credentials, url).await?,
        None => return Err("expected `token` or the address of an API".into()),
    }
    Ok(())
}

/// From the environment: a secret on a command line could be seen by other users of the machine.
fn credentials() -> Result<ClientCredentials, Box<dyn Error>> {
    let setting = |name: &str| env::var(name).map_err(|_| format!("expected {name} to be set"));
    let client = ClientAuthentication::client_secret_basic(setting("CLIENT_ID")?, setting("CLIENT_SECRET")?);
    let builder = match env::var("TOKEN_ENDPOINT") {
        Ok(endpoint) => ClientCredentials::at(endpoint, client),
        Err(_) => ClientCredentials::discover(setting("ISSUER")?, client),
    };
    let scopes = env::var("SCOPES").unwrap_or_default();
    Ok(builder.with_scopes(scopes.split_whitespace()).build()?)
}

/// One call that fails is no reason to stop: the next one may succeed.
async fn call_again_and_again(credentials: &ClientCredentials, url: &str) -> Result<(), Box<dyn Error>> {
    let origin = reqwest::Url::parse(url)?.origin().ascii_serialization();
    let api = AddToken::new(credentials, &origin)?;
    let http = reqwest::Client::new();
    let mut pause = tokio::time::interval(Duration::from_secs(5));
    loop {
        pause.tick().await;
        match api.send(http.get(url)).await {
            Ok(answer) => println!("{} {}", answer.status(), answer.text().await.unwrap_or_default()),
            Err(error) => eprintln!("{error}{}", causes(&error)),
        }
    }
}

fn causes(error: &dyn Error) -> String {
    let (mut text, mut cause) = (String::new(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
