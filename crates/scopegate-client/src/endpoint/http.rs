//! The HTTP edge: one request, bounded in time and size. What is sent, and where to, is `endpoint.rs`.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Identity, RequestBuilder, StatusCode, Url, redirect};
use zeroize::Zeroizing;

use crate::client_auth::secret::Secret;
use crate::endpoint::metadata::MetadataError;
use crate::endpoint::response::TokenResponseError;
use crate::endpoint::retry::Retry;
use crate::error::config::ConfigError;
use crate::error::excerpt::Excerpt;
use crate::url::{Address, Reach};

/// An issuer answers in milliseconds. Whoever takes longer is as good as down, and the next attempt is seconds away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest tokens have a few kilobytes: no header would hold more.
const MAX_BODY: usize = 64 * 1024;

/// What a TLS handshake takes from the configuration.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    /// Certificate authorities besides the system's.
    pub(crate) roots: Vec<Certificate>,
    /// Who the client is.
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
        // The reason may quote the text, which holds a key.
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

/// Reaches servers that are as far away as an address.
#[derive(Clone)]
pub(crate) struct Transport(Client);

/// A complete answer.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// As it was sent.
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Transport {
    pub(crate) fn new(address: &Address, tls: &Tls) -> Result<Self, ConfigError> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            // A secret goes to the address that was configured, not to where it points today.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("scopegate-client/", env!("CARGO_PKG_VERSION")));
        builder = match address.reach {
            Reach::Network => builder.https_only(true),
            // No proxy can reach our own loopback address, and no certificates are needed for http.
            Reach::Loopback if address.url.scheme() == "http" => builder.no_proxy().tls_certs_only([]),
            Reach::Loopback => builder.no_proxy(),
        };
        if address.url.scheme() == "https" && !tls.roots.is_empty() {
            builder = builder.tls_certs_merge(tls.roots.iter().cloned());
        }
        if let Some(identity) = &tls.identity {
            builder = builder.identity(identity.clone());
        }
        let client = builder.build().map_err(|error| ConfigError::HttpClient { source: error.into() })?;
        Ok(Self(client))
    }

    pub(crate) async fn get(&self, url: Url) -> Result<Response, RequestError> {
        answer(self.0.get(url)).await
    }

    /// Sends a form.
    pub(crate) async fn post(
        &self,
        url: Url,
        authorization: Option<HeaderValue>,
        form: Zeroizing<String>,
    ) -> Result<Response, RequestError> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let mut request = self.0.post(url).header(CONTENT_TYPE, kind);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        answer(request.body(Bytes::from_owner(Wiped(form)))).await
    }
}

/// A body that is wiped when it was sent.
struct Wiped(Zeroizing<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

async fn answer(request: RequestBuilder) -> Result<Response, RequestError> {
    let mut response = request.header(ACCEPT, HeaderValue::from_static("application/json")).send().await?;
    let retry_after = text(&response, &RETRY_AFTER);
    // As large as it may become: what grows leaves copies behind.
    let mut body = Zeroizing::new(Vec::with_capacity(MAX_BODY));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BODY {
            // An error page may be as long as it likes; its status says enough.
            if response.status().is_success() {
                return Err(RequestError::TooLarge);
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

/// Why a request brought no token.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// The issuer says no.
    Rejected {
        status: StatusCode,
        code: Option<Excerpt>,
        description: Option<Excerpt>,
    },
    Status(StatusCode),
    TooLarge,
    TokenResponse(TokenResponseError),
    Metadata(MetadataError),
    /// Each address that was asked, and what was wrong with its answer.
    NotDiscovered(Vec<(String, RequestError)>),
    Client(ConfigError),
    /// The system has none to give, so no assertion can be signed.
    NoRandomness,
    NoRuntime,
    NoResponseYet,
    /// The request was given up: its runtime has ended.
    TaskEnded,
    Transport(reqwest::Error),
}

impl RequestError {
    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::Rejected { .. } => Retry::Permanent,
            Self::Status(status) => {
                let transient = status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
                    );
                if transient { Retry::Transient } else { Retry::Unclear }
            }
            Self::NotDiscovered(failures)
                if failures.iter().any(|(_, failure)| failure.retry() == Retry::Transient) =>
            {
                Retry::Transient
            }
            Self::TaskEnded | Self::Transport(_) => Retry::Transient,
            _ => Retry::Unclear,
        }
    }

    /// The error and what caused it, on one line.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// Whether another address could be the right one by now.
    pub(crate) fn suspects_endpoint(&self) -> bool {
        match self {
            Self::Transport(error) => error.is_connect(),
            other => other.retry() == Retry::Unclear,
        }
    }
}

impl From<reqwest::Error> for RequestError {
    fn from(error: reqwest::Error) -> Self {
        // The address is named once, by whoever reports the error.
        Self::Transport(error.without_url())
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { status, .. } => write!(f, "refused with status {}", status.as_u16()),
            Self::Status(found) => write!(f, "expected status 200, found {}", found.as_u16()),
            Self::TooLarge => write!(f, "expected at most {MAX_BODY} bytes, found more"),
            Self::TokenResponse(reason) => fmt::Display::fmt(reason, f),
            Self::Metadata(reason) => fmt::Display::fmt(reason, f),
            Self::NotDiscovered(failures) => {
                f.write_str("no metadata")?;
                failures.iter().try_for_each(|(url, reason)| write!(f, "; {url}: {}", reason.with_causes()))
            }
            Self::Client(error) => fmt::Display::fmt(error, f),
            Self::NoRandomness => f.write_str("the system has no randomness to sign with"),
            Self::NoRuntime => f.write_str("expected a running Tokio runtime, found none"),
            Self::NoResponseYet => f.write_str("no answer yet"),
            Self::TaskEnded => f.write_str("the request was given up: its runtime has ended"),
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

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Client(error) => error.source(),
            _ => None,
        }
    }
}
