//! The HTTP edge: sends one request, bounded in time and size.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Identity, RequestBuilder, StatusCode, Url, redirect};
use scopegate_proto::url::SecureUrl;
use zeroize::Zeroizing;

use crate::client_auth::secret::Secret;
use crate::error::config::ConfigError;

/// Issuers respond in milliseconds. A slower issuer is treated as unavailable; the next attempt is seconds away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Bounds the body. The largest tokens have a few kilobytes, because headers hold no more.
const MAX_BODY: usize = 64 * 1024;

/// The configured parts of a TLS handshake.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    /// Certificate authorities besides the system's.
    pub(crate) roots: Vec<Certificate>,
    /// The certificate of the client.
    pub(crate) identity: Option<Identity>,
}

impl Tls {
    pub(crate) fn add_roots(&mut self, pem: &[u8]) -> Result<(), ConfigError> {
        let setting = "root certificate";
        let roots = Certificate::from_pem_bundle(pem);
        let roots =
            roots.map_err(|error| ConfigError::InvalidCertificate { setting, source: error.into() })?;
        if roots.is_empty() {
            return Err(ConfigError::Empty { setting });
        }
        self.roots.extend(roots);
        Ok(())
    }

    pub(crate) fn set_identity(&mut self, pem: &Secret) -> Result<(), ConfigError> {
        // The cause may quote the string, which contains a key.
        let identity = Identity::from_pem(pem.as_str().as_bytes());
        self.identity = Some(identity.map_err(|_| ConfigError::InvalidCertificate {
            setting: "client certificate",
            source: "expected a private key and a certificate, both as PEM".into(),
        })?);
        Ok(())
    }

    pub(crate) fn without_identity(&self) -> Self {
        Self { roots: self.roots.clone(), identity: None }
    }
}

/// An HTTP client for the servers that a URL reaches: over the network, or on a loopback address.
#[derive(Clone)]
pub(crate) struct Transport(Client);

/// A complete response.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// The unparsed header.
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Transport {
    pub(crate) fn new(url: &SecureUrl, tls: &Tls) -> Result<Self, ConfigError> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            // A secret goes to the configured URL only, wherever it redirects to today.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("scopegate-client/", env!("CARGO_PKG_VERSION")));
        builder = match (url.is_loopback(), url.is_https()) {
            (false, _) => builder.https_only(true),
            // A proxy cannot reach this loopback address, and http needs no certificates.
            (true, false) => builder.no_proxy().tls_certs_only([]),
            (true, true) => builder.no_proxy(),
        };
        if url.is_https() && !tls.roots.is_empty() {
            builder = builder.tls_certs_merge(tls.roots.iter().cloned());
        }
        if let Some(identity) = &tls.identity {
            builder = builder.identity(identity.clone());
        }
        let client = builder.build().map_err(|error| ConfigError::HttpClient { source: error.into() })?;
        Ok(Self(client))
    }

    pub(crate) async fn get(&self, url: Url) -> Result<Response, HttpError> {
        send(self.0.get(url)).await
    }

    /// Sends a form.
    pub(crate) async fn post(
        &self,
        url: Url,
        authorization: Option<HeaderValue>,
        form: Zeroizing<String>,
    ) -> Result<Response, HttpError> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let mut request = self.0.post(url).header(CONTENT_TYPE, kind);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        send(request.body(Bytes::from_owner(Wiped(form)))).await
    }
}

/// A body that is zeroized after it was sent.
struct Wiped(Zeroizing<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

async fn send(request: RequestBuilder) -> Result<Response, HttpError> {
    let mut response = request.header(ACCEPT, HeaderValue::from_static("application/json")).send().await?;
    let retry_after = text(&response, &RETRY_AFTER);
    // Allocated at its maximum, because a growing buffer leaves copies behind.
    let mut body = Zeroizing::new(Vec::with_capacity(MAX_BODY));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BODY {
            // The status of an error page suffices.
            if response.status().is_success() {
                return Err(HttpError::TooLarge);
            }
            body.clear();
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status: response.status(), retry_after, body })
}

fn text(response: &reqwest::Response, name: &HeaderName) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// Why an HTTP request has no response.
#[derive(Debug)]
pub(crate) enum HttpError {
    TooLarge,
    Transport(reqwest::Error),
}

impl HttpError {
    /// Returns whether a retry can help.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Transport(_))
    }

    /// Returns whether there was no connection.
    pub(crate) fn is_connect(&self) -> bool {
        matches!(self, Self::Transport(error) if error.is_connect())
    }
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        // The code that reports the error names the URL.
        Self::Transport(error.without_url())
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "expected at most {MAX_BODY} bytes, found more"),
            Self::Transport(error) if error.is_connect() => f.write_str("no connection"),
            Self::Transport(error) if error.is_timeout() => {
                write!(f, "no complete response within {} s", TOTAL_TIMEOUT.as_secs())
            }
            Self::Transport(error) if error.is_body() || error.is_decode() => {
                f.write_str("the response broke off")
            }
            Self::Transport(_) => f.write_str("no response"),
        }
    }
}

impl std::error::Error for HttpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::TooLarge => None,
        }
    }
}
