//! The HTTP edge: one GET, bounded in time and size. When to call it is `keys/refresh/schedule.rs`, where to is `keys/fetch/endpoint.rs`.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, StatusCode, Url, redirect};

use crate::error::config::ConfigError;
use crate::keys::fetch::cache_control;
use crate::keys::fetch::metadata::NotMetadata;
use crate::keys::set::NotAKeySet;
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
    pub(crate) async fn get(&self, tag: Option<&str>) -> Result<Answer, FetchError> {
        self.get_from(self.url.clone(), tag).await
    }

    /// What the document is called does not matter: issuers write `application/json`, `application/jwk-set+json` and
    /// `text/plain`, and what it is not is found out by reading it.
    pub(crate) async fn get_from(&self, url: Url, tag: Option<&str>) -> Result<Answer, FetchError> {
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
                        return Err(FetchError::TooLarge);
                    }
                    body.extend_from_slice(&chunk);
                }
                Fetched::Document(body)
            }
            StatusCode::NOT_MODIFIED if tag.is_some() => Fetched::Unchanged,
            other => return Err(FetchError::Status(other)),
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

/// Why a fetch gave no keys.
#[derive(Debug)]
pub(crate) enum FetchError {
    Status(StatusCode),
    TooLarge,
    NotAKeySet(NotAKeySet),
    NotMetadata(NotMetadata),
    /// Each address that was asked, and what was wrong with its answer.
    NotDiscovered(Vec<(String, FetchError)>),
    /// "Unchanged" was the answer to a question about nothing.
    NothingToKeep,
    Client(Box<ConfigError>),
    /// Nobody fetches any more.
    TaskEnded,
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
            Self::NotAKeySet(reason) => fmt::Display::fmt(reason, f),
            Self::NotMetadata(reason) => fmt::Display::fmt(reason, f),
            Self::NotDiscovered(failures) => {
                f.write_str("no metadata")?;
                failures.iter().try_for_each(|(url, reason)| {
                    write!(f, "; {url}: {reason}")?;
                    let mut cause = reason.source();
                    while let Some(error) = cause {
                        write!(f, ": {error}")?;
                        cause = error.source();
                    }
                    Ok(())
                })
            }
            Self::NothingToKeep => f.write_str("expected a key set, found status 304"),
            Self::Client(error) => fmt::Display::fmt(error, f),
            Self::TaskEnded => {
                f.write_str("the background task has ended; does its runtime have timers and I/O?")
            }
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

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Client(error) => error.source(),
            _ => None,
        }
    }
}
