//! The program `scopegate`: decisions for gateways and tools for operators.
#![forbid(unsafe_code)]

mod serve;
mod check;
mod decide;
mod config;
mod openapi;
mod gateway;
mod grpc;
mod routes;
mod path;
mod explain;
mod doctor;
mod conform;
mod keys;
mod token;
mod revoke;
mod issuer;
mod document;
mod terminal;
mod log_limit;
mod exit;
mod causes;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::{Exit, Failure};

/// OAuth 2.0 access tokens for any language behind any gateway.
#[derive(Parser)]
#[command(name = "scopegate", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Check(check::Arguments),
    /// Every check of an access token and the reason of a rejection
    Explain(Box<explain::Arguments>),
    /// Metadata, keys and clock of issuers
    Doctor(doctor::Arguments),
    /// Report of the hostile tokens that an API in any language accepts
    Conform(Box<conform::Arguments>),
    /// Usable keys of a JWKS and the reasons why others are not used
    Keys(keys::Arguments),
    /// Access token of the client credentials grant for curl
    Token(token::Arguments),
    /// Publication of revocations to the services that follow a Redis server
    Revoke(revoke::Arguments),
    /// Local issuer for development (not for production)
    Issuer(issuer::Arguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::of_arguments(&error).into(),
    };
    let exit = match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => finished(explain::run(*arguments)),
        Command::Doctor(arguments) => finished(doctor::run(arguments)),
        Command::Conform(arguments) => finished(conform::run(*arguments)),
        Command::Keys(arguments) => finished(keys::run(arguments)),
        Command::Token(arguments) => finished(token::run(arguments)),
        Command::Revoke(arguments) => finished(revoke::run(arguments)),
        Command::Issuer(arguments) => finished(issuer::run(arguments)),
    };
    exit.into()
}

/// Runs a command to its end.
fn finished(command: impl Future<Output = Result<Exit, Failure>>) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let failed = |error: std::io::Error| Failure::failed(format!("the program cannot start: {error}"));
    exit::of(runtime.map_err(failed).and_then(|runtime| runtime.block_on(command)))
}
