//! Token requests, sent to the routes of the local issuer, without a socket.
//!
//! The first three lines of an input are the path, `Content-Type` and `Authorization`. The rest is
//! the body. An empty line is an absent header. The control character 1 separates two headers of
//! one name. `Host` is always the server's own. A path may begin with another host (RFC 9112
//! §3.2.2).

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, PRAGMA, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_auth::parse_challenges;
use http_body_util::BodyExt as _;
use scopegate_issuer::{Config, fuzzing};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::at_once::at_once;
use crate::verdicts;

static ROUTES: LazyLock<Router> = LazyLock::new(|| {
    fuzzing::routes(Config::default(), "http://127.0.0.1:9400").expect("the built-in configuration is valid")
});

const READ: &str = "https://my-api-server.org/api.read";
const WRITE: &str = "https://my-api-server.org/api.write";
const OTHER: &str = "https://other-api-server.org/api.read";

/// Pool, client id, secret and scopes: a copy of [`Config::default`].
const CLIENTS: [(&str, &str, &str, &[&str]); 3] = [
    ("eu-west-1_Local0001", "local-reader", "local-reader-secret", &[READ]),
    ("eu-west-1_Local0001", "local-writer", "local-writer-secret", &[READ, WRITE]),
    ("eu-west-1_Local0002", "local-other", "local-other-secret", &[OTHER]),
];

