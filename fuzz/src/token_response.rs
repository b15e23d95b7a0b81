//! Responses to a client: token responses and errors of a token endpoint, metadata of an issuer,
//! and challenges of an API.
//!
//! The first byte of an input is the kind of the rest:
//!
//! - `a`: a response with a token;
//! - `t`: a token;
//! - `r`: an error response;
//! - `m`: the metadata of an issuer on the network;
//! - `c`: the challenges of a response, one field on each line.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, Uri};
use http_auth::{ChallengeRef, parse_challenges};
use scopegate_client::fuzzing;

use crate::members::Members;
use crate::text::assert_fit_for_a_log;
use crate::verdicts;

const ISSUER: &str = "https://issuer.example/t1";

/// Maximum lifetime in seconds. Longer ones are reduced to it.
const A_DAY: u64 = 86_400;

/// An error's texts are truncated to 120 characters. An escaped character takes up to ten.
/// Quotation marks are added.
const MOST_CHARACTERS: usize = 120;
const MOST_BYTES: usize = 10 * MOST_CHARACTERS + 2 + '…'.len_utf8();

pub fn check(input: &[u8]) {
    match input.split_first() {
        Some((b'a', body)) => check_answer(body),
        Some((b't', token)) => check_token(token),
        Some((b'r', body)) => check_refusal(body),
        Some((b'm', document)) => check_metadata(document),
        Some((b'c', fields)) => check_challenges(fields),
        _ => {}
    }
}

fn check_answer(body: &[u8]) {
    let found = fuzzing::token_response(body);
    verdicts::count(&found);
    let Some(answer) = Members::try_read(body) else {
        assert_eq!(found, None, "not an object, too large, or one that repeats a name");
        return;
    };
    let text = |name: &str| answer.text(name).filter(|text| !text.is_empty());
    let is_bearer = text("token_type")
        .is_some_and(|kind| ["bearer", "bearertoken"].contains(&&*kind.to_ascii_lowercase()));
    let token = text("access_token").filter(|_| is_bearer);
    // An invalid optional member does not invalidate the token.
    let lifetime = answer.raw("expires_in").and_then(seconds);
    let scopes = answer.raw("scope").and_then(scope_list);
    let expected = token.map(|token| (token, lifetime, scopes));
    assert_eq!(found, expected);
    if let Some((token, lifetime, scopes)) = found {
        assert!(!token.is_empty());
        assert!(lifetime.is_none_or(|seconds| (1..=A_DAY).contains(&seconds)));
        if let Some(scopes) = scopes.filter(|scopes| !scopes.is_empty()) {
            let tokens: Vec<&str> = scopes.split(' ').collect();
            assert!(tokens.iter().all(|token| is_scope_token(token)), "{scopes:?}");
            assert!(tokens.is_sorted_by(|a, b| a < b), "{scopes:?}");
        }
        check_token(token.as_bytes());
    }
}

/// Reads whole seconds, at most a day, from a number or a number in a string.
fn seconds(written: &str) -> Option<u64> {
    let text = serde_json::from_str(written).unwrap_or_else(|_| written.to_owned());
    let written_out = text.chars().all(|c| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
    let seconds = text.parse::<f64>().ok().filter(|seconds| written_out && *seconds >= 1.0)?;
    // A cast of a value that is too large yields the maximum.
    Some((seconds as u64).min(A_DAY))
}

/// Returns the scopes of a list, sorted, each once.
fn scope_tokens(list: &str) -> Option<String> {
    let tokens: BTreeSet<&str> = list.split(' ').filter(|token| !token.is_empty()).collect();
    let valid = tokens.iter().all(|token| is_scope_token(token));
    valid.then(|| tokens.into_iter().collect::<Vec<_>>().join(" "))
}

/// Returns the valid scopes of a string, or of an array of strings.
fn scope_list(written: &str) -> Option<String> {
    let items = serde_json::from_str::<String>(written).map(|text| vec![text]);
    let items = items.or_else(|_| serde_json::from_str::<Vec<String>>(written)).ok()?;
    let tokens: BTreeSet<&str> =
        items.iter().flat_map(|item| item.split(' ')).filter(|token| is_scope_token(token)).collect();
    Some(tokens.into_iter().collect::<Vec<_>>().join(" "))
}

/// `scope-token` of RFC 6749 §3.3.
fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| ('!'..='~').contains(&c) && c != '"' && c != '\\')
}

fn check_token(token: &[u8]) {
    let Ok(token) = std::str::from_utf8(token) else { return };
    let header = fuzzing::header_of(token);
    verdicts::count(&header.is_some());
    assert_eq!(header.is_some(), is_b64token(token), "{token:?}");
    if let Some(header) = header {
        assert_eq!(header.as_bytes(), ["Bearer ", token].concat().as_bytes());
        assert!(header.is_sensitive());
    }
}

/// `b64token` of RFC 6750 §2.1, read from the left.
fn is_b64token(text: &str) -> bool {
    let body = text.find('=').map_or(text, |at| &text[..at]);
    let padding = &text[body.len()..];
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/');
    !body.is_empty() && body.chars().all(fits) && padding.chars().all(|c| c == '=')
}

