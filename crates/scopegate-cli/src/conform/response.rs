//! The parts of a response that matter. The API may be hostile, and a token may be in any part.

use http::header::{CONTENT_ENCODING, HeaderMap};
use memchr::memmem;
use scopegate_proto::challenge::all_challenges;

use crate::conform::check::Credentials;

/// The part of a body that is searched for the token. Error pages of frameworks are that long.
pub(super) const SEARCHED_BODY: usize = 1024 * 1024;

/// The shortest part of a token that is recognized in a response.
const MIN_PART: usize = 40;

/// Maximum length of a text of the API in a report.
const MAX_TEXT: usize = 200;

/// A response, without the token that it may contain.
#[derive(Clone, Debug, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Whether a challenge has the scheme `Bearer`.
    pub(super) offers_bearer: bool,
    /// Whether a challenge has the scheme `DPoP`.
    pub(super) offers_dpop: bool,
    /// The error code of the first challenge that has one (RFC 6750 §3), as printable ASCII.
    pub(super) error: Option<String>,
    /// `error_description` of that challenge, as printable ASCII.
    pub(super) description: Option<String>,
    pub(super) echo: Echo,
}

/// Whether a response contains its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Echo {
    #[default]
    None,
    Token,
    /// The body has a content encoding, so it cannot be searched.
    Unknown,
}

/// The reason why there is no response.
#[derive(Clone, Debug)]
pub(super) struct NoResponse {
    /// The server has closed the connection. A slow server has not.
    pub(super) is_closed: bool,
    /// A text without the token.
    pub(super) reason: String,
}

impl Response {
    /// Reads a response to these credentials.
    pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8], credentials: &Credentials) -> Self {
        let challenges: Vec<_> = all_challenges(headers).collect();
        let offers = |scheme| challenges.iter().any(|challenge| challenge.is_of(scheme));
        let with_error = challenges.iter().find(|challenge| challenge.parameter("error").is_some());
        let text = |name| {
            let text = printable(with_error?.parameter(name)?);
            // A text with a token is left out.
            Some(text).filter(|text| !is_quoted(credentials, text.as_bytes()))
        };
        let is_echoed = headers.values().any(|value| is_quoted(credentials, value.as_bytes()))
            || is_quoted(credentials, body);
        let is_encoded = headers.get_all(CONTENT_ENCODING).iter().any(|value| value != "identity");
        let echo = match () {
            () if is_echoed => Echo::Token,
            () if is_encoded && !body.is_empty() => Echo::Unknown,
            () => Echo::None,
        };
        Self {
            status,
            offers_bearer: offers("Bearer"),
            offers_dpop: offers("DPoP"),
            error: text("error"),
            description: text("error_description"),
            echo,
        }
    }
}

/// Returns the printable ASCII of a text, cut to [`MAX_TEXT`]. A terminal obeys other characters.
pub(super) fn printable(text: &str) -> String {
    let is_shown = |c: &char| *c == ' ' || c.is_ascii_graphic();
    text.chars().filter(is_shown).take(MAX_TEXT).collect()
}

/// Returns whether the text contains a long part of a token.
fn is_quoted(credentials: &Credentials, text: &[u8]) -> bool {
    parts(credentials).any(|part| memmem::find(text, part).is_some())
}

