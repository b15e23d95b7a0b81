//! Which responses of an issuer are accepted as its JWKS, and over which connections? These tests
//! have their own server, because the local issuer cannot send such responses.
//! docs/generated/conformance.md has the row ids (B12, …).

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::net::TcpListener as StdListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse as _;
use scopegate::{ConfigError, Error, Issuer, Verifier};
use scopegate_issuer::{Algorithm, Fault, LocalIssuer, SigningKey};
use serde_json::json;
use testkit::{
    Authority, CLIENT, ISSUER, NOW, builder_at, builder_trusting, client_token, jwks, read_request, response,
    with_causes,
};
use tokio::io::AsyncWriteExt as _;

async fn start(jwks_uri: &str) -> Result<Verifier, ConfigError> {
    let issuer = Issuer::from_jwks_uri(ISSUER, jwks_uri).unwrap().client(CLIENT);
    builder_at(NOW).trust(issuer).start().await
}

/// Serves a text with this media type. Returns its URL.
async fn serve(media_type: Option<&'static str>, text: String) -> String {
    let router = Router::new().fallback(async move || {
        let mut response = text.into_response();
        response.headers_mut().remove(header::CONTENT_TYPE);
        if let Some(media_type) = media_type {
            response.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        }
        response
    });
    testkit::serve(router).await
}

#[tokio::test]
async fn fetched_key_of_another_issuer_is_skipped() {
    // FR-B7
    let (ours, other) = (SigningKey::generate(Algorithm::ES256), SigningKey::generate(Algorithm::ES256));
    let of = |key: &SigningKey, kid: &str, issuer: &str| {
        let mut jwk = key.clone().with_kid(kid).jwk();
        jwk["issuer"] = issuer.into();
        jwk
    };
    let keys = jwks([of(&ours, "ours", ISSUER), of(&other, "other", "https://other.example")]);
    let verifier = start(&serve(None, keys).await).await.unwrap();
    assert!(verifier.verify(client_token().sign_with(&ours.clone().with_kid("ours"))).is_ok());
    let rejected = verifier.verify(client_token().sign_with(&other.with_kid("other"))).unwrap_err();
    assert!(matches!(rejected, Error::UnknownKey { .. }), "{rejected:?}");
    assert!(
        rejected.to_string().ends_with("is not used: it has the `issuer` of another issuer"),
        "{rejected}"
    );
}

#[tokio::test]
async fn media_type_of_jwks_is_ignored() {
    // B12
    let key = SigningKey::generate(Algorithm::ES256);
    let published = jwks([key.jwk()]);
    let page = "<!doctype html><html><title>Sign in</title></html>".to_owned();
    for media_type in [
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("application/jwk-set+json"),
        Some("text/plain"),
        Some("application/octet-stream"),
        Some("text/html"),
        None,
    ] {
        let verifier = start(&serve(media_type, published.clone()).await).await.unwrap();
        assert!(verifier.verify(client_token().sign_with(&key)).is_ok(), "{media_type:?}");
        let error = start(&serve(media_type, page.clone()).await).await.unwrap_err();
        assert!(error.source().unwrap().to_string().contains("not one JSON object"), "{media_type:?}");
    }
}

