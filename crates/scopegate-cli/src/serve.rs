//! `scopegate serve`: the decision service.

mod actions;
mod admin;
mod checks;
mod decisions;
mod issuers;
mod listener;
mod reload;
mod signals;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scopegate::SystemClock;
use tokio::sync::watch;
use tracing::level_filters::LevelFilter;

use crate::causes::with_causes;
use crate::config::dpop::Started;
use crate::config::file;
use crate::config::settings::Config;
use crate::decide::live::Live;
use crate::decide::rules::{NotVerifying, Rules, verifier_of};
use crate::exit::Exit;
use crate::serve::admin::Admin;
use crate::serve::checks::Checks;
use crate::serve::decisions::Decisions;
use crate::serve::listener::Listener;
use crate::serve::reload::Reloader;
use crate::serve::signals::Signals;

/// Decisions for a gateway: which requests may pass
#[derive(clap::Args)]
#[command(after_help = SIGNALS_AND_CODES)]
pub(crate) struct Arguments {
    /// Path of the configuration file
    #[arg(long, value_name = "FILE", env = "SCOPEGATE_CONFIG")]
    config: PathBuf,

    /// Level of the log on standard error: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", env = "SCOPEGATE_LOG", default_value = "info")]
    log: LevelFilter,
}

/// The end of the help, for an operator without the guide.
const SIGNALS_AND_CODES: &str = "\
Signals:
  SIGHUP   reads the file again. A changed file is applied without it, within two seconds
  SIGTERM  ends the service after its open requests, within 10 s

The address of listen_admin:
  /livez    200 while the process runs
  /readyz   200 if tokens of all issuers can be verified, otherwise 503 with the reasons
  /metrics  Prometheus. scopegate_config_valid is 0 while the file has a mistake and earlier rules are in effect

Exit codes:
  0   stopped by a signal
  64  the file has a mistake: see scopegate check
  70  an address cannot be bound, or revocations cannot be read now. Start it again";

/// How long open requests may take after a signal to stop.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(arguments.log);
    log.with_ansi(false).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format_args!("no runtime: {error}"), Exit::Failed),
    };
    let exit = runtime.block_on(serve(arguments));
    // A drop would wait for a read of the file, which may never end.
    runtime.shutdown_background();
    exit
}

async fn serve(arguments: &Arguments) -> Exit {
    let (path, source) = (arguments.config.clone(), file::source(&arguments.config));
    let config = match reload::parse(path.clone(), source.clone(), true).await {
        Ok(config) => config,
        Err(error) => return failed(&error, Exit::Usage),
    };
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return failed(&format_args!("cannot handle signals: {error}"), Exit::Failed),
    };
    // Installed first, so that it has the metrics of the start.
    let admin = config.listen_admin.map(|address| (address, Admin::install()));
    let (live, dpop) = match signals.unless_stopped(start(&config)).await {
        Some(Ok((live, dpop))) => (Arc::new(live), dpop),
        Some(Err(error)) => return failed(&with_causes(&*error), exit_of(&*error)),
        None => {
            tracing::info!("stopped before the start has ended");
            return Exit::Valid;
        }
    };
    let (stop, stopped) = watch::channel(false);
    let decisions = match bind("decisions", config.listen).await {
        Ok(listener) => listener,
        Err(exit) => return exit,
    };
    let mut servers = vec![tokio::spawn(decisions.serve(Decisions::new(Arc::clone(&live)), stopped.clone()))];
    if let Some(address) = config.listen_grpc {
        let listener = match bind("grpc", address).await {
            Ok(listener) => listener,
            Err(exit) => return exit,
        };
        servers.push(tokio::spawn(listener.serve(Checks::new(Arc::clone(&live)), stopped.clone())));
    }
    if let Some((address, admin)) = admin {
        let listener = match bind("admin", address).await {
            Ok(listener) => listener,
            Err(exit) => return exit,
        };
        let admin = admin.of(live.verifier.clone());
        servers.push(tokio::spawn(listener.serve(admin, stopped)));
    }
    started(&path, &config);
    let mut reloader = Reloader::new(path, source, config, live, dpop);
    signals.run(&mut reloader).await;

    let limit_secs = SHUTDOWN_TIMEOUT.as_secs();
    tracing::info!(limit_secs, "stopping, open requests are decided");
    let _ = stop.send(true);
    let open = async {
        for server in servers {
            let _ = server.await;
        }
    };
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, open).await.is_err() {
        tracing::warn!(limit_secs, "open requests were ended without a decision");
    }
    tracing::info!("stopped");
    Exit::Valid
}

/// Records the configuration in effect.
fn started(file: &Path, config: &Config) {
    let (version, file, gateway) = (env!("CARGO_PKG_VERSION"), file.display(), config.gateway);
    let (routes, issuers) = (config.routes.len(), config.issuers.len());
    tracing::info!(version, %file, ?gateway, routes, issuers, "decision service started");
}

/// Starts the verifier, and compiles the rules. Keys are fetched in the background. Sources of revocations
/// are read before the first decision.
async fn start(config: &Config) -> Result<(Live, Option<Started>), Box<dyn std::error::Error>> {
    if config.revocations.is_some() {
        tracing::info!("reading the revocations, no request is decided before");
    }
    let dpop = config.start_dpop()?;
    let verifier = verifier_of(config, SystemClock, dpop.as_ref(), |_, issuer| issuer).await?.start_lazy()?;
    let rules = Rules::compile(config, &verifier)?;
    Ok((Live::new(verifier, rules), dpop))
}

/// Returns the exit code of a failed start. A source of revocations may respond later, so another start of
/// the same file may succeed.
fn exit_of(error: &(dyn std::error::Error + 'static)) -> Exit {
    match error.downcast_ref() {
        Some(NotVerifying::Revocations(_)) => Exit::Failed,
        _ => Exit::Usage,
    }
}

/// Binds an address, and prints it. A port of 0 becomes a free one.
async fn bind(name: &str, address: SocketAddr) -> Result<Listener, Exit> {
    let bound = Listener::bind(address).await;
    let listener =
        bound.map_err(|error| failed(&format_args!("cannot listen on {address}: {error}"), Exit::Failed))?;
    // The service goes on if standard output is closed.
    let _ = writeln!(io::stdout().lock(), "{name} on http://{}", listener.address());
    Ok(listener)
}

/// Prints the reason why the service does not start.
fn failed(reason: &dyn std::fmt::Display, exit: Exit) -> Exit {
    // If standard error is closed, only the exit code reports the failure.
    let _ = writeln!(io::stderr().lock(), "{}", reason.to_string().trim_end());
    exit
}
