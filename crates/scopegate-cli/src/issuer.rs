//! `scopegate issuer`: the local issuer, as the program `scopegate-issuer` serves it.

use scopegate_issuer::program;

use crate::exit::{Exit, Failure};

pub(crate) use scopegate_issuer::program::Arguments;

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    match program::run(&arguments).await {
        Ok(()) => Ok(Exit::Valid),
        Err(failure) if failure.is_usage() => Err(Failure::usage(failure.to_string())),
        Err(failure) => Err(Failure::undecidable(failure.to_string())),
    }
}
