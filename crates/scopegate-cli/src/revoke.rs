//! `scopegate revoke`: publishes revocations through Redis, for the services that follow it.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;
use scopegate::Revocation;
use scopegate_redis::{Redis, RedisError, RedisRevocations};

use crate::causes::with_causes;
use crate::config::beside::SecretText;
use crate::exit::{Exit, Failure};
use crate::terminal;

#[derive(Args)]
#[command(after_help = "\
Each line is a revocation, as in a revocation file:
  {\"iss\":\"https://issuer.example\",\"jti\":\"5a1f\",\"exp\":1790000000}
  {\"iss\":\"https://issuer.example\",\"sub\":\"user-1\",\"not_before\":1780000000}

Without a line, the command prepares a new server, and says that there are no revocations:
  scopegate revoke --redis rediss://operator@redis.example < /dev/null

Exit codes: 0 the server has stored all, 2 it may have stored some (publish them again), 64 a line or a setting is
malformed, and nothing is published")]
pub(crate) struct Arguments {
    /// URL of the server, with a user that may write
    #[arg(long, value_name = "URL", env = "SCOPEGATE_REDIS", hide_env_values = true)]
    redis: String,

    /// File with the password of the server, so that the URL has none
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Prefix of the server's keys, as `redis_key_prefix` of the services
    #[arg(long, value_name = "PREFIX")]
    key_prefix: Option<String>,

    /// Withdraw the entries of the lines
    #[arg(long)]
    withdraw: bool,

    /// Revocations, one in each line [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Maximum size of the revocations in bytes, for about 600,000 lines.
const MAX_INPUT: u64 = 64 * 1024 * 1024;

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let shared = server(&arguments)?;
    let revocations = parse(&read(&arguments)?)?;
    let count = revocations.len();
    if arguments.withdraw {
        for revocation in &revocations {
            shared.withdraw(revocation).await.map_err(|error| failure(&error))?;
        }
    } else {
        shared.publish_all(&revocations).await.map_err(|error| failure(&error))?;
    }
    let done = if arguments.withdraw { "withdrawn" } else { "published" };
    terminal::print(&format!("{done}: {count}\n")).map_err(|error| Failure::output(&error))?;
    Ok(Exit::Valid)
}

fn server(arguments: &Arguments) -> Result<RedisRevocations, Failure> {
    let redis = Redis::new(&arguments.redis).map_err(|error| failure(&error))?;
    let redis = match &arguments.password_file {
        Some(file) => {
            let password = SecretText::read(file);
            let reason = |reason| Failure::usage(format!("--password-file: {reason}"));
            redis.password(password.map_err(reason)?.expose())
        }
        None => redis,
    };
    let shared = RedisRevocations::new(&redis);
    Ok(match &arguments.key_prefix {
        Some(prefix) => shared.key_prefix(prefix),
        None => shared,
    })
}

fn read(arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    match &arguments.file {
        Some(path) => read_from(File::open(path).map_err(|error| usage(&path.display(), &error))?),
        None => read_from(io::stdin()),
    }
}

fn read_from(input: impl Read) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    input.take(MAX_INPUT + 1).read_to_end(&mut text).map_err(|error| usage(&"the revocations", &error))?;
    if text.len() as u64 > MAX_INPUT {
        return Err(usage(
            &"the revocations",
            &format_args!("expected at most {MAX_INPUT} bytes, found more"),
        ));
    }
    Ok(text)
}

/// Parses all lines. Empty ones are skipped. A message has no part of a line, which may be personal data.
fn parse(text: &[u8]) -> Result<Vec<Revocation>, Failure> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty());
    lines
        .map(|(index, line)| {
            Revocation::from_json(line).map_err(|error| usage(&format_args!("line {}", index + 1), &error))
        })
        .collect()
}

fn usage(place: &dyn std::fmt::Display, reason: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("{place}: {reason}"))
}

/// Returns the failure of a setting or of the server. It has no part of the URL, because any part may be a
/// password.
fn failure(error: &RedisError) -> Failure {
    match error {
        RedisError::InvalidUrl { expected, .. } => {
            usage(&"--redis", &format_args!("expected a URL: {expected}"))
        }
        RedisError::WithoutTls { .. }
        | RedisError::OutOfRange { .. }
        | RedisError::InvalidRevocation { .. }
        | RedisError::TlsFeatureOff => Failure::usage(with_causes(error)),
        _ => Failure::undecidable(with_causes(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_line_has_its_number_and_no_content() {
        let line = r#"{"iss":"https://issuer.example","jti":"5a1f"}"#;
        assert_eq!(parse(format!("\n{line}\r\n\n{line}\n").as_bytes()).unwrap().len(), 2);
        assert_eq!(parse(b"").unwrap().len(), 0);
        let malformed = line.replace("jti", "jit");
        let failure = parse(format!("\n{line}\n{malformed}\n").as_bytes()).unwrap_err();
        let shown = format!("{failure:?}");
        assert!(shown.contains("line 3: ") && !shown.contains("5a1f"), "{shown}");
    }

    #[test]
    fn size_of_input_is_bounded() {
        assert!(read_from(io::repeat(b'\n').take(MAX_INPUT)).is_ok());
        assert!(read_from(io::repeat(b'\n')).is_err());
    }
}
