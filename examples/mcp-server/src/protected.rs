//! The MCP server behind OAuth: the file to copy from.
//!
//! Every request to `/mcp` needs a token for this server and a base scope; some tools need one scope more. A client
//! that has no token, or not enough of one, is told how to get it, which is all that an MCP client needs to help
//! itself.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, ClientRequest, JsonRpcMessage};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use scopegate_axum::{ConfigError, Issuer, ProtectedResource, RequireScope, Verifier};
use tower::{Layer as _, ServiceBuilder, ServiceExt as _};

use crate::notes::Notes;
use crate::whole_body::whole_body;

/// Lets a client list tools, and call those that change nothing.
pub(crate) const READ: &str = "notes/read";
/// Lets a client do everything: it implies [`READ`].
pub(crate) const WRITE: &str = "notes/write";

/// In bytes, of a request. rmcp has a limit of its own, of 4 MiB, and this is a server of short notes.
const MAX_BODY: usize = 64 * 1024;

/// # Errors
/// When the resource is not an address that clients may send a token to, or the issuer's keys cannot be had.
pub(crate) async fn router(issuer: &str, resource: &str) -> Result<Router, ConfigError> {
    // Only tokens that were made for this server. One for another server, passed on to this one, is refused.
    let trusted = Issuer::from_metadata(issuer)?.audience(resource);
    let verifier = Verifier::builder().trust(trusted).implied_scopes(WRITE, [READ]).start().await?;
    let api = ProtectedResource::new(resource, &verifier)?.with_name("Notes");

    let notes = Notes::default();
    let config = StreamableHttpServerConfig::default()
        // No sessions, as MCP has it since 2026-07-28: there is no session id that could be worth stealing.
        .with_legacy_session_mode(false)
        .with_json_response(true)
        // No web page may call, nor anybody under a name that is not this server's (DNS rebinding). The resource has a
        // host, or it would have been refused above.
        .enforce_origin_validation()
        .with_allowed_hosts([resource.split('/').nth(2).unwrap_or_default()]);
    let sessions = Arc::new(NeverSessionManager::default());
    let server = StreamableHttpService::new(move || Ok(notes.clone()), sessions, config);

    let protected = ServiceBuilder::new()
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(whole_body))
        .layer(api.require_scope(READ))
        .layer(from_fn_with_state(api.require_scope(WRITE), scope_of_tool))
        .service(server);

    Ok(Router::new().route_service("/mcp", protected).route_service(api.metadata_path(), api.metadata()))
}

/// Puts one more layer in front of a tool that needs more. Which tool is called stands in the body of a request and
/// nowhere else that could be trusted, and so it is read here, after the outer layer has let the caller through.
async fn scope_of_tool(State(write): State<RequireScope>, head: Parts, body: Bytes, next: Next) -> Response {
    // Reads a message as rmcp itself does, from the same bytes: what is a call of a tool there is one here, and of that
    // tool. A `GET` and a `DELETE` have no body.
    let only_reads = match serde_json::from_slice(&body) {
        Ok(message) => only_reads(&message),
        Err(_) if body.is_empty() => true,
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    };
    let request = Request::from_parts(head, body.into());
    if only_reads {
        return next.run(request).await;
    }
    // The outer layer has verified the token, so it is not verified again.
    let Ok(response) = write.layer(next).oneshot(request).await;
    response
}

/// Any other message, and any other tool, also one that is added later, writes until somebody says that it does not.
fn only_reads(message: &ClientJsonRpcMessage) -> bool {
    match message {
        JsonRpcMessage::Request(message) => match &message.request {
            ClientRequest::CallToolRequest(call) => matches!(&*call.params.name, "whoami" | "read_notes"),
            ClientRequest::InitializeRequest(_)
            | ClientRequest::DiscoverRequest(_)
            | ClientRequest::PingRequest(_)
            | ClientRequest::ListToolsRequest(_) => true,
            _ => false,
        },
        JsonRpcMessage::Notification(message) => matches!(
            message.notification,
            ClientNotification::InitializedNotification(_) | ClientNotification::CancelledNotification(_)
        ),
        _ => false,
    }
}
