//! A local issuer with two clients, and commands to try it.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use scopegate_issuer::{ClientConfig, Config, LocalIssuer, PoolConfig, StartError};

use crate::protected::{READ, WRITE};

/// Another server of the same issuer, for tokens that this server must reject.
const ANOTHER: &str = "https://another.example/mcp";

/// Starts the issuer.
///
/// # Errors
/// Returns an error if the issuer cannot listen, or if the resource is not a valid identifier.
pub(crate) async fn start(resource: &str) -> Result<LocalIssuer, StartError> {
    // A token can be for a resource server without scopes.
    const NO_SCOPES: [&str; 0] = [];
    let pool = PoolConfig::new("eu-west-1_Local0001")
        .resource_server("notes", ["read", "write"])
        .resource_server(resource, NO_SCOPES)
        .resource_server(ANOTHER, NO_SCOPES)
        .client(ClientConfig::new("local-agent", "local-agent-secret", [READ, WRITE]))
        .client(ClientConfig::new("local-reader", "local-reader-secret", [READ]));
    LocalIssuer::start_with(Config::empty().pool(pool)).await
}

/// Prints the URLs, and commands to try the server.
///
/// # Errors
/// Returns an error if standard output is closed.
pub(crate) fn print(
    resource: &str,
    address: SocketAddr,
    issuer: &str,
    local: Option<&LocalIssuer>,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "MCP server  {resource}\nlistening   {address}\nissuer      {issuer}")?;
    if let Some(local) = local {
        let endpoint = local.token_endpoint();
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}"#;
        writeln!(
            out,
            "clients     local-agent (reads and writes), local-reader (reads); a secret is the id with -secret\n
# Without a token: the challenge has the URL of the metadata
curl -i {resource}

# With a token: a tool call
TOKEN=$(curl -s -u local-agent:local-agent-secret -d grant_type=client_credentials \\
    -d scope={READ} -d resource={resource} {endpoint} | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')
curl -i -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\
    -H 'Accept: application/json, text/event-stream' -d '{call}' {resource}
# With `write_note` instead of `whoami`, the call is rejected, and the challenge has the required scope."
        )?;
    }
    out.flush()
}
