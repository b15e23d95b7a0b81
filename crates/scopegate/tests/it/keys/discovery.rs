//! How does discovery find the key set of an issuer?

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use scopegate::{ConfigError, Issuer, Verifier};
use scopegate_issuer::{Algorithm, LocalIssuer, Mint, SigningKey};
use serde_json::json;
use testkit::{LOCAL_CLIENT, jwks, listen, pass, serve_on};

#[tokio::test]
async fn issuer_is_discovered_by_its_identifier() {
    let local = LocalIssuer::start().await.unwrap();
    let issuer = Issuer::from_metadata(local.issuer()).unwrap().client(LOCAL_CLIENT);
    let verifier = Verifier::builder().trust(issuer).start().await.unwrap();
    assert!(verifier.verify(local.mint().sign()).is_ok());
    local.rotate();
    assert!(verifier.verify_or_refresh(&local.mint().sign()).await.is_ok());
    assert_eq!(local.jwks_fetches(), 2);
}

/// A server that serves some paths, and records the requested ones.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `documents` maps the URL of the server to the paths that it serves, each with its document.
    async fn start(documents: impl Fn(&str) -> Vec<(&'static str, String)>) -> Self {
        let (listener, url) = listen().await;
        let (documents, asked) = (documents(&url), Arc::new(Mutex::new(Vec::new())));
        let requested = Arc::clone(&asked);
        let router = Router::new().fallback(async move |uri: Uri| {
            requested.lock().unwrap().push(uri.path().to_owned());
            match documents.iter().find(|(path, _)| *path == uri.path()) {
                Some((_, document)) if document.starts_with("http") => {
                    (StatusCode::FOUND, [(header::LOCATION, document.clone())]).into_response()
                }
                Some((_, document)) => document.clone().into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            }
        });
        serve_on(listener, router);
        Self { url, asked }
    }

    async fn discover(&self, path: &str) -> Result<Verifier, ConfigError> {
        let issuer = Issuer::from_metadata(&format!("{}{path}", self.url)).unwrap().audience("api");
        Verifier::builder().trust(issuer).start().await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

const RFC_8414: &str = "/.well-known/oauth-authorization-server/t1";
const OIDC: &str = "/t1/.well-known/openid-configuration";
const OIDC_INSERTED: &str = "/.well-known/openid-configuration/t1";

fn keys() -> String {
    jwks([SigningKey::generate(Algorithm::ES256).jwk()])
}

fn metadata(issuer: &str, jwks_uri: &str) -> String {
    json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string()
}

#[tokio::test]
async fn three_metadata_urls_are_tried_in_order() {
    // F02, F03
    for (place, order) in [(RFC_8414, 1), (OIDC, 2), (OIDC_INSERTED, 3)] {
        let server = Server::start(|url| {
            let document = metadata(&format!("{url}/t1"), &format!("{url}//keys"));
            vec![(place, document), ("//keys", keys())]
        })
        .await;
        assert!(server.discover("/t1").await.is_ok());
        let expected = [RFC_8414, OIDC, OIDC_INSERTED].into_iter().take(order).chain(["//keys"]);
        assert_eq!(server.asked(), expected.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn metadata_urls_have_neither_final_slash_nor_repetition() {
    // F02, F03: without a path, the last two URLs are equal, and fetched once
    let nothing = Server::start(|_| vec![]).await;
    for (path, asked) in [
        ("/t1", vec![RFC_8414, OIDC, OIDC_INSERTED]),
        ("/t1/", vec![RFC_8414, OIDC, OIDC_INSERTED]),
        ("", vec!["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]),
        ("/", vec!["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]),
    ] {
        assert!(nothing.discover(path).await.is_err());
        assert_eq!(std::mem::take(&mut *nothing.asked.lock().unwrap()), asked, "{path:?}");
    }
    for path in ["", "/", "/t1/"] {
        let place = if path == "/t1/" { RFC_8414 } else { "/.well-known/oauth-authorization-server" };
        let server = Server::start(|url| {
            let document = metadata(&format!("{url}{path}"), &format!("{url}/keys"));
            vec![(place, document), ("/keys", keys())]
        })
        .await;
        assert!(server.discover(path).await.is_ok(), "{path:?}");
        assert_eq!(server.asked(), [place, "/keys"], "{path:?}");
    }
}

#[tokio::test]
async fn wrong_document_does_not_end_discovery() {
    // F04, F05: LemonLDAP::NG serves a sign-in page
    for wrong in [
        "<!doctype html><title>Sign in</title>",
        "",
        "{}",
        "[]",
        r#"{"issuer":"https://other.example"}"#,
        r#"{"issuer":"https://other.example","jwks_uri":"https://other.example/keys"}"#,
        "http://127.0.0.1:1/redirects/are/not/followed",
    ] {
        let server = Server::start(|url| {
            let right = metadata(&format!("{url}/t1"), &format!("{url}/keys"));
            vec![(RFC_8414, wrong.to_owned()), (OIDC, right), ("/keys", keys())]
        })
        .await;
        assert!(server.discover("/t1").await.is_ok(), "{wrong}");
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_is_rejected() {
    // F04, W13
    let server = Server::start(|url| {
        vec![(RFC_8414, metadata(&format!("{url}/t1"), &format!("{url}/keys"))), ("/keys", keys())]
    })
    .await;
    assert!(server.discover("/t1").await.is_ok());
    let error = server.discover("/t1/").await.unwrap_err();
    let source = error.source().unwrap().to_string();
    assert!(source.contains("`issuer` is not exactly the configured issuer"), "{source}");
    assert!(source.contains(&format!("{:?}", format!("{}/t1", server.url))), "{source}");
}

#[tokio::test]
async fn metadata_without_usable_jwks_uri_is_rejected() {
    // F05, F06
    for jwks_uri in [json!(null), json!(1), json!("/keys"), json!("http://issuer.example/keys"), json!("")] {
        let server = Server::start(|url| {
            let document = json!({ "issuer": format!("{url}/t1"), "jwks_uri": jwks_uri, "more": 1 });
            vec![(RFC_8414, document.to_string())]
        })
        .await;
        let error = server.discover("/t1").await.unwrap_err();
        let source = error.source().unwrap().to_string();
        assert!(source.contains("`jwks_uri`"), "{source}");
        assert_eq!(server.asked(), [RFC_8414, OIDC, OIDC_INSERTED]);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    // B22: neither to another server nor on the same one
    let elsewhere = Server::start(|_| vec![("/keys", keys())]).await;
    let redirecting = format!("{}/keys", elsewhere.url);
    let server = Server::start(|url| {
        vec![
            (RFC_8414, metadata(&format!("{url}/t1"), &format!("{url}/keys"))),
            ("/keys", redirecting.clone()),
        ]
    })
    .await;
    let error = server.discover("/t1").await.unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "expected status 200, found 302");
    assert!(
        error.to_string().ends_with(&format!(" from {}/keys", server.url)),
        "what was asked is named: {error}"
    );
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn algorithms_listed_in_metadata_are_ignored() {
    // A10
    let key = SigningKey::generate(Algorithm::ES256);
    let published = jwks([key.jwk()]);
    let server = Server::start(|url| {
        let document = json!({
            "issuer": format!("{url}/t1"),
            "jwks_uri": format!("{url}/keys"),
            "id_token_signing_alg_values_supported": ["none", "HS256"],
        });
        vec![(RFC_8414, document.to_string()), ("/keys", published.clone())]
    })
    .await;
    let verifier = server.discover("/t1").await.unwrap();
    let token =
        Mint::cognito(&format!("{}/t1", server.url), "c").without_claim("token_use").claim("aud", "api");
    assert!(verifier.verify(token.sign_with(&key)).is_ok());
    assert!(verifier.verify(token.clone().alg("none").sign_with(&key)).is_err());
    assert!(verifier.verify(token.alg("HS256").sign_with(&key)).is_err());
}

/// An issuer whose keys move: both addresses write the same entity tag, as counters do.
#[tokio::test]
async fn etag_is_not_sent_to_another_url() {
    let (old, new) = (SigningKey::generate(Algorithm::ES256), SigningKey::generate(Algorithm::ES256));
    let moved = Arc::new(AtomicBool::new(false));
    let (listener, url) = listen().await;
    let (issuer, is_moved) = (url.clone(), Arc::clone(&moved));
    let sets = [&old, &new].map(|key| jwks([key.jwk()]));
    let router = Router::new().fallback(async move |uri: Uri, headers: HeaderMap| {
        let moved = is_moved.load(Ordering::SeqCst);
        let [old_set, new_set] = &sets;
        let (set, here) = match uri.path() {
            "/old" => (old_set, !moved),
            "/new" => (new_set, moved),
            "/.well-known/oauth-authorization-server" => {
                let keys = if moved { "new" } else { "old" };
                return metadata(&issuer, &format!("{issuer}/{keys}")).into_response();
            }
            _ => return StatusCode::NOT_FOUND.into_response(),
        };
        let tag = [(header::ETAG, "\"1\"")];
        match headers.get(header::IF_NONE_MATCH) {
            _ if !here => StatusCode::BAD_GATEWAY.into_response(),
            Some(_) => (StatusCode::NOT_MODIFIED, tag).into_response(),
            None => (tag, set.clone()).into_response(),
        }
    });
    serve_on(listener, router);

    let trusted = Issuer::from_metadata(&url).unwrap().client("c");
    let verifier = Verifier::builder().trust(trusted).start().await.unwrap();
    let token = |key: &SigningKey| Mint::cognito(&url, "c").without_claim("token_use").sign_with(key);
    assert!(verifier.verify(token(&old)).is_ok());
    moved.store(true, Ordering::SeqCst);
    // The first attempt fails at the old URL, and the second one finds the new URL.
    assert!(verifier.verify_or_refresh(&token(&new)).await.is_err());
    pass(Duration::from_secs(2)).await;
    while verifier.status().issuers().iter().any(|issuer| issuer.last_failure.is_some()) {
        tokio::task::yield_now().await;
    }
    assert!(verifier.verify(token(&new)).is_ok());
    assert!(verifier.verify(token(&old)).is_err());
}

#[tokio::test]
async fn keys_are_fetched_while_metadata_is_unavailable() {
    let local = LocalIssuer::start().await.unwrap();
    let jwks_uri = local.jwks_uri();
    let gone = Arc::new(AtomicBool::new(false));
    let (listener, url) = listen().await;
    let (issuer, is_gone) = (url.clone(), Arc::clone(&gone));
    let router = Router::new().fallback(async move || {
        if is_gone.load(Ordering::SeqCst) {
            StatusCode::BAD_GATEWAY.into_response()
        } else {
            metadata(&issuer, &jwks_uri).into_response()
        }
    });
    serve_on(listener, router);

    let trusted = Issuer::from_metadata(&url).unwrap().client(LOCAL_CLIENT);
    let verifier = Verifier::builder().trust(trusted).start().await.unwrap();
    gone.store(true, Ordering::SeqCst);
    local.fail_next(1, scopegate_issuer::Fault::Status(502));
    local.rotate();
    let token = local.mint().claim("iss", url.as_str()).without_claim("token_use").sign();
    assert!(verifier.verify_or_refresh(&token).await.is_err());
    pass(Duration::from_secs(2)).await;
    while verifier.verify(&token).is_err() {
        tokio::task::yield_now().await;
    }
}
