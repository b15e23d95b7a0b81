//! The program `scopegate`: decisions for gateways, and tools for operators.
#![forbid(unsafe_code)]

mod check;
mod serve;
mod decide;
mod config;
mod gateway;
mod routes;
mod path;
mod exit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return exit::of_arguments(&error),
    };
    let exit = match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
    };
    exit.into()
}
