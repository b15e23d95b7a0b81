//! `scopegate token`: an access token for a client, for curl and scripts.

use std::env::VarError;
use std::io::{self, Read as _};

use clap::{ArgGroup, Args};
use scopegate_client::{ClientAuthentication, ClientCredentials};

use crate::causes::with_causes;
use crate::exit::{Exit, Failure};
use crate::terminal;

/// Maximum length of a secret in bytes.
const MAX_SECRET: u64 = 16 * 1024;

#[derive(Args)]
#[command(
    group = ArgGroup::new("endpoint").required(true),
    after_help = "The secret is never an argument, because other users can read arguments.\n\n\
        curl -H \"Authorization: Bearer $(scopegate token …)\" https://api.example/orders"
)]
pub(crate) struct Arguments {
    /// URL of the issuer, whose metadata has the token endpoint
    #[arg(long, value_name = "URL", group = "endpoint")]
    issuer: Option<String>,

    /// URL of the token endpoint
    #[arg(long, value_name = "URL", group = "endpoint")]
    token_endpoint: Option<String>,

    /// Client id
    #[arg(long, value_name = "ID")]
    client: String,

    /// Environment variable with the client's secret
    #[arg(long, value_name = "NAME", default_value = "CLIENT_SECRET")]
    secret_env: String,

    /// Secret from standard input instead of the environment
    #[arg(long)]
    secret_stdin: bool,

    /// Client id and secret in the body (`client_secret_post`) instead of the header
    #[arg(long)]
    post: bool,

    /// Scopes (repeatable, or separated by spaces)
    #[arg(long, value_name = "SCOPE", value_delimiter = ' ')]
    scope: Vec<String>,

    /// Resource that the token is for (repeatable, RFC 8707)
    #[arg(long, value_name = "URI")]
    resource: Vec<String>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let secret = secret(&arguments)?;
    let client = if arguments.post {
        ClientAuthentication::client_secret_post(arguments.client, secret)
    } else {
        ClientAuthentication::client_secret_basic(arguments.client, secret)
    };
    let builder = ClientCredentials::builder(client).scopes(arguments.scope).resources(arguments.resource);
    let builder = match (arguments.issuer, arguments.token_endpoint) {
        (Some(issuer), _) => builder.issuer(issuer),
        (None, Some(url)) => builder.token_endpoint(url),
        (None, None) => return Err(Failure::usage("expected --issuer or --token-endpoint, found none")),
    };
    let credentials = builder.build().map_err(|error| Failure::usage(with_causes(&error)))?;
    let token = credentials.token().await.map_err(|error| {
        let message = with_causes(&error);
        if matches!(error, scopegate_client::Error::Rejected { .. }) {
            Failure::rejected(message)
        } else {
            Failure::undecidable(message)
        }
    })?;
    if !token.missing_scopes().is_empty() {
        terminal::note(&format!("the token lacks the scopes {}", token.missing_scopes()));
    }
    terminal::print(&format!("{}\n", token.secret())).map_err(|error| Failure::output(&error))?;
    Ok(Exit::Valid)
}

fn secret(arguments: &Arguments) -> Result<String, Failure> {
    let secret = if arguments.secret_stdin {
        let mut text = String::new();
        io::stdin()
            .take(MAX_SECRET + 1)
            .read_to_string(&mut text)
            .map_err(|error| Failure::usage(format!("standard input: {error}")))?;
        if text.len() as u64 > MAX_SECRET {
            let expected = format!("expected a secret of at most {MAX_SECRET} bytes, found more");
            return Err(Failure::usage(format!("standard input: {expected}")));
        }
        text.trim_end_matches(['\r', '\n']).to_owned()
    } else {
        let name = &arguments.secret_env;
        std::env::var(name).map_err(|error| {
            let found = match error {
                VarError::NotPresent => "none",
                VarError::NotUnicode(_) => "bytes that are not UTF-8",
            };
            Failure::usage(format!(
                "expected the client's secret in the environment variable {name}, found {found}; \
                 use --secret-env NAME or --secret-stdin"
            ))
        })?
    };
    if secret.is_empty() { Err(Failure::usage("expected a secret, found an empty one")) } else { Ok(secret) }
}
