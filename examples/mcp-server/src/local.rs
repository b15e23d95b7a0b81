//! An issuer for a laptop, with two clients, and what to do with them.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use scopegate_issuer::{ClientConfig, Config, LocalIssuer, PoolConfig, StartError};

use crate::protected::{READ, WRITE};

/// Another server of the same issuer, so that a token can be asked for that is for somebody else.
const ANOTHER: &str = "https://another.example/mcp";

/// # Errors
/// When it cannot listen, or the resource is not such that a token can be for it.
pub(crate) async fn start(resource: &str) -> Result<LocalIssuer, StartError> {
    // A token can be bound to a resource server that has no scopes of its own.
    const NO_SCOPES: [&str; 0] = [];
    let pool = PoolConfig::new("eu-west-1_Local0001")
        .resource_server("notes", ["read", "write"])
        .resource_server(resource, NO_SCOPES)
        .resource_server(ANOTHER, NO_SCOPES)
        .client(ClientConfig::new("local-agent", "local-agent-secret", [READ, WRITE]))
        .client(ClientConfig::new("local-reader", "local-reader-secret", [READ]));
    LocalIssuer::start_with(Config::empty().pool(pool)).await
}

/// What runs where, and how to try it.
///
/// # Errors
/// When nobody listens.
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
            "clients     local-agent reads and writes, local-reader reads; the secret of each is its id and -secret\n
# Without a token: where to get one
curl -i {resource}

# With one: a tool call
TOKEN=$(curl -s -u local-agent:local-agent-secret -d grant_type=client_credentials \\
    -d scope={READ} -d resource={resource} {endpoint} | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')
curl -i -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\
    -H 'Accept: application/json, text/event-stream' -d '{call}' {resource}
# `write_note` in place of `whoami` is refused, and the challenge says which scope it takes."
        )?;
    }
    out.flush()
}
