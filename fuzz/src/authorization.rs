//! `Authorization` headers, sent to the real layer with a real verifier, without a socket.
//!
//! Each line of an input is one header, at most three. Headers cannot contain control characters,
//! so the first four of them represent tokens:
//!
//! - 1: valid;
//! - 2: without the scope;
//! - 3: expired;
//! - 4: from an issuer whose keys are unavailable.

use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use scopegate::{Issuer, Verifier};
use scopegate_axum::{Claims, RequireScope};
use serde_json::{Value, json};
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use crate::at_once::{at_once, first_poll};
use crate::challenge::Challenge;
use crate::signer::Signer;
use crate::verdicts;

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example";
const UNREACHABLE: &str = "https://unreachable.example";
const CLIENT: &str = "1example23456789";
const SCOPE: &str = "orders/read";

struct Setting {
    layer: RequireScope,
    tokens: [String; 4],
    /// Never runs, so the keys that it should fetch never arrive.
    runtime: tokio::runtime::Runtime,
}

static SETTING: LazyLock<Setting> = LazyLock::new(|| {
    let signer = Signer::new(9);
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": signer.x() }] }).to_string();
    let given = Issuer::from_jwks(ISSUER, &jwks).expect("it is a key set").client(CLIENT);
    let unreachable = Issuer::from_metadata(UNREACHABLE).expect("it is an issuer").client(CLIENT);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let verifier = {
        let _inside = runtime.enter();
        let builder = Verifier::builder().trust(given).trust(unreachable);
        let builder = builder.clock(|| UNIX_EPOCH + Duration::from_secs(NOW));
        builder.start_lazy().expect("the configuration is complete")
    };
    let token = |issuer: &str, scope: &str, exp: u64| {
        let payload = json!({ "iss": issuer, "client_id": CLIENT, "scope": scope, "exp": exp }).to_string();
        signer.sign(br#"{"alg":"EdDSA"}"#, payload.as_bytes())
    };
    let tokens = [
        token(ISSUER, SCOPE, NOW + 60),
        token(ISSUER, "orders/rea", NOW + 60),
        token(ISSUER, SCOPE, NOW - 60),
        token(UNREACHABLE, SCOPE, NOW + 60),
    ];
    occupy_all_waiting_places(&verifier, &tokens[3], &runtime);
    Setting { layer: RequireScope::new(&verifier, SCOPE), tokens, runtime }
});

/// Occupies all places of requests that wait for the first keys of an issuer. Every other request
/// then gets its response at once.
fn occupy_all_waiting_places(verifier: &Verifier, token: &str, runtime: &tokio::runtime::Runtime) {
    let _inside = runtime.enter();
    for waiting in 0.. {
        assert!(waiting < 100_000, "no bound of the requests that wait was found");
        let mut request = Box::pin(verifier.verify_or_refresh(token));
        if first_poll(request.as_mut()).is_ready() {
            return;
        }
        // A request that is dropped frees its place.
        std::mem::forget(request);
    }
}

/// The expected response to a request.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    LetThrough,
    NoCredentials,
    Malformed,
    BadToken,
    LacksScope,
    KeysUnavailable,
}

pub fn check(input: &[u8]) {
    let setting = &*SETTING;
    // The deadline of a request needs a runtime, which does not have to run.
    let _inside = setting.runtime.enter();
    let mut request = Request::new(());
    let lines =
        if input.is_empty() { Vec::new() } else { input.split(|byte| *byte == b'\n').take(3).collect() };
    for line in lines {
        let Ok(value) = HeaderValue::from_bytes(&with_tokens(line, &setting.tokens)) else { return };
        request.headers_mut().append(AUTHORIZATION, value);
    }
    let values: Vec<Vec<u8>> =
        request.headers().get_all(AUTHORIZATION).iter().map(|value| value.as_bytes().to_vec()).collect();
    let expected = expected(&values, &setting.tokens);
    verdicts::count(&expected);

    // The handler returns the client's id only if the request has claims.
    let handler = service_fn(async |request: Request<()>| {
        let claims = Claims::from_extensions(request.extensions()).ok();
        let client = claims.and_then(|claims| claims.client_id().map(str::to_owned)).unwrap_or_default();
        Ok::<_, Infallible>(Response::new(Body::from(client)))
    });
    let response =
        at_once(setting.layer.layer(handler).oneshot(request)).unwrap_or_else(|never| match never {});
    assert_eq!(response.status().as_u16(), expected.status(), "{expected:?}");
    assert_answer(response, &expected);
}

