//! `WWW-Authenticate` is valid for any request, token and configuration, and never contains a
//! token's claims. The oracle is the parser of the crate `http-auth`. Row ids (D08, …) refer to
//! docs/generated/conformance.md.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use axum::routing::get as on_get;
use http_auth::parse_challenges;
use proptest::collection::vec;
use proptest::prelude::*;
use scopegate_axum::{Claims, OptionalToken, RequireScope, RequireToken, Verifier, all_of, any_of};
use tokio::runtime::Runtime;

use crate::fixture::{get, header_text, mint, send, sign, token, verifier, with_token};

/// The prefix of each claim. No configured value has it.
const MARK: &str = "c1aim";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static VERIFIER: LazyLock<Verifier> = LazyLock::new(verifier);

#[derive(serde::Deserialize)]
struct Ours {
    #[allow(dead_code, reason = "no token here has it")]
    tenant: u8,
}

/// The status, and the parameters of the challenge if there is one.
type Outcome = (u16, Option<BTreeMap<String, String>>);

fn outcome_of(router: &Router, request: Request<Body>) -> Outcome {
    outcome(&RUNTIME.block_on(send(router, request)))
}

/// Reads the challenge as a client would, and checks it by the rules of RFC 6750 §3.
fn outcome(response: &Response<Body>) -> Outcome {
    let status = response.status().as_u16();
    let Some(text) = header_text(response, &header::WWW_AUTHENTICATE) else { return (status, None) };
    assert!(!text.contains(MARK), "a claim is in {text}");
    let challenges = parse_challenges(text).unwrap();
    assert_eq!(challenges.len(), 1, "{text}");
    assert_eq!(challenges[0].scheme, "Bearer");
    let mut parameters = BTreeMap::new();
    for (name, value) in &challenges[0].params {
        let value = value.to_unescaped();
        let allowed = |byte: u8| match *name {
            "realm" => matches!(byte, 0x20..=0x7e),
            "scope" | "error" | "error_description" => {
                matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
            }
            other => panic!("{other} in {text}"),
        };
        assert!(value.bytes().all(allowed), "{name} of {text}");
        assert!(parameters.insert((*name).to_owned(), value).is_none(), "{name} stands twice in {text}");
    }
    assert!(!parameters.is_empty(), "{text}");
    (status, Some(parameters))
}

fn with_authorization(value: HeaderValue) -> Request<Body> {
    let mut request = get("/");
    request.headers_mut().insert(header::AUTHORIZATION, value);
    request
}

/// Strings of any kind: letters, every Unicode character, and characters that other parsers
/// mishandle.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        "[ -~]{0,24}",
        vec(any::<u8>(), 0..24).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        prop::sample::select(vec![
            "\"",
            "\\",
            "\\\"",
            "\", error=\"x",
            "\r\nSet-Cookie: a=b",
            "\0",
            "a, Basic realm=x",
            "=",
            ",",
            "\u{2028}",
            "\u{1f600}",
            "\t",
            "",
            " ",
            "\u{7f}",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn challenge_is_valid_for_any_configuration_and_claims(
        realm in any_text(), scopes in vec(any_text(), 1..4), text in any_text()
    ) {
        // D07, D08, D14, D15, D16
        let claim = format!("{MARK}{text}");
        let valid: Vec<&'static str> = scopes.into_iter().map(|scope| &*scope.leak()).filter(|scope| {
            RequireScope::try_new(&VERIFIER, all_of([*scope])).is_ok()
        }).collect();
        let required = if valid.is_empty() { all_of(["a", "b"]) } else { all_of([any_of(valid.clone()), "b".into()]) };
        let expected_scope = valid.first().map_or("a b".to_owned(), |first| {
            if *first == "b" { "b".to_owned() } else { format!("{first} b") }
        });
        let require = RequireScope::try_new(&VERIFIER, required).unwrap().with_realm(realm.clone());
        let router = Router::new().route("/", on_get(|| async {}).layer(require));
        let expected_realm: String =
            realm.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();

        for (expected_status, error, request) in [
            (401, None, get("/")),
            (401, None, with_authorization(HeaderValue::from_static("Basic dTpw"))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().bad_signature()))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().expired().claim("sub", claim.as_str())))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().header("kid", claim.as_str())))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().header("typ", claim.as_str())))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().alg(&claim)))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().claim("iss", claim.as_str())))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().client(&claim)))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().claim("aud", claim.as_str())))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().claim("token_use", claim.as_str())))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().claim(&claim, 1).claim("exp", claim.as_str())))),
            (401, Some("invalid_token"), with_token(get("/"), &sign(&mint().scope(&format!("{claim} \"")))) ),
            (403, Some("insufficient_scope"), with_token(get("/"), &token(&format!("{MARK}/read {MARK}/write")))),
            (403, Some("insufficient_scope"), with_token(get("/"), &sign(&mint().claim("sub", claim.as_str())))),
        ] {
            let (status, challenge) = outcome_of(&router, request);
            let challenge = challenge.unwrap();
            prop_assert_eq!(status, expected_status);
            prop_assert_eq!(challenge.get("error").map(String::as_str), error);
            prop_assert_eq!(challenge.contains_key("error_description"), error.is_some());
            prop_assert_eq!(&challenge["realm"], &expected_realm);
            prop_assert_eq!(&challenge["scope"], &expected_scope);
        }
        let twice = with_token(with_token(get("/"), &claim_token(&text)), &claim_token(&text));
        let (status, challenge) = outcome_of(&router, twice);
        prop_assert_eq!((status, &challenge.unwrap()["error"][..]), (400, "invalid_request"));
    }

    #[test]
    fn challenge_is_valid_for_any_authorization_header(
        bytes in vec(any::<u8>(), 0..40), scheme in prop::sample::select(vec!["", "Bearer ", "bearer\t", "Basic ", "Bearer"])
    ) {
        // D03, D09, D10
        let value = [scheme.as_bytes(), &bytes].concat();
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let router = Router::new().route("/", on_get(|| async {}).layer(RequireToken::new(&VERIFIER)));
        let (status, challenge) = outcome_of(&router, with_authorization(value));
        let error = challenge.unwrap().get("error").cloned();
        match status {
            400 => prop_assert_eq!(error.as_deref(), Some("invalid_request")),
            401 => prop_assert!(matches!(error.as_deref(), None | Some("invalid_token"))),
            other => prop_assert!(false, "{}", other),
        }
    }
}