fn check_refusal(body: &[u8]) {
    let (code, description) = fuzzing::error_response(body);
    verdicts::count(&code);
    for shown in [&code, &description].into_iter().flatten() {
        assert_fit_for_a_log(shown, MOST_BYTES);
        // A combining mark is printed as its code point, such as `\u{6da}`.
        let text = shown.trim_end_matches('…').trim_matches('"').replace(r"\u{", "");
        assert!(!text.contains(['"', '\\', '<', '>', '&', '`']), "{text}");
    }
    let answer = Members::try_read(body);
    let written = |name: &str| {
        let written = answer.as_ref().and_then(|answer| answer.text(name))?;
        let written = written.trim();
        let kept: String = written.chars().take(MOST_CHARACTERS).map(replaced).collect();
        let cut = if written.chars().count() > MOST_CHARACTERS { "…" } else { "" };
        (!written.is_empty()).then(|| format!("{kept:?}{cut}"))
    };
    // Without an error code, members with other names may replace it and the description.
    if let Some(expected) = written("error") {
        assert_eq!((code, description), (Some(expected), written("error_description")));
    } else if let Some(expected) = written("error_description") {
        assert_eq!(description, Some(expected));
    }
}

/// Returns the character that is shown: a letter or printable ASCII, without special characters of
/// HTML and strings.
fn replaced(c: char) -> char {
    match c {
        '\t' | '\r' | '\n' => ' ',
        '"' | '\\' | '<' | '>' | '&' | '`' => '?',
        ' '..='~' => c,
        '\u{80}'..'\u{2000}' | '\u{3000}'..'\u{f900}' if c.is_alphabetic() => c,
        _ => '?',
    }
}

fn check_metadata(document: &[u8]) {
    let found = fuzzing::metadata(document, ISSUER);
    verdicts::count(&found);
    let Some(address) = found else { return };
    let members = Members::read(document);
    assert_eq!(members.text("issuer").as_deref(), Some(ISSUER));
    let written = members.text("token_endpoint").expect("`token_endpoint` is text");
    assert!(written.starts_with("https://"), "{written}");
    assert!(!written.contains('#'), "a fragment: {written}");
    // The parser of the HTTP client differs from the parser that built the URL.
    let uri: Uri = address.parse().expect("an address that can be asked");
    assert_eq!(uri.scheme_str(), Some("https"));
    let authority = uri.authority().expect("a host").as_str();
    assert!(!authority.contains('@'), "a user name: {address}");
    assert!(!is_this_machine(uri.host().expect("a host")), "our own machine: {address}");
}

/// Returns whether a request to this host may reach this machine, including `0.0.0.0` and names
/// under `localhost`.
fn is_this_machine(host: &str) -> bool {
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let ip = ip.map(|ip| ip.to_canonical());
    let name = host.trim_end_matches('.');
    name == "localhost"
        || name.ends_with(".localhost")
        || ip.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

fn check_challenges(fields: &[u8]) {
    let fields = fields.split(|byte| *byte == b'\n').take(8);
    let fields: Vec<HeaderValue> = fields.filter_map(|field| HeaderValue::from_bytes(field).ok()).collect();
    let mut headers = HeaderMap::new();
    for field in &fields {
        headers.append(WWW_AUTHENTICATE, field.clone());
    }
    let found = fuzzing::challenge(&headers);
    verdicts::count(&found);
    // `http-auth` supports no `token68`, and only ASCII.
    let texts: Option<Vec<&str>> = fields.iter().map(|field| field.to_str().ok()).collect();
    let read: Option<Vec<Vec<ChallengeRef<'_>>>> =
        texts.and_then(|texts| texts.into_iter().map(|text| parse_challenges(text).ok()).collect());
    let Some(read) = read else { return };
    let strict = read.into_iter().filter(|field| !field.iter().any(repeats_a_parameter));
    let bearers = strict.flatten().filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"));
    let errors: Vec<_> = bearers.filter(|challenge| parameter(challenge, "error").is_some()).collect();
    let expected = match errors.as_slice() {
        [one] => judged(one),
        _ => None,
    };
    assert_eq!(found, expected, "{fields:?}");
}

/// Returns the expected `Debug` output for a challenge with an error.
fn judged(challenge: &ChallengeRef<'_>) -> Option<String> {
    match parameter(challenge, "error")?.as_str() {
        "invalid_token" => Some("InvalidToken".to_owned()),
        "insufficient_scope" => {
            let scopes = scope_tokens(&parameter(challenge, "scope").unwrap_or_default())?;
            let scopes: Vec<&str> = scopes.split(' ').filter(|scope| !scope.is_empty()).collect();
            Some(format!("InsufficientScope(Scopes({scopes:?}))"))
        }
        _ => None,
    }
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let (_, value) = challenge.params.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.to_unescaped())
}

fn repeats_a_parameter(challenge: &ChallengeRef<'_>) -> bool {
    let names: BTreeSet<String> =
        challenge.params.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.len() < challenge.params.len()
}
