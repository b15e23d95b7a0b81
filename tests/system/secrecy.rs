//! Logs, responses, `Debug` and `Display` show no token and no secret.
//!
//! They show some values of a token so that operators can find the cause of a rejection:
//!
//! - `kid`, `typ` and `alg` (cut and escaped);
//! - `iss` and `aud` (cut and escaped);
//! - the client and the kind of token (cut and escaped);
//! - `sub` and the scopes of a verified token;
//! - `sub` and `jti` of every rejected token in the log.
//!
//! Complete tokens, their parts and all secrets must not be shown.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is the test's failure")]
#![allow(clippy::format_collect, reason = "hexadecimal, a few bytes at a time")]

mod api;
mod hostile;
#[path = "secrecy/log.rs"]
mod log;
#[path = "secrecy/secrets.rs"]
mod secrets;

use std::fmt::{Debug, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::handler::Handler as _;
use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_axum::{Claims, Issuer, OptionalToken, Rejection, RequireScope, RequireToken, Verifier};
use scopegate_issuer::{Algorithm, Config, LocalIssuer, Mint, SigningKey};
use serde_json::json;
use testkit::{Log, bearer, serve};
use tower::ServiceExt as _;
use tracing::level_filters::LevelFilter;

use api::{READ, READER, Running, WRITER};
use hostile::{Suite, Verdict};
use log::EVERYTHING;
use secrets::Secrets;

#[tokio::test]
async fn tokens_and_secrets_are_neither_logged_nor_sent() {
    // D18
    let log = EVERYTHING.clone();
    let system = Running::start().await;
    let mut tokens = vec![system.token(READER, READ).await, system.token(WRITER, READ).await];
    tokens.push(system.issuer.mint().expired().sign());
    tokens.push(system.issuer.mint().bad_signature().sign());
    tokens.push(system.issuer.mint().unsigned().sign());
    tokens.push(system.issuer.mint().claim("cnf", 1).sign());
    tokens.push(system.issuer.mint().claim("iss", "https://evil.example\nINFO forged").sign());
    system.issuer.rotate();
    tokens.push(system.issuer.mint().sign());
    tokens.push("opaque-token-of-somebody".to_owned());

    let mut heard = String::new();
    for form in wrong_credentials() {
        let refused = system.http.post(system.issuer.token_endpoint()).form(&form).send().await.unwrap();
        write!(heard, "{:?}", refused.headers()).unwrap();
        heard += &refused.text().await.unwrap();
    }
    let basic = system.http.post(system.issuer.token_endpoint()).basic_auth(READER.0, Some("wrong-secret"));
    heard += &basic.form(&[("grant_type", "client_credentials")]).send().await.unwrap().text().await.unwrap();
    for token in &tokens {
        for response in [system.get("/orders", token).await, system.post("/orders", token).await] {
            write!(heard, "{:?}", response.headers()).unwrap();
            heard += &response.text().await.unwrap();
        }
    }

    let logged = log.text();
    assert!(logged.contains("request rejected") && logged.contains("keys fetched"), "{logged}");
    assert!(!logged.contains("\nINFO forged"), "a claim forged a line of the log");
    let mut secrets = Secrets::default();
    for token in &tokens {
        secrets.add_token(token);
    }
    for secret in ["opaque-token-of-somebody", READER.1, WRITER.1, "wrong-secret"] {
        secrets.add(secret);
    }
    assert_eq!(secrets.find_in(&logged), [""; 0], "logged");
    assert_eq!(secrets.find_in(&heard), [""; 0], "answered");
}

/// Returns a wrong secret and secrets in wrong places.
fn wrong_credentials() -> [Vec<(&'static str, &'static str)>; 4] {
    let grant = ("grant_type", "client_credentials");
    [
        vec![grant, ("client_id", READER.0), ("client_secret", "wrong-secret")],
        vec![grant, ("client_id", "wrong-secret"), ("client_secret", READER.1)],
        vec![grant, ("client_id", READER.0), ("client_secret", READER.1), ("scope", "wrong-secret\n")],
        vec![("grant_type", "wrong-secret"), ("client_secret", WRITER.1)],
    ]
}

#[tokio::test]
async fn hostile_token_is_shown_nowhere() {
    // D18, A19
    let log = EVERYTHING.clone();
    // All kinds of changes, and all kinds of signatures.
    let suite = Suite::of(&["cognito-rs256", "keycloak-rs256", "rfc9068-es256", "rfc9068-eddsa"]);
    let verifier = suite.verifier();
    let router = router(&verifier);
    let (mut sent, mut seen) = (0, String::new());
    let token_id = "8f2c0c9e-6a51-4b62-9d0e-3c1d8b9a7f10";
    for case in &suite.cases {
        match verifier.verify(&case.token) {
            Ok(claims) => {
                let shown = format!("{claims:?} {:?}", claims.principal());
                assert!(!shown.contains(token_id), "{shown}");
                writeln!(seen, "{shown}").unwrap();
            }
            Err(error) => writeln!(seen, "{error} {error:?}").unwrap(),
        }
        if let Err(error) = verifier.verify_or_refresh(&case.token).await {
            writeln!(seen, "{error}").unwrap();
        }
        // Some tokens are not valid in a header.
        let Ok(authorization) = HeaderValue::try_from(bearer(&case.token)) else { continue };
        sent += 1;
        let accepted = case.verdict == Verdict::Accepted;
        for path in ["/scope", "/token", "/accept"].into_iter().chain(accepted.then_some("/typed")) {
            let answered = answer(&router, path, authorization.clone()).await;
            assert!(!(accepted && answered.contains(token_id)), "{answered}");
            seen += &answered;
        }
    }
    show(&mut seen, &[&verifier, &verifier.status(), &suite.shapes[0].issuer(), &router]);
    log.note(&seen);

    let text = log.text();
    assert!(sent > suite.cases.len() / 2 && text.matches("request rejected").count() > sent, "{sent}");
    // Other tests panic on purpose, in other threads.
    let panics = format!("PANIC in {:?}", std::thread::current().name());
    assert!(!text.contains(&panics), "{}", text.split(&panics).nth(1).unwrap_or_default());
    let mut secrets = Secrets::default();
    for case in &suite.cases {
        secrets.add_token(&case.token);
    }
    assert!(secrets.len() > 100_000, "{}", secrets.len());
    // These values are visible in tokens whose payload is not encoded. `sub` may be shown, but not the user's name. `jti`
    // is a field of the log (FR-C3), and an error quotes a `jti` that is not a string (FR-B12).
    secrets.allow("b5f0f3c0-52f4-4c7b-8d2f-1a2b3c4d5e6f");
    secrets.allow(token_id);
    secrets.add("service-account-orders");
    let found = secrets.find_in(&text);
    assert!(found.is_empty(), "{} places: {:#?}", found.len(), &found[..found.len().min(20)]);
}

/// Returns a router with one route behind each layer. The routes return information about the
/// caller.
fn router(verifier: &Verifier) -> Router {
    /// A type that no claims match.
    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "it is never made")]
    struct Other {
        exp: Vec<String>,
    }
    let whoami = async |claims: Option<Claims>, request: Request| {
        format!("{claims:?} {:?} {:?}", request.extensions(), Claims::from_extensions(request.extensions()))
    };
    let typed = async |claims: Claims<Other>| format!("{claims:?}");
    Router::new()
        .route("/scope", get(whoami.layer(RequireScope::new(verifier, "orders/read"))))
        .route("/token", get(whoami.layer(RequireToken::new(verifier))))
        .route("/accept", get(whoami.layer(OptionalToken::new(verifier))))
        .route("/typed", get(typed.layer(RequireToken::new(verifier))))
}

