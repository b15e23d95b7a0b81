//! An ordinary MCP server with three tools, which reads the caller from the request's claims.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use rmcp::ErrorData;
use rmcp::handler::server::tool::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::{schemars, tool, tool_router};
use scopegate_axum::Claims;
use serde::Deserialize;

/// The notes of all callers, in memory.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

#[tool_router(server_handler)]
impl Notes {
    /// Returns the caller and its scopes.
    #[tool]
    fn whoami(Extension(request): Extension<Parts>) -> Result<String, ErrorData> {
        let claims = claims(&request)?;
        let scopes: Vec<_> = claims.scopes().iter().map(ToString::to_string).collect();
        Ok(format!("{} with {}", caller(&claims), scopes.join(" ")))
    }

    /// Returns all notes, one per line.
    #[tool]
    fn read_notes(&self) -> String {
        self.all().join("\n")
    }

    /// Adds a note. Its author is taken from the token, never from the arguments.
    #[tool]
    fn write_note(
        &self,
        Parameters(Note { text }): Parameters<Note>,
        Extension(request): Extension<Parts>,
    ) -> Result<String, ErrorData> {
        let mut notes = self.all();
        notes.push(format!("{}: {text}", caller(&claims(&request)?)));
        Ok(format!("note {}", notes.len()))
    }

    fn all(&self) -> MutexGuard<'_, Vec<String>> {
        // No change can be interrupted by a panic, so a poisoned lock is usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the claims of the request that called a tool.
///
/// rmcp passes the head of this HTTP request to the tool, and our layer has added the claims. A
/// later request of the same client may have another token.
fn claims(request: &Parts) -> Result<Claims, ErrorData> {
    Claims::from_extensions(&request.extensions)
        .map_err(|rejection| ErrorData::internal_error(rejection.to_string(), None))
}

fn caller(claims: &Claims) -> &str {
    claims.client_id().unwrap_or("somebody")
}

#[derive(Deserialize, schemars::JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Note {
    /// The text of the note.
    text: String,
}
