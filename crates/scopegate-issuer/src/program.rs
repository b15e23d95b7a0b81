//! The command-line program: a local issuer for a laptop. Reads arguments, prints `curl` commands,
//! and stops on Ctrl-C or SIGTERM.
//!
//! The program `scopegate` has it as a command. Feature: `cli`.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use tracing::Level;

use crate::config::Config;
use crate::config::client::ClientConfig;
use crate::local_issuer::{LocalIssuer, StartError};
use crate::pool::Pool;

/// The arguments of the program.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// Path of a TOML file with pools and clients [default: two built-in pools with public secrets]
    #[arg(long, value_name = "FILE", env = "SCOPEGATE_ISSUER_CONFIG")]
    config: Option<PathBuf>,

    /// Address to listen on (loopback only), overrides the config file [default without a file:
    /// 127.0.0.1:9400]
    #[arg(long, value_name = "ADDR", env = "SCOPEGATE_ISSUER_LISTEN")]
    listen: Option<String>,

    /// Permission to listen on an address that other machines can reach, such as 0.0.0.0:9400; they
    /// can all get tokens
    #[arg(long, env = "SCOPEGATE_ISSUER_ALLOW_OTHER_MACHINES")]
    allow_other_machines: bool,

    /// Allowed `Host` of requests, with or without a port, such as issuer:9400 (repeatable)
    #[arg(
        long = "allow-host",
        value_name = "HOST",
        env = "SCOPEGATE_ISSUER_ALLOW_HOSTS",
        value_delimiter = ','
    )]
    allow_hosts: Vec<String>,

    /// Base URL of the issuers, overrides the config file [default: the first allowed host, or the
    /// address]
    #[arg(long, value_name = "URL", env = "SCOPEGATE_ISSUER_URL")]
    url: Option<String>,

    /// Log level DEBUG instead of INFO, with responses, connections and faults
    #[arg(long)]
    verbose: bool,
}

/// Logs to standard error, and serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// Returns a [`Failure`] if a setting is invalid, or if the server cannot start.
///
/// # Panics
/// Panics if a `tracing` subscriber is installed already.
pub async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let level = if arguments.verbose { Level::DEBUG } else { Level::INFO };
    let colors = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(colors).with_max_level(level).init();
    serve(arguments).await
}

async fn serve(arguments: &Arguments) -> Result<(), Failure> {
    let config = match &arguments.config {
        Some(file) => read(file)?,
        None => Config::default().listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 9400))),
    };
    let config = match &arguments.listen {
        Some(address) => config.listen(parse(address)?),
        None => config,
    };
    let config = if arguments.allow_other_machines { config.allow_other_machines() } else { config };
    let config = config.allow_hosts(&arguments.allow_hosts);
    let config = match &arguments.url {
        Some(url) => config.url(url),
        None => config,
    };
    // Register handlers before printing the URL: a program that reads it can then already stop this one.
    let mut signals = Signals::listen().map_err(|error| Failure::other("cannot handle signals", &error))?;
    let issuer = LocalIssuer::start_with(config).await.map_err(|error| match error {
        StartError::Config(error) => Failure::settings(error.to_string()),
        other => Failure::other(&other.to_string(), &other),
    })?;

    let secrets = if arguments.config.is_some() { Secrets::Placeholder } else { Secrets::BuiltIn };
    // Continue to serve if standard output is closed.
    let _ = print(&issuer, secrets);
    signals.stop().await;
    issuer.shut_down().await;
    Ok(())
}

fn read(file: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::settings(format!("{}: cannot read file: {error}", file.display())))?;
    Config::from_toml(&text).map_err(|error| Failure::settings(format!("{}: {error}", file.display())))
}

fn parse(address: &str) -> Result<SocketAddr, Failure> {
    address.parse().map_err(|_| {
        let expected = "an address and a port, such as 127.0.0.1:9400";
        Failure::settings(format!("--listen: expected {expected}, found {address:?}"))
    })
}

fn print(issuer: &LocalIssuer, secrets: Secrets) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "A development server, not for production. Listening on http://{}", issuer.address())?;
    for pool in issuer.pools() {
        writeln!(out, "\npool      {}", pool.id())?;
        writeln!(out, "issuer    {}", pool.issuer())?;
        writeln!(out, "jwks_uri  {}", pool.jwks_uri())?;
        for client in pool.clients() {
            writeln!(out, "\n# {}\n{}", client.display_name(), curl(pool, client, secrets))?;
        }
    }
    out.flush()
}

/// Returns a command that sends the credentials in the body. `-u` would not encode them as RFC 6749
/// §2.3.1 requires, but `--data-urlencode` does.
fn curl(pool: &Pool, client: &ClientConfig, secrets: Secrets) -> String {
    let id = quoted(&format!("client_id={}", client.id()));
    let secret = match secrets {
        Secrets::BuiltIn => quoted(&format!("client_secret={}", client.secret())),
        Secrets::Placeholder => "\"client_secret=$SECRET\"".to_owned(),
    };
    let token_endpoint = pool.token_endpoint();
    format!(
        "curl -d grant_type=client_credentials --data-urlencode {id} --data-urlencode {secret} {token_endpoint}"
    )
}

/// Quotes a string as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The way secrets are printed: those in the built-in configuration are public, but secrets from a
/// file must not be shown.
#[derive(Clone, Copy)]
enum Secrets {
    BuiltIn,
    Placeholder,
}

/// The reason why the program ended, as a message of one line.
#[derive(Debug)]
pub struct Failure {
    message: String,
    is_usage: bool,
}

impl Failure {
    fn settings(message: String) -> Self {
        Self { message, is_usage: true }
    }

    fn other(what: &str, error: &dyn Error) -> Self {
        let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        Self { message: format!("{what}: {reason}"), is_usage: false }
    }

    /// Returns whether an argument, an environment variable or the file is invalid.
    pub fn is_usage(&self) -> bool {
        self.is_usage
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// Ctrl-C, and SIGTERM where it exists.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(unix)]
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps, reason = "fails on unix")]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn stop(&mut self) {
        // If Ctrl-C cannot be handled, run until the process is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
