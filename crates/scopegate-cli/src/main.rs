//! The program `scopegate`: explains access tokens, checks issuers and their keys, and fetches tokens.
#![forbid(unsafe_code)]

mod explain;
mod doctor;
mod keys;
mod token;
mod issuer;
mod document;
mod terminal;
mod exit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::{Exit, Failure};

/// Tools for OAuth 2.0 access tokens.
#[derive(Parser)]
#[command(name = "scopegate", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every check of an access token, with the reason of a rejection
    Explain(explain::Arguments),
    /// Discovery, keys and clock of issuers
    Doctor(doctor::Arguments),
    /// Usable keys of a JWKS, and the reasons why others are not used
    Keys(keys::Arguments),
    /// Access token of the client credentials grant, printed for curl
    Token(token::Arguments),
    /// Local issuer for development, not for production
    Issuer(issuer::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::of_usage(&error),
    };
    let result: Result<Exit, Failure> = match arguments.command {
        Command::Explain(arguments) => explain::run(arguments).await,
        Command::Doctor(arguments) => doctor::run(arguments).await,
        Command::Keys(arguments) => keys::run(arguments).await,
        Command::Token(arguments) => token::run(arguments).await,
        Command::Issuer(arguments) => issuer::run(arguments).await,
    };
    exit::of(result)
}