/// Returns the parts of tokens that are too long to be in a response by chance.
fn parts(credentials: &Credentials) -> impl Iterator<Item = &[u8]> {
    let schemes = credentials.authorization.iter().filter_map(|value| {
        let mut words = value.as_bytes().splitn(2, |byte| *byte == b' ');
        words.nth(1)
    });
    let tokens = schemes.chain(credentials.query.iter().map(String::as_bytes));
    let parts = tokens.flat_map(|token| token.split(|byte| matches!(byte, b'.' | b' ')));
    parts.filter(|part| part.len() >= MIN_PART)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::WWW_AUTHENTICATE;

    use super::*;

    fn token() -> String {
        format!("{}.{}.{}", "h".repeat(50), "p".repeat(50), "s".repeat(39))
    }

    fn with(name: &http::HeaderName, values: &[&str], body: &[u8]) -> Response {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Response::read(401, &headers, body, &Credentials::bearer(&token()))
    }

    fn challenged(challenges: &[&str]) -> Response {
        with(&WWW_AUTHENTICATE, challenges, b"")
    }

    #[test]
    fn bearer_challenge_is_found_among_others() {
        for challenges in
            [&["Bearer"][..], &["bearer realm=\"a\""], &["Basic realm=\"x\", Bearer"], &["DPoP", "Bearer"]]
        {
            assert!(challenged(challenges).offers_bearer, "{challenges:?}");
        }
        for challenges in
            [&[][..], &["Basic realm=\"Bearer\""], &["Basic realm=\"a, Bearer b\""], &["BearerX"], &[""]]
        {
            assert!(!challenged(challenges).offers_bearer, "{challenges:?}");
        }
        assert!(challenged(&["Bearer, dpop algs=\"ES256\""]).offers_dpop);
        assert!(!challenged(&["Bearer realm=\"DPoP\""]).offers_dpop);
    }

    #[test]
    fn error_code_is_read_from_its_own_parameter() {
        let error = |challenge| challenged(&[challenge]).error;
        assert_eq!(error("Bearer error=\"invalid_token\"").as_deref(), Some("invalid_token"));
        assert_eq!(
            error("Bearer realm=\"a\",error=invalid_token, scope=\"b\"").as_deref(),
            Some("invalid_token")
        );
        assert_eq!(error("Bearer my_error=\"invalid_token\""), None);
        assert_eq!(error("Bearer realm=\"x error=invalid_token\""), None);
        assert_eq!(error("Bearer error_description=\"x\""), None);
    }

    #[test]
    fn text_of_api_is_short_printable_ascii() {
        let error = |text: &str| challenged(&[&format!("Bearer error=\"{text}\"")]).error.unwrap();
        // C1 control characters, and a change of the direction.
        assert_eq!(error("a\u{9b}31mb\u{202e}c"), "a31mbc");
        assert_eq!(error(&"x".repeat(201)).len(), 200);
    }

    #[test]
    fn text_with_the_token_is_left_out() {
        let challenge = format!("Bearer error=\"invalid_token\", error_description=\"no {}\"", token());
        let found = challenged(&[&challenge]);
        assert_eq!((found.error.as_deref(), found.description), (Some("invalid_token"), None));
        assert_eq!(found.echo, Echo::Token);
        // Characters that are left out must not hide it.
        let hidden = challenge.replace("hh", "h\u{80}h").replace("pp", "p\u{80}p");
        assert_eq!(challenged(&[&hidden]).description, None);
    }

    #[test]
    fn long_part_of_the_token_is_found_in_the_body() {
        let body = |text: &str| with(&CONTENT_ENCODING, &[], text.as_bytes()).echo;
        assert_eq!(body(&format!("{{\"token\":\"{}\"}}", "p".repeat(50))), Echo::Token);
        assert_eq!(body(&"p".repeat(49)), Echo::None);
        // This part is too short.
        assert_eq!(body(&"s".repeat(50)), Echo::None);
    }

    #[test]
    fn token_in_the_query_is_found() {
        let credentials = Credentials { query: Some(token()), ..Credentials::default() };
        for (text, expected) in [("h".repeat(50), Echo::Token), ("h".repeat(49), Echo::None)] {
            let found = Response::read(401, &HeaderMap::new(), text.as_bytes(), &credentials);
            assert_eq!(found.echo, expected);
        }
    }

    #[test]
    fn encoded_body_is_not_searched() {
        assert_eq!(with(&CONTENT_ENCODING, &["gzip"], b"\x1f\x8b").echo, Echo::Unknown);
        assert_eq!(with(&CONTENT_ENCODING, &["identity"], b"\x1f\x8b").echo, Echo::None);
        assert_eq!(with(&CONTENT_ENCODING, &["gzip"], b"").echo, Echo::None);
    }
}
