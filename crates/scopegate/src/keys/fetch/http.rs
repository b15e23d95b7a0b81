//! The HTTP edge: one GET, bounded in time and size. When to call it is `keys/refresh/schedule.rs`, where to is `keys/fetch/endpoint.rs`.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, StatusCode, Url, redirect};

use crate::error::config::ConfigError;
use crate::keys::fetch::cache_control;
use crate::url::{Address, Reach};

/// A key set is a few kilobytes away in some data centre. Whoever takes longer is as good as down, and the next attempt
/// is seconds away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);

/// A hundred RSA-4096 keys with certificate chains fit.
const MAX_BODY: usize = 256 * 1024;

/// Fetches from one address, or from others that are as far away.
pub(crate) struct Fetcher {
    client: Client,
    url: Url,
    /// The address for logs and errors: a query may hold what is nobody's business.
    shown: String,
}

/// A good answer.
pub(crate) struct Answer {
    pub(crate) fetched: Fetched,
    /// The entity tag, for the next conditional request (RFC 9110 §8.8.3).
    pub(crate) tag: Option<String>,
    /// How long the answer is fresh, if it says so (RFC 9111 §5.2.2.1).
    pub(crate) fresh_for: Option<Duration>,
}

pub(crate) enum Fetched {
    Document(Vec<u8>),
    /// What was fetched before still holds: 304.
    Unchanged,
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
        let mut shown = address.url.clone();
        shown.set_query(None);
        Ok(Self { client, url: address.url, shown: shown.into() })
    }

    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    pub(crate) fn is_for_same_address_as(&self, other: &Self) -> bool {
        self.url == other.url
    }

    /// Gets the document; with a tag, only if it has changed.
    pub(crate) async fn get(&self, tag: Option<&str>) -> Result<Answer, HttpError> {
        self.get_from(self.url.clone(), tag).await
    }

    /// What the document is called does not matter: issuers write `application/json`, `application/jwk-set+json` and
    /// `text/plain`, and what it is not is found out by reading it.
    pub(crate) async fn get_from(&self, url: Url, tag: Option<&str>) -> Result<Answer, HttpError> {
        let accept = HeaderValue::from_static("application/json, application/jwk-set+json");
        let mut request = self.client.get(url).header(ACCEPT, accept);
        if let Some(tag) = tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let mut response = request.send().await?;
        let fetched = match response.status() {
            StatusCode::OK => {
                let mut body = Vec::new();
                while let Some(chunk) = response.chunk().await? {
                    if body.len() + chunk.len() > MAX_BODY {
                        return Err(HttpError::TooLarge);
                    }
                    body.extend_from_slice(&chunk);
                }
                Fetched::Document(body)
            }
            StatusCode::NOT_MODIFIED if tag.is_some() => Fetched::Unchanged,
            other => return Err(HttpError::Status(other)),
        };
        let tag = match fetched {
            Fetched::Document(_) => text(response.headers(), &ETAG),
            // The tag that was sent still names what is in use.
            Fetched::Unchanged => tag.map(str::to_owned),
        };
        let directives = response.headers().get_all(CACHE_CONTROL);
        let fresh_for = cache_control::max_age(directives.iter().filter_map(|value| value.to_str().ok()));
        Ok(Answer { fetched, tag, fresh_for })
    }
}

fn text(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// Why a request returned no document.
#[derive(Debug)]
pub(crate) enum HttpError {
    Status(StatusCode),
    TooLarge,
    Transport(reqwest::Error),
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        // The URL is named once, by the caller that reports the error.
        Self::Transport(error.without_url())
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(found) => write!(f, "expected status 200, found {}", found.as_u16()),
            Self::TooLarge => write!(f, "expected at most {MAX_BODY} bytes, found more"),
            Self::Transport(error) if error.is_connect() => f.write_str("no connection"),
            Self::Transport(error) if error.is_timeout() => {
                write!(f, "no complete answer within {} s", TOTAL_TIMEOUT.as_secs())
            }
            Self::Transport(error) if error.is_body() || error.is_decode() => {
                f.write_str("the answer broke off")
            }
            Self::Transport(_) => f.write_str("no answer"),
        }
    }
}

impl std::error::Error for HttpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Status(_) | Self::TooLarge => None,
        }
    }
}
