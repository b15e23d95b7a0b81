//! Which URLs does `allow_keys_without_tls` allow? `0.0.0.0` is not a loopback address by our
//! rules, although systems connect it to the local machine.

use std::error::Error as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;
use scopegate::{ConfigError, Error, Issuer, Verifier};
use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::json;
use testkit::{
    AUDIENCE, Authority, CLIENT, ISSUER, KEY, Log, NOW, builder_at, client_token, jwks, listen, read_request,
    response, rfc9068_token, serve_on, with_causes,
};
use tokio::io::AsyncWriteExt as _;
use tracing_subscriber::filter::LevelFilter;

const REALM: &str = "http://keycloak:8080/realms/a";
const EXPECTED: &str = "expected an https URL (http only on a loopback address, or on a network with \
                        `allow_keys_without_tls`) without fragment and user name";

fn start_lazy(issuer: Issuer) -> Result<Verifier, ConfigError> {
    Verifier::builder().trust(issuer).start_lazy()
}

/// Serves documents by their paths, and records the paths. Returns a URL that is not loopback.
async fn serve(documents: impl Fn(&str) -> Vec<(&'static str, String)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let (listener, url) = listen().await;
    let url = url.replace("127.0.0.1", "0.0.0.0");
    let (documents, asked) = (documents(&url), Arc::new(Mutex::new(Vec::new())));
    let requested = Arc::clone(&asked);
    let router = Router::new().fallback(async move |uri: Uri| {
        requested.lock().unwrap().push(uri.path().to_owned());
        match documents.iter().find(|(path, _)| *path == uri.path()) {
            Some((_, document)) => document.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    });
    serve_on(listener, router);
    (url, asked)
}

/// Serves the key set at `/keys` over TLS, and metadata that names `jwks_uri`: a path of this
/// server, or a URL.
async fn serve_with_tls(authority: &Authority, jwks_uri: &'static str) -> String {
    let listener = authority.listen("localhost", None).await;
    let origin = listener.url();
    let named = if jwks_uri.starts_with('/') { format!("{origin}{jwks_uri}") } else { jwks_uri.to_owned() };
    let metadata = metadata(&origin, &named);
    tokio::spawn(async move {
        loop {
            let mut stream = listener.accept().await;
            let is_keys = read_request(&mut stream).await.starts_with("GET /keys ");
            let body = if is_keys { jwks([KEY.jwk()]) } else { metadata.clone() };
            let response = response("200 OK", "connection: close\r\n", body.as_bytes());
            let _ = stream.write_all(&response).await;
            let _ = stream.shutdown().await;
        }
    });
    origin
}

fn metadata(issuer: &str, jwks_uri: &str) -> String {
    json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string()
}

#[tokio::test]
async fn http_on_network_is_accepted_with_waiver_only() {
    // FR-A15, FR-B4
    let of = |issuer: Issuer| issuer;
    for (setting, found, issuer) in [
        (
            "jwks_uri",
            "http://keys/x",
            of(Issuer::from_jwks_uri(ISSUER, "http://keys/x").unwrap().client("c")),
        ),
        (
            "jwks_uri",
            "http://keys/x",
            of(Issuer::keycloak(REALM).unwrap().audience("a").jwks_uri("http://keys/x")),
        ),
        (
            "jwks_uri",
            "http://10.0.0.1/x?…",
            of(Issuer::from_jwks_uri("a", "http://10.0.0.1/x?s").unwrap().client("c")),
        ),
        ("issuer", REALM, of(Issuer::keycloak(REALM).unwrap().audience("a"))),
        ("issuer", REALM, of(Issuer::from_metadata(REALM).unwrap().audience("a"))),
        ("issuer", REALM, of(Issuer::rfc9068(REALM).unwrap().audience("a"))),
        ("issuer", "http://hydra:4444/", of(Issuer::hydra("http://hydra:4444/").unwrap().client("c"))),
        ("issuer", "http://x/oauth2/a", of(Issuer::okta("http://x/oauth2/a").unwrap().audience("a"))),
        ("issuer", "http://cognito/p", of(Issuer::cognito_at("http://cognito/p").unwrap().client("c"))),
        (
            "issuer",
            "http://x.localhost",
            of(Issuer::from_metadata("http://x.localhost").unwrap().client("c")),
        ),
    ] {
        assert!(start_lazy(issuer.clone().allow_keys_without_tls()).is_ok(), "{issuer:?}");
        let error = start_lazy(issuer).unwrap_err();
        assert!(
            matches!(error, ConfigError::InvalidUrl { setting: named, .. } if named == setting),
            "{error:?}"
        );
        assert_eq!(error.to_string(), format!("{setting}: {EXPECTED}, found {found:?}"));
    }
}

#[tokio::test]
async fn waiver_does_not_mend_an_invalid_url() {
    // FR-A15: other faults are still errors of the constructor, or of the start for a setter
    for text in ["ftp://keys/x", "http://u:secret@keys/x", "http://keys/x#f", "http://keys/a b", "keys/x", ""]
    {
        let error = Issuer::from_jwks_uri(ISSUER, text).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidUrl { setting: "jwks_uri", .. }), "{text}: {error:?}");
        let error = Issuer::from_metadata(text).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidUrl { setting: "issuer", .. }), "{text}: {error:?}");
        let issuer = Issuer::from_metadata(REALM).unwrap().audience("a").allow_keys_without_tls();
        let error = start_lazy(issuer.jwks_uri(text)).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidUrl { setting: "jwks_uri", .. }), "{text}: {error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert!(Issuer::from_metadata("http://keycloak/?q").is_err());
}

