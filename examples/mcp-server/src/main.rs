//! An MCP server behind OAuth, and a local issuer to try it. Begin with `protected.rs`.
//!
//! Without `--issuer`, the program starts a local issuer and trusts it.

mod access_log;
mod local;
mod notes;
mod protected;
mod whole_body;

use std::error::Error;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use axum::middleware::from_fn;
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// MCP server over streamable HTTP, protected by OAuth
#[derive(Parser)]
struct Settings {
    /// Address to listen on
    #[arg(long, env = "LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Trusted issuer, exactly as in its tokens. Default: a local issuer that this program starts
    #[arg(long, env = "ISSUER", value_name = "URL")]
    issuer: Option<String>,

    /// URL of this server for clients, and required audience of tokens. Default: `http://ADDRESS/mcp`
    #[arg(long, env = "RESOURCE", value_name = "URL")]
    resource: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,rmcp=warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(io::stderr().is_terminal());
    log.with_writer(io::stderr).init();
    match serve(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "the server has stopped");
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(settings.listen).await?;
    let address = listener.local_addr()?;
    let resource = match settings.resource {
        Some(resource) => resource,
        None if address.ip().is_loopback() => format!("http://{address}/mcp"),
        None => return Err(
            "--resource is required with an address that is not loopback: expected the https URL of this \
                            server for clients"
                .into(),
        ),
    };
    let (issuer, local) = if let Some(issuer) = settings.issuer {
        (issuer, None)
    } else {
        let local = local::start(&resource).await?;
        (local.issuer().to_owned(), Some(local))
    };
    let router = protected::router(&issuer, &resource).await?;
    local::print(&resource, address, &issuer, local.as_ref())?;
    Ok(axum::serve(listener, router.layer(from_fn(access_log::log))).await?)
}
