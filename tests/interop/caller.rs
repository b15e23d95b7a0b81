//! What is asked of every client: to get a token and call an API with it, and to tell what it has seen.

use serde::Deserialize;

use crate::accounts::{Account, Accounts};
use crate::api::Challenge;
use crate::outcome::Trouble;

/// A client. Whoever adds one writes this, or a script like those in `callers/`, and a row in `callers.rs`.
pub(crate) trait Caller {
    /// Gets a token for the scope, and reads at the address with it.
    async fn fetch_and_call(&mut self, order: &Order<'_>, url: &str) -> Result<View, Trouble>;

    /// Reads at the address with a token, or without one.
    async fn call(&mut self, token: Option<&str>, url: &str) -> Result<View, Trouble>;
}

/// A token to get.
pub(crate) struct Order<'a> {
    pub(crate) server: &'a Accounts,
    pub(crate) account: &'a Account,
    pub(crate) scope: &'a str,
}

/// What the client has seen, in its own reading.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct View {
    /// 0 without an answer of the API.
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The parameters of the challenge.
    pub(crate) challenge: Option<Challenge>,
    /// As it stands in the header.
    pub(crate) retry_after: Option<String>,
    /// Why there is no token: the server's error code, or the client's words. With an answer of the API: what it has to say
    /// about the token.
    pub(crate) failure: Option<String>,
}
