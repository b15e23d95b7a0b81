//! Challenges for any realm and any scopes. The crate `http-auth` must read the original values.
//!
//! The first line of an input is the realm. Each other line is a scope, or a comma-separated list
//! of alternative scopes.

use std::convert::Infallible;
use std::future::Ready;
use std::sync::LazyLock;

use axum::body::Body;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_auth::parse_challenges;
use scopegate::{ConfigError, Issuer, Requirement, Scope, Verifier, all_of, any_of};
use scopegate_axum::{Authorize, RequireScope, RequireToken};
use tower::util::ServiceFn;
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer;

use crate::at_once::at_once;
use crate::signer::Signer;
use crate::verdicts;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let jwks = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{}"}}]}}"#, Signer::new(9).x());
    let issuer = Issuer::from_jwks("https://issuer.example", &jwks).expect("it is a key set").client("c");
    Verifier::builder().trust(issuer).build().expect("the configuration is complete")
});

type Handler = ServiceFn<fn(Request<()>) -> Ready<Result<Response<Body>, Infallible>>>;

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let realm = lines.next().unwrap_or_default();
    let wanted: Vec<Vec<&str>> = lines.take(16).map(|line| line.split(',').collect()).collect();

    let parsed: Result<Vec<Vec<Scope>>, _> =
        wanted.iter().map(|any| any.iter().map(|scope| scope.parse()).collect()).collect();
    let layer = parsed.map_err(ConfigError::from).and_then(|wanted| {
        let requirement = all_of(wanted.into_iter().map(|any| match <[Scope; 1]>::try_from(any) {
            Ok([one]) => Requirement::from(one),
            Err(several) => any_of(several),
        }));
        RequireScope::try_new(&VERIFIER, requirement)
    });
    let valid = !wanted.is_empty() && wanted.iter().flatten().all(|scope| is_scope(scope));
    assert_eq!(layer.is_ok(), valid, "{wanted:?}");
    verdicts::count(&layer);
    if let Ok(layer) = layer {
        // The challenge has the first of several alternatives, and each scope once.
        let mut scopes: Vec<&str> = Vec::new();
        for first in wanted.iter().filter_map(|any| any.first()) {
            if !scopes.contains(first) {
                scopes.push(first);
            }
        }
        assert_challenges(&layer.with_realm(realm), realm, Some(&scopes.join(" ")));
    }
    assert_challenges(&RequireToken::new(&VERIFIER).with_realm(realm), realm, None);
}

/// Checks the responses to a request without credentials, with malformed ones and with an invalid
/// token.
fn assert_challenges<L>(layer: &L, realm: &str, scope: Option<&str>)
where
    L: Layer<Handler, Service = Authorize<Handler>>,
{
    let realm: String = realm.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect();
    for (authorization, status, error, scope) in [
        (None, StatusCode::UNAUTHORIZED, None, scope),
        (Some("Bearer"), StatusCode::BAD_REQUEST, Some("invalid_request"), None),
        (Some("Bearer a.b.c"), StatusCode::UNAUTHORIZED, Some("invalid_token"), scope),
    ] {
        let mut request = Request::new(());
        if let Some(value) = authorization {
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static(value));
        }
        let Ok(response) = at_once(layer.layer(service_fn(unreachable_handler)).oneshot(request));
        assert_eq!(response.status(), status);
        let mut challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenge = Challenge::read(challenges.next().expect("a challenge"));
        assert!(challenges.next().is_none(), "a second header");
        assert_eq!(challenge.get("realm"), Some(realm.as_str()));
        assert_eq!(challenge.get("scope"), scope);
        assert_eq!(challenge.get("error"), error);
        assert_eq!(challenge.get("error_description").is_some(), error.is_some());
        let parameters = 1 + usize::from(scope.is_some()) + 2 * usize::from(error.is_some());
        assert_eq!(challenge.parameters.len(), parameters);
    }
}

fn unreachable_handler(_: Request<()>) -> Ready<Result<Response<Body>, Infallible>> {
    panic!("a request without a valid token was accepted")
}

/// `scope-token` of RFC 6749 §3.3.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| ('!'..='~').contains(&c) && c != '"' && c != '\\')
}

/// One challenge of the scheme `Bearer`, as `http-auth` reads it.
pub(crate) struct Challenge {
    parameters: Vec<(String, String)>,
}

impl Challenge {
    pub(crate) fn read(header: &HeaderValue) -> Self {
        let text = header.to_str().expect("it is printable ASCII");
        let mut challenges = parse_challenges(text).expect("it is a list of challenges");
        let (Some(challenge), true) = (challenges.pop(), challenges.is_empty()) else {
            panic!("not one challenge: {text}");
        };
        assert_eq!(challenge.scheme, "Bearer");
        let parameters: Vec<(String, String)> =
            challenge.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped())).collect();
        for (position, (name, _)) in parameters.iter().enumerate() {
            // RFC 9110 §11.2: each name occurs once.
            assert!(!parameters.iter().take(position).any(|(earlier, _)| earlier.eq_ignore_ascii_case(name)));
        }
        Self { parameters }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
