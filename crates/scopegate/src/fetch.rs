//! The HTTP edge: one GET of a key set, bounded in time and size. When to call it is `refresh.rs`.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Client, StatusCode, Url, redirect};

use crate::ConfigError;
use crate::address::{Address, Reach};
use crate::key_set::NotAKeySet;

/// A key set is a few kilobytes away in some data centre. Whoever takes longer is as good as down, and the
/// next attempt is seconds away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);

/// A hundred RSA-4096 keys with certificate chains fit.
const MAX_BODY: usize = 256 * 1024;

/// Fetches from one address.
pub(crate) struct Fetcher {
    client: Client,
    url: Url,
}

impl Fetcher {
    pub(crate) fn new(address: Address) -> Result<Self, ConfigError> {
        let builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            // Keys come from the address that was configured, not from where it points today.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("scopegate/", env!("CARGO_PKG_VERSION")));
        let builder = match address.reach {
            Reach::Network => builder.https_only(true),
            // No proxy can reach our own loopback address, and no certificates are needed for http.
            Reach::Loopback if address.url.scheme() == "http" => builder.no_proxy().tls_certs_only([]),
            Reach::Loopback => builder.no_proxy(),
        };
        let client = builder.build().map_err(|error| ConfigError::HttpClient { source: error.into() })?;
        Ok(Self { client, url: address.url })
    }

    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The body of a 200 answer. What it is called does not matter: issuers write `application/json`,
    /// `application/jwk-set+json` and `text/plain`, and what is not a key set is found out by reading it.
    pub(crate) async fn get(&self) -> Result<Vec<u8>, FetchError> {
        let accept = HeaderValue::from_static("application/json, application/jwk-set+json");
        let request = self.client.get(self.url.clone()).header(ACCEPT, accept);
        let mut response = request.send().await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Why a fetch gave no keys.
#[derive(Debug)]
pub(crate) enum FetchError {
    Status(StatusCode),
    TooLarge,
    NotAKeySet(NotAKeySet),
    Transport(reqwest::Error),
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        // The address is named once, by whoever reports the error.
        Self::Transport(error.without_url())
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(found) => write!(f, "expected status 200, found {}", found.as_u16()),
            Self::TooLarge => write!(f, "expected at most {MAX_BODY} bytes, found more"),
            Self::NotAKeySet(reason) => write!(f, "{reason}"),
            Self::Transport(error) if error.is_timeout() => {
                write!(f, "no complete answer within {} s", TOTAL_TIMEOUT.as_secs())
            }
            Self::Transport(error) if error.is_connect() => f.write_str("no connection"),
            Self::Transport(error) if error.is_body() || error.is_decode() => {
                f.write_str("the answer broke off")
            }
            Self::Transport(_) => f.write_str("no answer"),
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::NotAKeySet(_) | Self::Status(_) | Self::TooLarge => None,
        }
    }
}