#[tokio::test]
async fn usable_keys_of_mixed_jwks_are_used() {
    // B02, B11: one set with all kinds of keys that issuers publish
    let (good, other) = (SigningKey::generate(Algorithm::RS256), SigningKey::generate(Algorithm::ES256));
    let changed = |key: &SigningKey, member: &str, value: &str| {
        let mut jwk = key.jwk();
        jwk[member] = json!(value);
        jwk["kid"] = json!(format!("{member}-{value}"));
        jwk
    };
    let secret = "c2VjcmV0IHNlY3JldA";
    let mut with_secret = changed(&good, "d", secret);
    // The error shows the ids.
    with_secret["kid"] = json!("private");
    let published = json!({ "keys": [
        { "kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AQAB" },
        { "kty": "OKP", "crv": "X25519", "kid": "x25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
        { "kty": "OKP", "crv": "Ed448", "kid": "ed448", "x": "X9dEm1m0Yf0s54fsYWrUah2hNCSFpw4fig6nXYDpZ3jt8SR2m0bHBhvWeD3x5Q9s0foavq_oJWGA" },
        changed(&other, "crv", "secp256k1"),
        { "kty": "oct", "kid": "oct", "k": secret },
        changed(&good, "n", "AQAB"),
        changed(&good, "use", "enc"),
        with_secret,
        good.jwk(),
    ] });
    let verifier = start(&serve(Some("application/json"), published.to_string()).await).await.unwrap();
    assert!(verifier.verify(client_token().sign_with(&good)).is_ok());
    let unusable = verifier.verify(client_token().sign_with(&good.clone().with_kid("use-enc")));
    assert!(matches!(unusable, Err(Error::UnknownKey { .. })), "{unusable:?}");
    let status = verifier.status();
    assert_eq!(status.issuers()[0].key_ids, [good.kid()]);
    // FR-A17: skipped keys are logged with the reason, and the error has the reason too.
    let skipped = &status.issuers()[0].skipped_keys;
    assert_eq!(skipped.len(), 8);
    assert_eq!((skipped[6].position, skipped[6].key_id.as_deref()), (6, Some("use-enc")));
    assert_eq!(skipped[6].reason, "is not for verifying signatures");
    let error = unusable.unwrap_err().to_string();
    assert!(
        error.contains(r#"with `kid` "use-enc" is not used: it is not for verifying signatures"#),
        "{error}"
    );
    let unpublished = verifier.verify(client_token().sign_with(&good.clone().with_kid("gone"))).unwrap_err();
    assert!(unpublished.to_string().contains(r#"publishes no RS256 key with `kid` "gone""#), "{unpublished}");
    assert!(!format!("{verifier:?} {status:?}").contains(secret));
}

#[tokio::test]
async fn urls_in_token_header_are_never_fetched() {
    // A17: a server listens at each of these URLs, and gets no request
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let own = SigningKey::generate(Algorithm::RS256);
    let bringing = local
        .mint()
        .header("jku", url.as_str())
        .header("x5u", url.as_str())
        .header("jwk", own.jwk())
        .header("x5c", json!(["bm90IGEgY2VydGlmaWNhdGU="]));
    assert!(verifier.verify_or_refresh(&bringing.sign()).await.is_ok());
    let kid = local.default_pool().signing_key().kid().to_owned();
    for (key, matching) in [(own.clone().with_kid(kid), true), (own.clone(), false)] {
        let rejected = verifier.verify_or_refresh(&bringing.sign_with(&key)).await.unwrap_err();
        assert_eq!(matches!(rejected, Error::BadSignature { .. }), matching, "{rejected:?}");
    }
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::WouldBlock);
}

/// The variable with the URLs that a child process tries.
const GOOD: &str = "SCOPEGATE_TEST_GOOD_CERTIFICATE";
const WRONG_NAME: &str = "SCOPEGATE_TEST_WRONG_NAME";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "elsewhere the system's authorities are not read from the environment"
)]
async fn untrusted_certificate_is_rejected_and_reported() {
    // B14: the same server, with and without its authority in the system's trust store. The
    // environment of a process chooses the store, so the second half runs in another process.
    let authority = Authority::new();
    let trusted = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authority.pem");
    std::fs::write(&trusted, authority.pem()).unwrap();
    let good = serve_with_tls(&authority, "localhost").await;
    let wrong_name = serve_with_tls(&authority, "other.example").await;

    let error = start(&good).await.unwrap_err();
    assert!(with_causes(&error).contains("certificate"), "{}", with_causes(&error));

    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args([
            "--exact",
            "keys::fetch::certificate_of_trusted_authority_is_accepted",
            "--ignored",
            "--nocapture",
        ])
        .env("SSL_CERT_FILE", trusted)
        .env_remove("SSL_CERT_DIR")
        .envs([(GOOD, good), (WRONG_NAME, wrong_name)]);
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_authority_is_trusted_if_configured() {
    // FR-A14, FR-A12: without the setting, log and status have the reason of the rejection.
    let (private, other) = (Authority::new(), Authority::new());
    let good = serve_with_tls(&private, "localhost").await;
    let builder = |pem: &str| {
        let issuer = Issuer::from_jwks_uri(ISSUER, &good).unwrap().client(CLIENT);
        builder_at(NOW).trust(issuer).root_certificates(pem)
    };
    assert!(builder(&private.pem()).start().await.is_ok());
    assert!(builder(&format!("{}{}", other.pem(), private.pem())).start().await.is_ok());
    let error = builder(&other.pem()).start().await.unwrap_err();
    assert!(with_causes(&error).contains("invalid peer certificate"), "{}", with_causes(&error));
    let verifier = builder(&other.pem()).start_lazy().unwrap();
    while verifier.status().issuers()[0].fetches_failed == 0 {
        tokio::task::yield_now().await;
    }
    let failure = verifier.status().issuers()[0].last_failure.clone().unwrap();
    assert!(
        failure.starts_with("no TLS connection: ") && failure.contains("invalid peer certificate"),
        "{failure}"
    );
    for wrong in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = builder(wrong).start().await.unwrap_err();
        assert!(matches!(error, ConfigError::HttpClient { .. }), "{}", with_causes(&error));
        assert!(with_causes(&error).contains("root certificate"), "{}", with_causes(&error));
    }
}

#[tokio::test]
async fn fetch_timeout_is_configurable() {
    // FR-A14
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Delay(Duration::from_millis(600)));
    let error = builder_trusting(&local).fetch_timeout(Duration::from_millis(200)).start().await.unwrap_err();
    assert!(with_causes(&error).contains("no complete response within 0.2 s"), "{}", with_causes(&error));
    assert!(builder_trusting(&local).fetch_timeout(Duration::from_secs(30)).start().await.is_ok());
    for (timeout, is_valid) in [(99, false), (100, true), (30_000, true), (30_001, false)] {
        let started = builder_trusting(&local).fetch_timeout(Duration::from_millis(timeout)).start_lazy();
        assert_eq!(started.is_ok(), is_valid, "{timeout}");
        if let Err(error) = started {
            assert!(
                error.to_string().starts_with("fetch timeout: expected 100 ms to 30 s, found "),
                "{error}"
            );
        }
    }
}

#[tokio::test]
#[ignore = "is run by another test, as a process of its own"]
async fn certificate_of_trusted_authority_is_accepted() {
    let (Ok(good), Ok(wrong_name)) = (std::env::var(GOOD), std::env::var(WRONG_NAME)) else {
        panic!("run untrusted_certificate_is_rejected_and_reported instead");
    };
    assert!(start(&good).await.is_ok());
    let error = start(&wrong_name).await.unwrap_err();
    assert!(with_causes(&error).contains("certificate"), "{}", with_causes(&error));
}

/// Serves a key set over TLS with a certificate for this name. Returns its URL at `localhost`.
async fn serve_with_tls(authority: &Authority, name: &str) -> String {
    let listener = authority.listen(name, None).await;
    let url = listener.url();
    let body = jwks([SigningKey::generate(Algorithm::ES256).jwk()]);
    let answer = response("200 OK", "connection: close\r\n", body.as_bytes());
    tokio::spawn(async move {
        loop {
            let mut stream = listener.accept().await;
            read_request(&mut stream).await;
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}