pub fn check(input: &[u8]) {
    let mut lines = input.splitn(4, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (path, content_type, authorization, body) = (line(), line(), line(), line());
    let Some(request) = request(path, content_type, authorization, body) else { return };
    let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
    let authority = request.uri().authority().map(|authority| authority.as_str().to_ascii_lowercase());

    let Ok(response) = at_once(ROUTES.clone().oneshot(request));
    let (head, answer) = response.into_parts();
    let answer = at_once(answer.collect()).expect("it is all there").to_bytes();
    verdicts::count(&format_args!("Status{}", head.status.as_u16()));
    // Requests for another host get 421.
    if head.status == StatusCode::MISDIRECTED_REQUEST {
        let authority = authority.expect("the path names a host, for the header is right");
        assert!(!["127.0.0.1", "localhost", "[::1]"].contains(&&*authority), "{authority}");
        assert!(json(&answer)["error"].is_string());
        return;
    }
    if let Some(authority) = authority {
        let (host, _port) = authority.rsplit_once(':').unwrap_or((&authority, ""));
        let name = host == "localhost" || host.ends_with(".localhost");
        assert!(
            (name || host.starts_with("127.") || host.starts_with('[')) && !host.contains('@'),
            "{authority}"
        );
    }
    if head.status == StatusCode::NOT_FOUND {
        assert!(!CLIENTS.iter().any(|(pool, ..)| path == format!("/{pool}/oauth2/token")));
        assert_ne!(path, "/oauth2/token");
        assert!(json(&answer)["error"].is_string());
        return;
    }
    // The other routes are for GET.
    if head.status == StatusCode::METHOD_NOT_ALLOWED {
        assert!(path.contains("/.well-known/"), "{path}");
        return;
    }
    let only = |name| one(&head.headers, name);
    assert_eq!(only(CACHE_CONTROL).as_deref(), Some(&b"no-store"[..]));
    assert_eq!(only(PRAGMA).as_deref(), Some(&b"no-cache"[..]));
    assert!(only(CONTENT_TYPE).is_some_and(|kind| kind.starts_with(b"application/json")));
    match head.status {
        StatusCode::OK => {
            let client = client(&headers, body, &path).expect("a right id with its secret, in one place");
            assert_token(&json(&answer), client, &form(body));
        }
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => assert_refusal(&json(&answer), head.status),
        other => panic!("{other}"),
    }
    // RFC 6749 §5.2, RFC 9110 §15.5.2: a challenge, and for 401 only.
    let challenge = only(WWW_AUTHENTICATE).map(|value| String::from_utf8(value).expect("it is text"));
    assert_eq!(challenge.is_some(), head.status == StatusCode::UNAUTHORIZED);
    if let Some(challenge) = challenge {
        let challenges = parse_challenges(&challenge).expect("it is a challenge");
        assert!(matches!(challenges.as_slice(), [one] if one.scheme == "Basic"), "{challenge}");
    }
}

fn request(path: &[u8], content_type: &[u8], authorization: &[u8], body: &[u8]) -> Option<Request<Body>> {
    let mut request = Request::new(Body::from(Bytes::copy_from_slice(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::try_from(path).ok()?;
    request.headers_mut().insert(HOST, HeaderValue::from_static("127.0.0.1:9400"));
    for (name, values) in [(CONTENT_TYPE, content_type), (AUTHORIZATION, authorization)] {
        for value in values.split(|byte| *byte == 1).filter(|_| !values.is_empty()) {
            request.headers_mut().append(&name, HeaderValue::from_bytes(value).ok()?);
        }
    }
    Some(request)
}

/// Returns the client that the request authenticates at this path, by `Basic` or by the body, but
/// not by both.
fn client(headers: &HeaderMap, body: &[u8], path: &str) -> Option<usize> {
    let kind = String::from_utf8(one(headers, CONTENT_TYPE)?).ok()?.to_ascii_lowercase();
    let kind = kind.split(';').next()?.trim();
    let form = form(body);
    let (id, secret) = match one(headers, AUTHORIZATION) {
        Some(value) => {
            let value = String::from_utf8(value).ok()?;
            let (scheme, encoded) = value.split_once(' ')?;
            let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
            let (id, secret) = decoded.split_once(':')?;
            let other_id =
                form.get("client_id").is_some_and(|other| !other.is_empty() && *other != form_text(id));
            let other_secret = form.get("client_secret").is_some_and(|other| !other.is_empty());
            let usable = scheme.eq_ignore_ascii_case("basic") && !other_id && !other_secret;
            usable.then(|| (form_text(id), form_text(secret)))?
        }
        None => (form.get("client_id")?.clone(), form.get("client_secret")?.clone()),
    };
    let position = CLIENTS.iter().position(|client| client.1 == id && client.2 == secret)?;
    let here = path == "/oauth2/token" || path == format!("/{}/oauth2/token", CLIENTS.get(position)?.0);
    let right =
        kind == "application/x-www-form-urlencoded" && form.get("grant_type")? == "client_credentials";
    (here && right).then_some(position)
}

fn assert_token(answer: &Value, client: usize, form: &HashMap<String, String>) {
    let (pool, id, _, scopes) = CLIENTS[client];
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3600);
    let token = answer["access_token"].as_str().expect("`access_token` is text");
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = json(&payload.expect("it is a JWT"));
    assert_eq!(claims["iss"], format!("http://127.0.0.1:9400/{pool}"));
    assert_eq!((&claims["client_id"], &claims["sub"]), (&Value::from(id), &Value::from(id)));
    let granted: Vec<&str> = claims["scope"].as_str().expect("`scope` is text").split(' ').collect();
    assert!(granted.iter().all(|scope| scopes.contains(scope)), "a scope that the client lacks");
    match form.get("scope").filter(|asked| !asked.is_empty()) {
        Some(asked) => {
            let asked: Vec<&str> = asked.split(' ').collect();
            assert!(granted.iter().all(|scope| asked.contains(scope)), "a scope that was not requested");
            assert!(asked.iter().all(|scope| granted.contains(scope)), "a scope is missing");
        }
        None => assert_eq!(granted, scopes),
    }
    // RFC 6749 §5.1: the response has the granted scopes if they differ from the requested ones.
    let told = answer["scope"].as_str().or(form.get("scope").map(String::as_str));
    assert_eq!(told, claims["scope"].as_str());
}

/// RFC 6749 §5.2.
fn assert_refusal(answer: &Value, status: StatusCode) {
    let codes = ["invalid_request", "invalid_client", "unsupported_grant_type", "invalid_scope"];
    let error = answer["error"].as_str().expect("`error` is text");
    assert!(codes.contains(&error), "{error}");
    assert!(status != StatusCode::UNAUTHORIZED || error == "invalid_client");
    let description = answer["error_description"].as_str().expect("`error_description` is text");
    assert!(description.chars().all(|c| (' '..='~').contains(&c) && c != '"' && c != '\\'), "{description}");
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(2), "another member");
}

fn form(body: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

/// Decodes one name or value of a form.
fn form_text(encoded: &str) -> String {
    // The separators have no meaning here.
    let pair = encoded.replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(pair.as_bytes()).map(|(name, _)| name.into_owned()).next().unwrap_or_default()
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("it is JSON")
}

/// Returns the only header with this name.
fn one(headers: &HeaderMap, name: HeaderName) -> Option<Vec<u8>> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    assert!(values.next().is_none(), "two of them");
    Some(value.as_bytes().to_vec())
}
