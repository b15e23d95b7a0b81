//! The MCP server behind OAuth, as a file to copy.
//!
//! Every request to `/mcp` requires a token for this server and a base scope. Some tools require
//! another scope. If a token or a scope is missing, the challenge has the information that an MCP
//! client needs to get it.

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

/// The scope for listing tools, and for calling tools that only read.
pub(crate) const READ: &str = "notes/read";
/// The scope for everything. It implies [`READ`].
pub(crate) const WRITE: &str = "notes/write";

/// Maximum size of a request in bytes. rmcp allows 4 MiB, but notes are short.
const MAX_BODY: usize = 64 * 1024;

/// Returns the MCP server and its metadata.
///
/// # Errors
/// Returns an error if the resource is not a secure URL, or if the issuer's keys are unavailable.
pub(crate) async fn router(issuer: &str, resource: &str) -> Result<Router, ConfigError> {
    // Tokens must be for this server. A token for another server, passed on to this one, is rejected.
    let trusted = Issuer::from_metadata(issuer)?.audience(resource);
    let verifier = Verifier::builder().trust(trusted).implied_scopes(WRITE, [READ]).start().await?;
    let api = ProtectedResource::new(resource, &verifier)?.with_name("Notes");

    let notes = Notes::default();
    let config = StreamableHttpServerConfig::default()
        // No sessions, as in MCP since 2026-07-28, so there is no session id to steal.
        .with_legacy_session_mode(false)
        .with_json_response(true)
        // Requests of web pages and requests for another host are rejected (DNS rebinding). The resource has
        // a host, because it was checked above.
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

/// Adds a layer for tools that require another scope.
///
/// Only the body has a trustworthy name of the tool, so it is read here, after the outer layer has
/// accepted the caller.
async fn scope_of_tool(State(write): State<RequireScope>, head: Parts, body: Bytes, next: Next) -> Response {
    // rmcp parses the same bytes with the same type, so both find the same tool. `GET` and `DELETE` have no
    // body.
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

/// Returns whether a message only reads. Unknown messages and tools require the scope for writing,
/// so a new tool is protected until it is listed here.
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
