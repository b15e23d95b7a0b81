//! The API under test: requests to one URL, and the parts of responses that matter.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::Method;
use http::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use scopegate_proto::http::{HttpClient, HttpClients, TransportSettings};
use scopegate_proto::url::FetchUrl;

use crate::conform::check::Credentials;
use crate::conform::settings::AddedHeader;
use crate::document;
use crate::exit::{Failure, with_causes};

/// The time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The part of a body that is searched for the token.
const MAX_BODY: usize = 64 * 1024;

/// The shortest part of a token that is recognized in a response.
const MIN_PART: usize = 40;

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
}

/// A response, without the token that it may contain.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The values of `WWW-Authenticate`. Empty strings stand for values with a token.
    pub(super) challenges: Vec<String>,
    pub(super) has_token: bool,
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
    ///
    /// Returns a text without the token if there is no response.
    pub(super) async fn send(&self, credentials: &Credentials) -> Result<Response, String> {
        let url = match &credentials.query {
            None => self.url.clone(),
            Some(token) => self.with_token(token)?,
        };
        let mut request = self.client.request(self.method.clone(), &url, self.body.clone());
        for header in &self.headers {
            request = request.header(header.name.clone(), header.value.clone());
        }
        for value in &credentials.authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        let response = request.send().await.map_err(|error| with_causes(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // A body that is longer, or breaks off, has a status all the same.
        let body = response.body(MAX_BODY).await.map(|body| body.to_vec()).unwrap_or_default();
        let has_token = parts(credentials).any(|part| is_in_headers(&headers, part) || contains(&body, part));
        let challenge = |value: &http::HeaderValue| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            if parts(credentials).any(|part| contains(text.as_bytes(), part)) { String::new() } else { text }
        };
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter().map(challenge).collect();
        Ok(Response { status, challenges, has_token })
    }

    /// Returns the URL with the token in its query (RFC 6750 §2.3).
    fn with_token(&self, token: &str) -> Result<FetchUrl, String> {
        let written = self.url.written();
        let separator = if written.contains('?') { '&' } else { '?' };
        FetchUrl::parse_allowing_http(&format!("{written}{separator}access_token={token}"))
            .map_err(|_| "the URL cannot have a token".to_owned())
    }

    /// Returns whether the response is that of an accepted request.
    pub(super) fn accepts(&self, response: &Response) -> bool {
        match self.expected {
            Some(expected) if response.status == expected => true,
            _ => (200..300).contains(&response.status),
        }
    }
}

impl Response {
    /// Returns whether a challenge has this scheme. Schemes have no case (RFC 9110 §11.1).
    pub(super) fn has_bearer_challenge(&self) -> bool {
        let begins = |part: &str| {
            let scheme = part.trim_start().split([' ', ',']).next().unwrap_or_default();
            scheme.eq_ignore_ascii_case("bearer")
        };
        self.challenges.iter().any(|challenge| challenge.split(',').any(begins))
    }

    /// Returns the error code of the challenges (RFC 6750 §3).
    pub(super) fn error(&self) -> Option<String> {
        self.parameter("error")
    }

    /// Returns a parameter of the challenges as printable ASCII.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let value = |challenge: &String| {
            let start = challenge.match_indices(&format!("{name}=")).find(|(at, _)| {
                let before = challenge.get(..*at).and_then(|before| before.chars().last());
                before.is_none_or(|before| matches!(before, ' ' | ','))
            });
            let rest = challenge.get(start?.0 + name.len() + 1..)?;
            let value = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next()?,
                None => rest.split([' ', ',']).next()?,
            };
            let is_shown = |c: &char| *c == ' ' || c.is_ascii_graphic();
            Some(value.chars().filter(is_shown).take(200).collect())
        };
        self.challenges.iter().find_map(value)
    }
}

/// Returns the parts of tokens that are too long to be in a response by chance.
fn parts(credentials: &Credentials) -> impl Iterator<Item = &[u8]> {
    let headers = credentials.authorization.iter().map(http::HeaderValue::as_bytes);
    let query = credentials.query.iter().map(String::as_bytes);
    let parts = headers.chain(query).flat_map(|text| text.split(|byte| matches!(byte, b'.' | b' ')).skip(1));
    parts.filter(|part| part.len() >= MIN_PART)
}

fn is_in_headers(headers: &HeaderMap, part: &[u8]) -> bool {
    headers.values().any(|value| contains(value.as_bytes(), part))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(challenges: &[&str]) -> Response {
        let challenges = challenges.iter().map(|text| (*text).to_owned()).collect();
        Response { status: 401, challenges, has_token: false }
    }

    #[test]
    fn bearer_challenge_is_found_among_others() {
        for challenges in
            [&["Bearer"][..], &["bearer realm=\"a\""], &["Basic realm=\"x\", Bearer"], &["DPoP", "Bearer"]]
        {
            assert!(response(challenges).has_bearer_challenge(), "{challenges:?}");
        }
        for challenges in [&[][..], &["Basic realm=\"Bearer\""], &["BearerX"], &[""]] {
            assert!(!response(challenges).has_bearer_challenge(), "{challenges:?}");
        }
    }

    #[test]
    fn error_code_is_read_from_its_own_parameter() {
        let error = |challenge| response(&[challenge]).error();
        assert_eq!(error("Bearer error=\"invalid_token\"").as_deref(), Some("invalid_token"));
        assert_eq!(
            error("Bearer realm=\"a\",error=invalid_token, scope=\"b\"").as_deref(),
            Some("invalid_token")
        );
        assert_eq!(error("Bearer my_error=\"invalid_token\""), None);
        assert_eq!(error("Bearer error_description=\"x\""), None);
        assert_eq!(response(&["Bearer error=\"a\u{1b}b\""]).error().as_deref(), Some("ab"));
    }

    #[test]
    fn long_parts_of_a_token_are_recognized() {
        let token = format!("{}.{}.{}", "h".repeat(50), "p".repeat(50), "s".repeat(39));
        let credentials = Credentials::bearer(&token);
        let found: Vec<usize> = parts(&credentials).map(<[u8]>::len).collect();
        assert_eq!(found, [50, 50]);
        assert!(contains(b"xxabcxx", b"abc") && !contains(b"ab", b"abc"));
    }
}
