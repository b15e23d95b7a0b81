//! A bounded, conditional GET request for a document.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use scopegate_proto::http::{HttpClient, HttpError};
use scopegate_proto::url::FetchUrl;

use crate::fetch::cache_control;

/// Maximum length of a document in bytes. A hundred RSA-4096 keys with certificate chains fit.
const MAX_BODY: usize = 256 * 1024;

/// Media types of key sets and metadata, for requests. The type of the response is ignored, because
/// some issuers write `text/plain`, and parsing shows the format.
const MEDIA_TYPES: HeaderValue = HeaderValue::from_static("application/json, application/jwk-set+json");

/// A successful response.
pub(crate) struct Response {
    pub(crate) fetched: Fetched,
    /// The entity tag, for the next conditional request (RFC 9110 §8.8.3).
    pub(crate) tag: Option<String>,
    /// The response's `max-age` (RFC 9111 §5.2.2.1).
    pub(crate) fresh_for: Option<Duration>,
}

pub(crate) enum Fetched {
    Document(Vec<u8>),
    /// Status 304: the document with the tag that was sent is current.
    Unchanged,
}

/// Fetches a document. If there is a tag, the request is conditional.
pub(crate) async fn get(
    client: &HttpClient,
    url: &FetchUrl,
    tag: Option<&str>,
    authorization: Option<HeaderValue>,
) -> Result<Response, FetchError> {
    let mut request = client.get(url).header(ACCEPT, MEDIA_TYPES);
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, value);
    }
    // A tag is a header value that a server has sent.
    if let Some(value) = tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
        request = request.header(IF_NONE_MATCH, value);
    }
    let response = request.send().await?;
    let directives = response.headers().get_all(CACHE_CONTROL);
    let fresh_for = cache_control::max_age(directives.iter().filter_map(|value| value.to_str().ok()));
    match response.status() {
        StatusCode::OK => {
            let tag = response.header(&ETAG).map(str::to_owned);
            let body = response.body(MAX_BODY).await?;
            Ok(Response { fetched: Fetched::Document(body.to_vec()), tag, fresh_for })
        }
        // The tag that was sent still names the current document.
        StatusCode::NOT_MODIFIED if tag.is_some() => {
            Ok(Response { fetched: Fetched::Unchanged, tag: tag.map(str::to_owned), fresh_for })
        }
        other => Err(FetchError::Status(other)),
    }
}

/// The reason why a request returned no document.
#[derive(Debug)]
pub(crate) enum FetchError {
    Status(StatusCode),
    Http(HttpError),
}

impl From<HttpError> for FetchError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(found) => write!(f, "expected status 200, found {}", found.as_u16()),
            Self::Http(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Status(_) => None,
            Self::Http(error) => error.source(),
        }
    }
}
