//! One request and its response, bounded in time and size.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, StatusCode};
use bytes::Bytes;
use reqwest::RequestBuilder;
use zeroize::Zeroizing;

use crate::http::build;
use crate::http::error::{HttpError, SettingsError};
use crate::http::settings::{Route, TransportSettings};
use crate::url::{FetchUrl, SecureUrl};

/// A client for all URLs of one route. Cloning is cheap.
///
/// Create one with [`HttpClients::client`](crate::http::HttpClients::client).
#[derive(Clone)]
pub struct HttpClient(Arc<Shared>);

/// The state that clones share.
pub(super) struct Shared {
    client: reqwest::Client,
    route: Route,
    timeout: Duration,
}

impl Shared {
    pub(super) fn new(route: Route, settings: &TransportSettings) -> Result<Self, SettingsError> {
        let client = build::client(route, settings)?;
        Ok(Self { client, route, timeout: settings.timeout })
    }
}

impl HttpClient {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Starts a GET request.
    pub fn get(&self, url: &FetchUrl) -> HttpRequest {
        self.begin(url, self.0.client.get(url.url().clone()))
    }

    /// Starts a POST request with a form. The form is wiped from memory after it was sent.
    ///
    /// Forms contain secrets, so they cannot be sent over a network without TLS:
    ///
    /// ```
    /// # use scopegate_proto::{http::HttpClient, url::SecureUrl};
    /// fn send(client: &HttpClient, url: &SecureUrl) {
    ///     let _ = client.post_form(url, String::from("client_secret=…").into());
    /// }
    /// ```
    ///
    /// ```compile_fail,E0308
    /// # use scopegate_proto::{http::HttpClient, url::FetchUrl};
    /// fn send(client: &HttpClient, url: &FetchUrl) {
    ///     let _ = client.post_form(url, String::from("client_secret=…").into());
    /// }
    /// ```
    pub fn post_form(&self, url: &SecureUrl, form: Zeroizing<String>) -> HttpRequest {
        let request = self.0.client.post(url.url().clone());
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.begin(url, request.header(CONTENT_TYPE, kind).body(Bytes::from_owner(Wiped(form))))
    }

    /// Starts a POST request with JSON. The body may contain personal data, so it is not sent over a
    /// network without TLS.
    pub fn post_json(&self, url: &SecureUrl, json: Vec<u8>) -> HttpRequest {
        let request = self.0.client.post(url.url().clone());
        let kind = HeaderValue::from_static("application/json");
        self.begin(url, request.header(CONTENT_TYPE, kind).body(json))
    }

    /// Starts a request with any method, for a tool that sends the requests of its user. An empty body
    /// is not sent.
    ///
    /// The body may go over a network without TLS. Use [`post_json`](Self::post_json) for data that
    /// must not.
    pub fn request(&self, method: Method, url: &FetchUrl, body: Vec<u8>) -> HttpRequest {
        let request = self.0.client.request(method, url.url().clone());
        self.begin(url, if body.is_empty() { request } else { request.body(body) })
    }

    fn begin(&self, url: &FetchUrl, request: RequestBuilder) -> HttpRequest {
        let route = self.0.route;
        HttpRequest { request, route, fits: Route::to(url) == route, timeout: self.0.timeout }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("route", &self.0.route).finish_non_exhaustive()
    }
}

/// A body that is wiped when it is dropped.
struct Wiped(Zeroizing<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A request that was not sent yet.
#[must_use = "nothing is sent before `send` is awaited"]
pub struct HttpRequest {
    request: RequestBuilder,
    route: Route,
    /// Whether the client was built for the route of this request.
    fits: bool,
    timeout: Duration,
}

impl HttpRequest {
    /// Adds a header.
    ///
    /// Mark secret values as sensitive. A request with a sensitive header over a network without
    /// TLS fails with [`HttpError::WrongRoute`].
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fits &= !(value.is_sensitive() && self.route == Route::PlainNetwork);
        self.request = self.request.header(name, value);
        self
    }

    /// Sends the request, and returns the response when its header section is complete.
    ///
    /// The time limit of the settings includes the response body. Redirects are not followed.
    ///
    /// # Errors
    /// Returns [`HttpError`] if there is no response. Returns [`HttpError::WrongRoute`] if the
    /// client was built for another route: an `https` client never sends a request to an `http`
    /// URL.
    pub async fn send(self) -> Result<HttpResponse, HttpError> {
        let Self { request, fits, timeout, .. } = self;
        if !fits {
            return Err(HttpError::WrongRoute);
        }
        let response = request.send().await.map_err(|error| HttpError::new(error, timeout))?;
        Ok(HttpResponse { response, timeout })
    }
}

impl fmt::Debug for HttpRequest {
    /// Shows neither URL nor headers, because they may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").finish_non_exhaustive()
    }
}

/// A response whose body was not read yet.
pub struct HttpResponse {
    response: reqwest::Response,
    timeout: Duration,
}

impl HttpResponse {
    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Returns the first value of a header as a string. Returns `None` if the header is absent, or
    /// if the value is not visible ASCII.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// Returns the length of the body if the server has announced it.
    pub fn content_length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// Reads the body without decoding a content encoding. The body is wiped from memory when it is
    /// dropped.
    ///
    /// # Errors
    /// Returns [`HttpError::TooLarge`] if the body has more than `limit` bytes; the rest is not
    /// read. Returns another [`HttpError`] if the body does not arrive completely.
    pub async fn body(mut self, limit: usize) -> Result<Zeroizing<Vec<u8>>, HttpError> {
        let announced = self.content_length().map_or(limit, |length| {
            // A length beyond `usize` is above every limit.
            usize::try_from(length).unwrap_or(usize::MAX)
        });
        if announced > limit {
            return Err(HttpError::TooLarge { limit });
        }
        // Allocated at its final size, because a growing vector leaves copies that are not wiped.
        let mut body = Zeroizing::new(Vec::with_capacity(announced));
        while let Some(chunk) = self.chunk().await? {
            if chunk.len() > limit - body.len() {
                return Err(HttpError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Reads the first part of the body: at most `limit` bytes, and fewer if the body breaks off or the
    /// time limit passes. Use it for a body that is only searched or shown.
    ///
    /// The body is wiped from memory when it is dropped.
    pub async fn body_start(mut self, limit: usize) -> Zeroizing<Vec<u8>> {
        // Allocated at its final size, because a growing vector leaves copies that are not wiped.
        let mut body = Zeroizing::new(Vec::with_capacity(limit));
        while let Ok(Some(chunk)) = self.chunk().await {
            let space = chunk.len().min(limit - body.len());
            body.extend_from_slice(chunk.get(..space).unwrap_or_default());
            if body.len() == limit {
                break;
            }
        }
        body
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        self.response.chunk().await.map_err(|error| HttpError::new(error, self.timeout))
    }
}

impl fmt::Debug for HttpResponse {
    /// Shows the status only, because headers may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse").field("status", &self.status()).finish_non_exhaustive()
    }
}
