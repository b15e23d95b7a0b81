//! No secret, assertion or token gets into a log, an error or a `Debug`.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials, DpopKey, PrivateKey};
use scopegate_issuer::{Algorithm, SigningKey};
use testkit::Log;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::level_filters::LevelFilter;

use crate::recorder::{Recorder, reply, token};

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, " {error} {error:?}").unwrap();
        cause = error.source();
    }
    text
}

/// Calls an API that names this scope in its challenge, and returns the status.
async fn call_api_that_needs(scope: &str, layer: &AddToken) -> StatusCode {
    let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
    let api = service_fn(move |_: Request<Empty<&'static [u8]>>| {
        let answer = Response::builder().status(403).header("www-authenticate", challenge.as_str());
        std::future::ready(Ok::<_, Infallible>(answer.body(()).unwrap()))
    });
    let request = Request::get("https://api.example/").body(Empty::new()).unwrap();
    layer.layer(api).oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn long_challenge_scopes_are_cut_in_log() {
    let log = Log::of_thread(LevelFilter::INFO);
    let server = Recorder::start(token("t", r#","scope":"a""#)).await;
    let client = ClientAuthentication::client_secret_basic("report", "s3cret");
    let credentials =
        ClientCredentials::builder(client).token_endpoint(server.endpoint()).scope("a").build().unwrap();
    let layer =
        AddToken::new(&credentials, "https://api.example").unwrap().with_step_up_to("b".parse().unwrap());
    assert_eq!(call_api_that_needs(&"x".repeat(8_000), &layer).await, 403);
    let logged = log.text();
    assert!(logged.contains("step-up skipped") && logged.contains("xxxx"));
    assert!(logged.lines().all(|line| line.len() < 500));
}

#[tokio::test]
async fn token_in_challenge_scopes_is_not_logged() {
    // FR-D9: an API can quote the token that it rejects.
    let log = Log::of_thread(LevelFilter::INFO);
    let server = Recorder::start(token("t0ken-text", "")).await;
    let client = ClientAuthentication::client_secret_basic("report", "s3cret");
    let credentials = ClientCredentials::builder(client).token_endpoint(server.endpoint()).build().unwrap();
    let layer =
        AddToken::new(&credentials, "https://api.example").unwrap().with_step_up_to("b".parse().unwrap());
    for scope in ["orders/admin", "T0KEN-TE"] {
        assert_eq!(call_api_that_needs(scope, &layer).await, 403);
    }
    let logged = log.text();
    assert_eq!(logged.matches("step-up skipped").count(), 2, "{logged}");
    assert!(logged.contains("orders/admin") && !logged.contains("T0KEN"), "{logged}");
}

#[tokio::test]
async fn quoted_secret_is_hidden_in_every_encoding() {
    // D18
    const SECRET: &str = r#"s3cret/+ "text"#;
    let client = || ClientAuthentication::client_secret_basic("report", SECRET);
    let server = Recorder::start(reply(503, "")).await;
    let credentials = ClientCredentials::builder(client()).token_endpoint(server.endpoint());
    let credentials = credentials.acquire_timeout(Duration::from_millis(400)).build().unwrap();
    credentials.token().await.unwrap_err();
    let header = server.requests()[0].header("authorization").unwrap().to_owned();
    let pair = header.trim_start_matches("Basic ").to_owned();
    let mut hex = String::new();
    SECRET.bytes().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
    let base64 = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let quotes = [
        SECRET.to_owned(),
        "s3cret%2F%2B+%22text".to_owned(),
        "s3cret%2f%2b%20%22text".to_owned(),
        "s3cret/+%20%22text".to_owned(),
        r#"s3cret/+ \"text"#.to_owned(),
        r#"s3cret\/+ \"text"#.to_owned(),
        pair.trim_end_matches('=').to_owned(),
        header,
        // FR-D9
        SECRET.to_uppercase(),
        "s3cret&#47;&#43; &quot;text".to_owned(),
        "S3CRET/+&#x20;".to_owned(),
        hex.to_uppercase(),
        hex,
        base64(SECRET.to_owned()),
        base64(format!("x:{SECRET}:x")),
        base64(format!("xy:{SECRET}:x")).replace('+', "-"),
        "…ret/+ \"…".to_owned(),
    ];
    for quote in quotes {
        let bad = format!("bad: {quote}.");
        let error_response = serde_json::json!({ "error": "invalid_client", "error_description": bad });
        let other_type = serde_json::json!({ "access_token": "t", "token_type": bad });
        let of_okta = serde_json::json!({ "errorCode": "E1", "errorSummary": bad });
        let nested = serde_json::json!({ "error": { "message": bad } });
        for answer in [
            reply(401, error_response.to_string()),
            reply(200, other_type.to_string()),
            reply(200, error_response.to_string()),
            reply(403, of_okta.to_string()),
            reply(429, nested.to_string()),
            reply(503, error_response.to_string()),
            reply(502, bad.clone()),
        ] {
            let server = Recorder::start(answer).await;
            let error = ClientCredentials::builder(client())
                .acquire_timeout(Duration::from_millis(400))
                .token_endpoint(server.endpoint())
                .build()
                .unwrap()
                .token()
                .await;
            let shown = with_causes(&error.unwrap_err());
            assert!(!shown.contains("bad"), "{shown}");
        }
    }
    // A description without a quoted secret is shown.
    let error_response = r#"{"error":"invalid_client","error_description":"bad: 100% secret"}"#;
    let server = Recorder::start(reply(401, error_response)).await;
    let error =
        ClientCredentials::builder(client()).token_endpoint(server.endpoint()).build().unwrap().token().await;
    assert!(with_causes(&error.unwrap_err()).contains("bad: 100% secret"));
}

#[tokio::test]
async fn secrets_are_not_logged_or_shown() {
    // D18
    const SECRET: &str = "s3cret/+text";
    const ENCODED: &str = "s3cret%2F%2Btext";
    const ASSERTION: &str = "eyJhbGciOiJFZERTQSJ9.e30.c2ln";
    let log = Log::of_thread(LevelFilter::TRACE);
    let key = PrivateKey::from_pem(&SigningKey::generate(Algorithm::EdDSA).private_key_pem()).unwrap();
    let mut shown = String::new();
    let mut secrets = [SECRET, ENCODED, ASSERTION, "t0ken-text"].map(ToOwned::to_owned).to_vec();
    for (client, quoted) in [
        (ClientAuthentication::client_secret_basic("report", SECRET), [SECRET, ENCODED]),
        (ClientAuthentication::client_secret_post("report", SECRET), [SECRET, ENCODED]),
        (ClientAuthentication::private_key_jwt("report", key), [ASSERTION, ASSERTION]),
    ] {
        let server = Recorder::start(reply(503, "")).await;
        let builder =
            ClientCredentials::builder(client).token_endpoint(format!("{}?key=qu3ry", server.endpoint()));
        let builder = builder.issuer("https://issuer.example").parameter("x", "par4meter");
        let builder = builder.acquire_timeout(Duration::from_secs(1)).scope("a");
        write!(shown, "{builder:?}").unwrap();
        let credentials = builder.build().unwrap();
        let quoting = |text: &str| {
            reply(400, format!(r#"{{"error":"invalid_client","error_description":"bad: {text}"}}"#))
        };
        // Each set of scopes has its own backoff.
        for (n, answer) in [
            token("t0ken-text", r#","expires_in":3600,"scope":"b""#),
            quoting(quoted[0]),
            quoting(quoted[1]),
            reply(200, r#"{"access_token":"t0ken-text","token_type":"mac"}"#),
            reply(200, r#"{"access_token":"t0ken-text","token_type":"Bearer","expires_in":"t0ken-text"}"#),
            token("t0ken-text", r#","scope":{"x":"t0ken-text"}"#),
            reply(200, r#"{"access_token":"t0ken-text t0ken-text","token_type":"Bearer"}"#),
            reply(200, "t0ken-text"),
            reply(302, "").with("location", "https://elsewhere.example/?t0ken-text"),
        ]
        .into_iter()
        .enumerate()
        {
            server.then([answer]);
            let credentials = credentials.for_scopes([format!("scope{n}")]).unwrap();
            match credentials.token().await {
                Ok(token) => {
                    write!(shown, "{token:?} {:?}", token.header_value()).unwrap();
                    credentials.reject(&token);
                }
                Err(error) => shown += &with_causes(&error),
            }
            let layer = AddToken::new(&credentials, "https://api.example").unwrap();
            write!(shown, "{credentials:?} {layer:?} {:?}", credentials.status()).unwrap();
        }
        for request in server.requests() {
            secrets.extend(request.parameter("client_assertion"));
            secrets.extend(request.header("authorization").map(|header| header.replace("Basic ", "")));
        }
    }
    secrets.extend(["qu3ry".to_owned(), "par4meter".to_owned()]);
    let logged = log.text();
    assert!(logged.contains("token received") && logged.contains("token request failed"), "{logged}");
    assert!(logged.contains("token lacks requested scopes") && logged.contains("token rejected by an API"));
    assert!(shown.contains("invalid_client") && shown.contains("report"));
    for secret in secrets {
        for line in logged.lines().filter(|line| line.contains(" scopegate_client")) {
            assert!(!line.contains(&secret), "logged: {secret}: {line}");
        }
        assert!(!shown.contains(&secret), "shown: {secret}");
    }
}

#[tokio::test]
async fn proofs_and_nonces_are_not_logged_or_shown() {
    // DP45, DP53
    const NONCE: &str = "n0nce-text";
    let log = Log::of_thread(LevelFilter::TRACE);
    let pem = SigningKey::generate(Algorithm::ES256).private_key_pem();
    let mut secrets: Vec<String> = vec![NONCE.to_owned(), "t0ken-text".to_owned()];
    secrets.extend(pem.lines().filter(|line| !line.starts_with('-')).map(ToOwned::to_owned));
    let mut shown = String::new();
    for key in [DpopKey::per_token(), DpopKey::from_pem(&pem).unwrap()] {
        let server =
            Recorder::start(reply(400, r#"{"error":"use_dpop_nonce"}"#).with("dpop-nonce", NONCE)).await;
        let client = ClientAuthentication::client_secret_basic("report", "s3cret");
        let builder = ClientCredentials::builder(client).token_endpoint(server.endpoint()).dpop(key.clone());
        write!(shown, "{key:?} {builder:?}").unwrap();
        let credentials = builder.build().unwrap();
        shown += &with_causes(&credentials.token().await.unwrap_err());
        let sent: Vec<String> =
            server.requests().iter().map(|request| request.header("dpop").unwrap().to_owned()).collect();
        let proof = sent.last().unwrap();
        let payload =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(proof.split('.').nth(1).unwrap());
        let claims: serde_json::Value = serde_json::from_slice(&payload.unwrap()).unwrap();
        // The server quotes the proof, its id and its nonce.
        for (n, quoted) in [proof.as_str(), claims["jti"].as_str().unwrap(), NONCE].into_iter().enumerate() {
            let error = format!(r#"{{"error":"invalid_dpop_proof","error_description":"bad: {quoted}"}}"#);
            server.then([reply(400, error)]);
            let credentials = credentials.for_scopes([format!("quoted{n}")]).unwrap();
            shown += &with_causes(&credentials.token().await.unwrap_err());
        }
        let token = r#"{"access_token":"t0ken-text","token_type":"DPoP"}"#;
        server.then([reply(200, token).with("dpop-nonce", NONCE)]);
        let credentials = credentials.for_scopes(["ok"]).unwrap();
        let token = credentials.token().await.unwrap();
        let proof = token.dpop_proof(&http::Method::GET, &"https://api.example/".parse().unwrap());
        let layer = AddToken::new(&credentials, "https://api.example").unwrap();
        write!(shown, "{token:?} {proof:?} {layer:?} {credentials:?} {:?}", credentials.status()).unwrap();
        secrets.extend(proof.unwrap().map(|proof| proof.to_str().unwrap().to_owned()));
        secrets.extend(sent);
    }
    let logged = log.text();
    assert!(logged.contains("token received") && logged.contains("token request failed"), "{logged}");
    assert!(shown.contains("use_dpop_nonce") && shown.contains("ES256"), "{shown}");
    for secret in secrets {
        for line in logged.lines().filter(|line| line.contains(" scopegate_client")) {
            assert!(!line.contains(&secret), "logged: {secret}: {line}");
        }
        assert!(!shown.contains(&secret), "shown: {secret}");
    }
}