/// Returns the status, the headers and the body of a response as a string.
async fn answer(router: &Router, path: &str, authorization: HeaderValue) -> String {
    let request = Request::get(path).header(AUTHORIZATION, authorization).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let mut seen = format!("{:?} {:?}", parts.headers, parts.extensions);
    if let Some(refusal) = parts.extensions.get::<Rejection>() {
        write!(seen, "{refusal} {refusal:?}").unwrap();
    }
    seen += std::str::from_utf8(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
    seen.push('\n');
    seen
}

fn show(seen: &mut String, values: &[&dyn Debug]) {
    for value in values {
        writeln!(seen, "{value:?} {value:#?}").unwrap();
    }
}

#[tokio::test]
async fn private_keys_and_client_secrets_are_not_shown() {
    // D18, B11
    let log = EVERYTHING.clone();
    // A real public key with the private members of RFC 7518 §6.2.2, §6.3.2 and §6.4.1, which are invented here.
    let good = SigningKey::generate(Algorithm::RS256).with_kid("good");
    let mut private = SigningKey::generate(Algorithm::RS256).with_kid("private").jwk();
    let mut secrets = Secrets::default();
    for (n, member) in (1_u8..).zip(["d", "p", "q", "dp", "dq", "qi", "k"]) {
        let value: Vec<u8> = (0..128_u8).map(|at| at.wrapping_mul(37) ^ n.wrapping_mul(91)).collect();
        let value = URL_SAFE_NO_PAD.encode(value);
        secrets.add(&value);
        private[member] = value.into();
    }
    let symmetric = json!({ "kty": "oct", "kid": "symmetric", "k": private["k"] });
    let set = json!({ "keys": [private, symmetric, good.jwk()] }).to_string();
    let only_private = json!({ "keys": [private, symmetric] }).to_string();

    let mut seen = String::new();
    // As static keys, and without another key.
    let issuer = Issuer::from_jwks("https://issuer.example", &set).unwrap().audience("api");
    let error = Issuer::from_jwks("https://issuer.example", &only_private).unwrap_err();
    let builder = Verifier::builder().trust(issuer.clone());
    show(&mut seen, &[&issuer, &error, &builder]);
    writeln!(seen, "{error}").unwrap();
    let verifier = builder.build().unwrap();
    show(&mut seen, &[&verifier, &verifier.status(), &RequireToken::new(&verifier), &router(&verifier)]);
    // As fetched keys.
    let key_sets =
        Router::new().route("/set", get(async || set)).route("/private", get(async || only_private));
    let url = serve(key_sets).await;
    let start = |path: &str| {
        let issuer = Issuer::from_jwks_uri("https://issuer.example", &format!("{url}{path}")).unwrap();
        Verifier::builder().trust(issuer.audience("api")).start()
    };
    let verifier = start("/set").await.unwrap();
    let error = start("/private").await.unwrap_err();
    show(&mut seen, &[&verifier, &verifier.status(), &error]);
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = source {
        writeln!(seen, "{error} {error:?}").unwrap();
        source = error.source();
    }
    // The issuer, its clients, and documented panics.
    let local = LocalIssuer::start().await.unwrap();
    let clients = local.default_pool();
    let config = Config::default();
    show(
        &mut seen,
        &[&local, &clients, &clients.clients(), &config, &local.mint(), &good, &clients.signing_key()],
    );
    let panicking = [
        catch_unwind(AssertUnwindSafe(|| drop(RequireScope::new(&verifier, "not a scope")))).is_err(),
        catch_unwind(|| drop(Mint::cognito("https://issuer.example", "client").sign())).is_err(),
        catch_unwind(|| drop(SigningKey::generate_rsa(Algorithm::RS256, 1024))).is_err(),
    ];
    assert_eq!(panicking, [true; 3], "the documentation promises these panics");
    log.note(&seen);

    let text = log.text();
    let warns =
        |line: &str| line.contains("WARN") && line.contains("holds private or symmetric key material");
    assert!(text.lines().any(warns), "whoever publishes a private key should hear of it");
    assert!(text.contains("[redacted]"), "clients were shown");
    secrets.add(READER.1);
    secrets.add(WRITER.1);
    assert_eq!(secrets.find_in(&text), [""; 0]);
}

/// Checks the search itself.
#[test]
fn leaked_token_is_found() {
    let key = SigningKey::generate(Algorithm::ES256);
    let token = Mint::cognito("https://issuer.example", "client").sign_with(&key);
    let parts: Vec<&str> = token.split('.').collect();
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut secrets = Secrets::default();
    secrets.add_token(&token);
    secrets.add("short");
    for leak in [
        token.clone(),
        format!("{parts:?}"),
        parts[1].to_owned(),
        parts[2].to_owned(),
        parts[1][7..46].to_owned(),
        hex.clone(),
        hex.to_ascii_uppercase(),
        format!("{signature:?}"),
        "short".to_owned(),
    ] {
        // As a library would log it.
        let log = Log::of_thread(LevelFilter::INFO);
        tracing::info!("rejected: {leak}, so there");
        assert_ne!(secrets.find_in(&log.text()), [""; 0], "{leak}");
    }
    for harmless in
        ["rejected: expired at 1750000000", "https://my-api-server.org/api.read", &parts[1][..19], ""]
    {
        assert_eq!(secrets.find_in(harmless), [""; 0], "{harmless}");
    }
}

/// Checks that the searched log has messages of panics.
#[test]
fn panic_message_is_logged() {
    let log = EVERYTHING.clone();
    let _ = catch_unwind(|| std::panic::panic_any("a message of somebody"));
    assert!(log.text().contains("a message of somebody"));
}