impl Expected {
    fn status(&self) -> u16 {
        match self {
            Self::LetThrough => 200,
            Self::Malformed => 400,
            Self::NoCredentials | Self::BadToken => 401,
            Self::LacksScope => 403,
            Self::KeysUnavailable => 503,
        }
    }

    /// Returns `error` and `scope` of the only challenge.
    fn challenge(&self) -> Option<(Option<&'static str>, Option<&'static str>)> {
        match self {
            Self::NoCredentials => Some((None, Some(SCOPE))),
            Self::Malformed => Some((Some("invalid_request"), None)),
            Self::BadToken => Some((Some("invalid_token"), Some(SCOPE))),
            Self::LacksScope => Some((Some("insufficient_scope"), Some(SCOPE))),
            Self::LetThrough | Self::KeysUnavailable => None,
        }
    }
}

fn assert_answer(response: Response<Body>, expected: &Expected) {
    let challenges: Vec<_> =
        response.headers().get_all(WWW_AUTHENTICATE).iter().map(Challenge::read).collect();
    match (expected.challenge(), challenges.as_slice()) {
        (None, []) => {}
        (Some((error, scope)), [challenge]) => {
            assert_eq!(challenge.get("realm"), Some("api"));
            assert_eq!((challenge.get("error"), challenge.get("scope")), (error, scope));
        }
        (_, found) => panic!("{expected:?}: {} challenges", found.len()),
    }
    assert_eq!(response.headers().contains_key(RETRY_AFTER), *expected == Expected::KeysUnavailable);
    let refused = *expected != Expected::LetThrough;
    assert_eq!(response.headers().get(CACHE_CONTROL).is_some_and(|value| value == "no-store"), refused);
    let kind = response.headers().get(CONTENT_TYPE).is_some_and(|value| value == "application/problem+json");
    assert_eq!(kind, refused);
    let body = at_once(response.into_body().collect()).expect("it is all there").to_bytes();
    if refused {
        let problem: Value = serde_json::from_slice(&body).expect("a problem document");
        assert_eq!(problem["status"], expected.status());
    } else {
        assert_eq!(body, CLIENT);
    }
}

/// Reads the header from the left (RFC 6750 §2.1, RFC 9110 §11.4): a scheme, spaces and a token68.
fn expected(values: &[Vec<u8>], tokens: &[String; 4]) -> Expected {
    let value = match values {
        [] => return Expected::NoCredentials,
        [one] => one,
        _ => return Expected::Malformed,
    };
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let (scheme, rest) = value.split_at(value.iter().take_while(|byte| is_tchar(byte)).count());
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Expected::NoCredentials;
    }
    let (spaces, token) = rest.split_at(rest.iter().take_while(|byte| **byte == b' ').count());
    let is_token68 = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    let (body, padding) = token.split_at(token.iter().take_while(|byte| is_token68(byte)).count());
    if spaces.is_empty() || body.is_empty() || padding.iter().any(|byte| *byte != b'=') {
        return Expected::Malformed;
    }
    let [good, lacking, _, unreachable] = tokens;
    match token {
        token if token == good.as_bytes() => Expected::LetThrough,
        token if token == lacking.as_bytes() => Expected::LacksScope,
        token if token == unreachable.as_bytes() || asks_the_unreachable(token) => Expected::KeysUnavailable,
        _ => Expected::BadToken,
    }
}

/// Returns whether the token is well-formed and from the unreachable issuer, so that it cannot be
/// verified.
fn asks_the_unreachable(token: &[u8]) -> bool {
    let parts: Option<Vec<Vec<u8>>> = token
        .split(|byte| *byte == b'.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).ok().filter(|bytes| !bytes.is_empty()))
        .collect();
    let Some([header, payload, _]) = parts.as_deref() else { return false };
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let (header, payload) = (json(header), json(payload));
    // The fuzzer only reaches a damaged or an invented signature under the header of our tokens.
    header == json!({ "alg": "EdDSA" }) && payload["iss"] == UNREACHABLE
}

fn with_tokens(line: &[u8], tokens: &[String; 4]) -> Vec<u8> {
    let mut value = Vec::new();
    for byte in line {
        match byte.checked_sub(1).and_then(|number| tokens.get(usize::from(number))) {
            Some(token) => value.extend_from_slice(token.as_bytes()),
            None => value.push(*byte),
        }
    }
    value
}
