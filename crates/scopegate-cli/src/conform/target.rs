//! The API under test: requests to one URL, and the verdict on their tokens.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::Method;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderValue};
use scopegate_proto::http::{HttpClient, HttpClients, HttpError, TransportSettings};
use scopegate_proto::url::FetchUrl;

use crate::causes::with_causes;
use crate::conform::check::Credentials;
use crate::conform::response::{NoResponse, Response, SEARCHED_BODY, printable};
use crate::conform::settings::AddedHeader;
use crate::document;
use crate::exit::Failure;

/// The time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The arguments about the API.
#[derive(Args)]
pub(super) struct TargetArguments {
    /// URL of a protected route
    #[arg(long, value_name = "URL")]
    url: String,

    /// Method of the requests
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    method: Method,

    /// Further header of each request (repeatable)
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<AddedHeader>,

    /// Body of each request
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    data: String,

    /// Status of the response to a valid token [default: 200 to 299]
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(200..=599))]
    expect: Option<u16>,

    /// Further status of a rejected token, such as 404 of an API that hides its routes (repeatable)
    #[arg(long = "rejection", value_name = "STATUS", value_parser = clap::value_parser!(u16).range(400..=499))]
    rejections: Vec<u16>,

    /// File with PEM of a certificate authority for an https URL
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// The API under test.
pub(super) struct Target {
    client: HttpClient,
    url: FetchUrl,
    method: Method,
    headers: Vec<AddedHeader>,
    body: Vec<u8>,
    expected: Option<u16>,
    rejections: Vec<u16>,
}

/// The verdict of the API on a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Rejected,
    /// The API limits requests.
    Limited,
    /// The status says nothing about the token. A request that has passed the check of its token may
    /// fail later as well.
    Unclear,
}

impl Target {
    pub(super) fn of(arguments: &TargetArguments) -> Result<Self, Failure> {
        let url = document::url(&arguments.url)?;
        let settings = TransportSettings::new(concat!("scopegate/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(5));
        let settings = match &arguments.ca {
            Some(file) => {
                let pem = fs::read(file)
                    .map_err(|error| Failure::usage(format!("--ca {}: {error}", file.display())))?;
                settings.root_certificates(pem)
            }
            None => settings,
        };
        let client = HttpClients::default()
            .client(&url, &settings)
            .map_err(|error| Failure::usage(with_causes(&error)))?;
        Ok(Self {
            client,
            url,
            method: arguments.method.clone(),
            headers: arguments.headers.clone(),
            body: arguments.data.clone().into_bytes(),
            expected: arguments.expect,
            rejections: arguments.rejections.clone(),
        })
    }

    /// Returns the URL without its query, which may have secrets.
    pub(super) fn shown(&self) -> String {
        self.url.without_query()
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    /// Returns scheme, host and port.
    pub(super) fn origin(&self) -> String {
        self.url.url().origin().ascii_serialization()
    }

    /// Sends a request. Redirects are not followed.
    pub(super) async fn send(&self, credentials: &Credentials) -> Result<Response, NoResponse> {
        let url = match &credentials.query {
            None => self.url.clone(),
            Some(token) => self.with_token(token)?,
        };
        let mut request = self.client.request(self.method.clone(), &url, self.body.clone());
        if !self.headers.iter().any(|header| header.name == ACCEPT_ENCODING) {
            // Without it, any encoding is acceptable (RFC 9110 §12.5.3), and no token would be found.
            request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        for header in &self.headers {
            request = request.header(header.name.clone(), header.value.clone());
        }
        for value in &credentials.authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        let response = request.send().await.map_err(|error| NoResponse::of(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // A body that breaks off has a status all the same.
        let body = response.body_start(SEARCHED_BODY).await;
        Ok(Response::read(status, &headers, &body, credentials))
    }

    /// Returns the URL with the token in its query (RFC 6750 §2.3).
    fn with_token(&self, token: &str) -> Result<FetchUrl, NoResponse> {
        let written = self.url.written();
        let separator = if written.contains('?') { '&' } else { '?' };
        FetchUrl::parse_allowing_http(&format!("{written}{separator}access_token={token}"))
            .map_err(|_| NoResponse { is_closed: false, reason: "the URL cannot have a token".to_owned() })
    }

    /// Returns whether the response is that of an accepted request.
    pub(super) fn accepts(&self, response: &Response) -> bool {
        self.verdict(response) == Verdict::Accepted
    }

    pub(super) fn verdict(&self, response: &Response) -> Verdict {
        match response.status {
            status if self.expected == Some(status) => Verdict::Accepted,
            200..=299 => Verdict::Accepted,
            429 => Verdict::Limited,
            status if self.rejections.contains(&status) => Verdict::Rejected,
            // Not found, too late, sent to the wrong server, too early, and gone.
            404 | 408 | 410 | 421 | 425 => Verdict::Unclear,
            300..=499 => Verdict::Rejected,
            _ => Verdict::Unclear,
        }
    }
}

impl NoResponse {
    fn of(error: &HttpError) -> Self {
        // The reason may have names of the server's certificate.
        let reason = printable(&with_causes(error));
        Self { is_closed: matches!(error, HttpError::NoResponse { .. }), reason }
    }
}