#[tokio::test]
async fn name_that_is_not_fetched_needs_no_tls() {
    // FR-B4: only the URL that is fetched needs TLS
    let certs = "https://keycloak.example/realms/a/protocol/openid-connect/certs";
    for issuer in
        [Issuer::keycloak(REALM).unwrap().audience("a"), Issuer::from_metadata(REALM).unwrap().audience("a")]
    {
        assert!(start_lazy(issuer.clone()).is_err());
        assert!(start_lazy(issuer.clone().jwks_uri(certs)).is_ok());
        assert!(start_lazy(issuer.jwks(jwks([KEY.jwk()]))).is_ok());
    }
}

#[tokio::test]
#[cfg_attr(windows, ignore = "0.0.0.0 leads nowhere")]
async fn keys_are_fetched_without_tls_and_a_warning() {
    // FR-A15: one warning for each issuer; a secret in the query is not in it
    let log = Log::of_thread(LevelFilter::WARN);
    let (url, asked) = serve(|_| vec![("/keys", jwks([KEY.jwk()]))]).await;
    let jwks_uri = format!("{url}/keys?s3cret");
    let issuer = Issuer::from_jwks_uri(ISSUER, &jwks_uri).unwrap().client(CLIENT).allow_keys_without_tls();
    let verifier = builder_at(NOW).trust(issuer).start().await.unwrap();
    assert!(verifier.verify(client_token().sign_with(&KEY)).is_ok());
    let other = SigningKey::generate(Algorithm::RS256).with_kid(KEY.kid());
    let forged = verifier.verify(client_token().sign_with(&other));
    assert!(matches!(forged, Err(Error::BadSignature { .. })), "{forged:?}");
    verifier.refresh().await;
    assert_eq!(asked.lock().unwrap().len(), 2);
    let text = log.take();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in ["WARN", "keys are fetched without TLS", ISSUER, &format!("url=\"{url}/keys\"")] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // If the waiver has no effect, there is no warning.
    let loopback = jwks_uri.replace("0.0.0.0", "127.0.0.1");
    let issuer = Issuer::from_jwks_uri(ISSUER, &loopback).unwrap().client(CLIENT).allow_keys_without_tls();
    assert!(builder_at(NOW).trust(issuer).start().await.is_ok());
    assert_eq!(log.take(), "");
}

#[tokio::test]
#[cfg_attr(windows, ignore = "0.0.0.0 leads nowhere")]
async fn metadata_without_tls_may_name_keys_without_tls() {
    // FR-A15: the host does not exist, so the request is attempted and fails
    let (url, asked) = serve(|url| {
        let document = metadata(url, "http://keys.invalid/certs");
        vec![("/.well-known/openid-configuration", document)]
    })
    .await;
    let issuer = || Issuer::from_metadata(&url).unwrap().audience(AUDIENCE);
    let error = builder_at(NOW).trust(issuer().allow_keys_without_tls()).start().await.unwrap_err();
    assert!(
        matches!(&error, ConfigError::KeysNotFetched { url, .. } if url == "http://keys.invalid/certs"),
        "{error:?}"
    );
    assert!(with_causes(&error).contains("no connection"), "{}", with_causes(&error));
    assert_eq!(asked.lock().unwrap().len(), 2);
    assert!(matches!(start_lazy(issuer()), Err(ConfigError::InvalidUrl { setting: "issuer", .. })));
    // It may not name the local machine.
    let (url, _) = serve(|url| {
        vec![
            ("/.well-known/openid-configuration", metadata(url, &format!("{url}/keys"))),
            ("/keys", jwks([KEY.jwk()])),
        ]
    })
    .await;
    let issuer = Issuer::from_metadata(&url).unwrap().audience(AUDIENCE).allow_keys_without_tls();
    let error = builder_at(NOW).trust(issuer).start().await.unwrap_err();
    assert!(with_causes(&error).contains("`jwks_uri` is not an allowed URL"), "{}", with_causes(&error));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_with_tls_cannot_name_plain_keys() {
    // FR-A15: no downgrade; the same issuer with keys over TLS is accepted
    let authority = Authority::new();
    for (jwks_uri, is_accepted) in
        [("http://0.0.0.0:1/keys", false), ("http://keys.invalid/keys", false), ("/keys", true)]
    {
        let origin = serve_with_tls(&authority, jwks_uri).await;
        let issuer = Issuer::from_metadata(&origin).unwrap().audience(AUDIENCE).allow_keys_without_tls();
        let builder = builder_at(NOW).trust(issuer).root_certificates(authority.pem());
        match builder.start().await {
            Ok(verifier) => {
                assert!(is_accepted, "{jwks_uri}");
                assert!(verifier.verify(rfc9068_token().claim("iss", origin).sign_with(&KEY)).is_ok());
            }
            Err(error) => {
                assert!(!is_accepted, "{jwks_uri}: {}", with_causes(&error));
                let source = error.source().unwrap().to_string();
                assert!(source.contains("`jwks_uri` is not an allowed URL"), "{source}");
            }
        }
    }
}