/// Returns a string in the place of a token. It is not a token.
fn claim_token(text: &str) -> String {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{MARK}{letters}")
}

#[test]
fn oracle_parser_rejects_broken_challenges() {
    // D08: the oracle detects a broken header
    for broken in [
        "Bearer realm=\"a",
        "Bearer realm=\"a\" scope=\"b\"",
        "Bearer realm=\"\u{e9}\"",
        "",
        "Bearer error=a b",
    ] {
        assert!(parse_challenges(broken).is_err(), "{broken}");
    }
    assert_eq!(parse_challenges("Bearer realm=\"a\", Basic realm=\"b\"").unwrap().len(), 2);
}

#[test]
fn every_rejection_has_exactly_one_challenge() {
    // D07, D08, D14: also if layers nest, and if a handler requires more than its layer
    let handler = async |claims: Claims| claims.client_id().unwrap_or_default().to_owned();
    let typed = async |claims: Claims<Ours>| claims.scopes().to_string();
    let require = || RequireScope::new(&VERIFIER, "read");
    let nested = Router::new()
        .route("/nested", on_get(handler).layer(require().with_realm("inner")))
        .layer(RequireScope::new(&VERIFIER, "write").with_realm("middle"))
        .layer(OptionalToken::new(&VERIFIER).with_realm("outer"));
    let router = Router::new()
        .route("/typed", on_get(typed).layer(RequireToken::new(&VERIFIER)))
        .route("/optional", on_get(handler).layer(OptionalToken::new(&VERIFIER)))
        .merge(nested);
    for (path, scopes, status, realm, error) in [
        ("/nested", None, 401, "middle", None),
        ("/nested", Some("read"), 403, "middle", Some("insufficient_scope")),
        ("/nested", Some("write"), 403, "inner", Some("insufficient_scope")),
        ("/typed", None, 401, "api", None),
        ("/typed", Some("read"), 403, "api", None),
        ("/optional", None, 401, "api", None),
    ] {
        let request =
            scopes.into_iter().fold(get(path), |request, scopes| with_token(request, &token(scopes)));
        let (found, challenge) = outcome_of(&router, request);
        let challenge = challenge.unwrap();
        assert_eq!((found, &challenge["realm"][..]), (status, realm), "{path} {scopes:?}");
        assert_eq!(challenge.get("error").map(String::as_str), error, "{path} {scopes:?}");
    }
    let (status, challenge) = outcome_of(&router, with_token(get("/nested"), "opaque"));
    assert_eq!((status, &challenge.unwrap()["realm"][..]), (401, "outer"));
    let (status, challenge) = outcome_of(&router, with_token(get("/nested"), &token("read write")));
    assert_eq!((status, challenge), (200, None));
}
