//! The interface of every client: it gets a token, calls an API with it, and returns the result.

use serde::Deserialize;

use crate::accounts::{Account, Accounts};
use crate::api::Challenge;
use crate::outcome::Trouble;

/// A client. To add one, implement this trait or write a script like those in `callers/`, and add a
/// row in `callers.rs`.
pub(crate) trait Caller {
    /// Gets a token for the scope, and sends a read request to the URL with it.
    async fn fetch_and_call(&mut self, order: &Order<'_>, url: &str) -> Result<View, Trouble>;

    /// Sends a read request to the URL, with or without a token.
    async fn call(&mut self, token: Option<&str>, url: &str) -> Result<View, Trouble>;
}

/// A token request.
pub(crate) struct Order<'a> {
    pub(crate) server: &'a Accounts,
    pub(crate) account: &'a Account,
    pub(crate) scope: &'a str,
}

/// The result as the client has parsed it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct View {
    /// The status of the API's response, or 0 if there is none.
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The parameters of the challenge.
    pub(crate) challenge: Option<Challenge>,
    /// The value of `Retry-After`.
    pub(crate) retry_after: Option<String>,
    /// The reason why there is no token: the server's error code, or the client's message. If the
    /// API has responded, the client's message about the token.
    pub(crate) failure: Option<String>,
}
