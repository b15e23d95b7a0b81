//! Which requests carry the credentials of `keys_authorization`, and what happens without them?

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use scopegate::{ConfigError, Error, FetchAuthorization, Issuer, RefreshOutcome, Verifier};
use serde_json::json;
use testkit::{CLIENT, ISSUER, KEY, Log, NOW, builder_at, client_token, jwks, listen, serve_on, with_causes};
use tracing_subscriber::filter::LevelFilter;

/// A server with a key set at `/keys`, and metadata that names another URL for it. It records the
/// path and the header of each request.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(jwks_uri: Option<&str>) -> Self {
        let (listener, url) = listen().await;
        let jwks_uri = jwks_uri.map_or_else(|| format!("{url}/keys"), str::to_owned);
        let metadata = json!({ "issuer": url, "jwks_uri": jwks_uri }).to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&requests);
        let router = Router::new().fallback(async move |uri: Uri, headers: HeaderMap| {
            let values = headers.get_all(header::AUTHORIZATION);
            let values: Vec<_> = values.iter().map(|value| value.to_str().unwrap()).collect();
            recorded.lock().unwrap().push(format!("{} {}", uri.path(), values.join(",")));
            match uri.path() {
                "/keys" => jwks([KEY.jwk()]).into_response(),
                "/.well-known/openid-configuration" => metadata.into_response(),
                _ => StatusCode::NOT_FOUND.into_response(),
            }
        });
        serve_on(listener, router);
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    fn trusted_with(&self, authorization: FetchAuthorization) -> Issuer {
        let issuer = Issuer::from_jwks_uri(ISSUER, &format!("{}/keys", self.url)).unwrap();
        issuer.client(CLIENT).keys_authorization(authorization)
    }
}

/// A file of this test only.
fn token_file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("token-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[tokio::test]
async fn token_file_is_read_anew_for_each_fetch() {
    // FR-A14: Kubernetes replaces the file
    let (server, file) = (Server::start(None).await, token_file("replaced"));
    std::fs::write(&file, "first\n").unwrap();
    let issuer = server.trusted_with(FetchAuthorization::bearer_file(&file));
    let verifier = builder_at(NOW).trust(issuer).start().await.unwrap();
    assert_eq!(server.requests(), ["/keys Bearer first"]);
    std::fs::write(&file, "second").unwrap();
    let outcomes = verifier.refresh().await;
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, RefreshOutcome::Unchanged)), "{outcomes:?}");
    assert_eq!(server.requests(), ["/keys Bearer second"]);
    assert!(verifier.verify(client_token().sign_with(&KEY)).is_ok());
    // Without the setting, there is no header.
    let public = Issuer::from_jwks_uri(ISSUER, &format!("{}/keys", server.url)).unwrap().client(CLIENT);
    builder_at(NOW).trust(public).start().await.unwrap();
    assert_eq!(server.requests(), ["/keys "]);
}

#[tokio::test]
async fn missing_token_file_is_reported_as_unavailable_keys() {
    // FR-A14
    let (server, file) = (Server::start(None).await, token_file("missing"));
    let issuer = || server.trusted_with(FetchAuthorization::bearer_file(&file));
    let shown = format!("no credentials from {}", file.display());
    let verifier = builder_at(NOW).trust(issuer()).start_lazy().unwrap();
    while verifier.status().issuers()[0].fetches_failed == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let failure = verifier.status().issuers()[0].last_failure.clone().unwrap();
    assert!(failure.starts_with(&format!("{shown}: ")), "{failure}");
    let unavailable = verifier.verify(client_token().sign_with(&KEY)).unwrap_err();
    assert!(matches!(unavailable, Error::KeysUnavailable { .. }), "{unavailable:?}");
    // If the file has no valid token, the error has the reason and not the content.
    for (content, reason) in [
        (&b"two s3cret words"[..], "expected a token in printable ASCII without spaces"),
        (b"s3cret\xff", "UTF-8"),
        (b" \n", "found an empty file"),
    ] {
        std::fs::write(&file, content).unwrap();
        let error = builder_at(NOW).trust(issuer()).start().await.unwrap_err();
        assert!(matches!(error, ConfigError::KeysNotFetched { .. }), "{error:?}");
        let text = with_causes(&error);
        assert!(text.contains(&shown) && text.contains(reason), "{text}");
        assert!(!format!("{text} {error:?}").contains("s3cret"), "{text}");
    }
    assert!(server.requests().is_empty());
    std::fs::write(&file, "token").unwrap();
    assert!(builder_at(NOW).trust(issuer()).start().await.is_ok());
}

#[tokio::test]
async fn credentials_are_sent_to_the_configured_origin_only() {
    // FR-A14
    let file = token_file("origin");
    std::fs::write(&file, "token").unwrap();
    let (own, other) = (Server::start(None).await, Server::start(None).await);
    let pointing = Server::start(Some(&format!("{}/keys", other.url))).await;
    let issuer = |server: &Server| {
        let issuer = Issuer::from_metadata(&server.url).unwrap().client(CLIENT);
        issuer.keys_authorization(FetchAuthorization::bearer_file(&file))
    };
    assert!(Verifier::builder().trust(issuer(&own)).start().await.is_ok());
    let metadata = [
        "/.well-known/oauth-authorization-server Bearer token",
        "/.well-known/openid-configuration Bearer token",
    ];
    assert_eq!(own.requests(), [&metadata[..], &["/keys Bearer token"]].concat());
    // Another port is another server.
    assert!(Verifier::builder().trust(issuer(&pointing)).start().await.is_ok());
    assert_eq!(pointing.requests(), metadata);
    assert_eq!(other.requests(), ["/keys "]);
    // If the URL is configured, it gets them.
    let configured = issuer(&pointing).jwks_uri(format!("{}/keys", other.url));
    assert!(Verifier::builder().trust(configured).start().await.is_ok());
    assert_eq!((pointing.requests(), other.requests()), (vec![], vec!["/keys Bearer token".to_owned()]));
}

#[tokio::test]
async fn callback_is_called_for_each_request() {
    // FR-A14
    let server = Server::start(None).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let callback = FetchAuthorization::callback(move || {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        async move { HeaderValue::try_from(format!("Basic {call}")) }
    });
    let verifier = builder_at(NOW).trust(server.trusted_with(callback)).start().await.unwrap();
    verifier.refresh().await;
    assert_eq!(server.requests(), ["/keys Basic 0", "/keys Basic 1"]);
    let failing = FetchAuthorization::callback(|| async {
        Err::<HeaderValue, _>(std::io::Error::other("vault is sealed"))
    });
    let error = builder_at(NOW).trust(server.trusted_with(failing)).start().await.unwrap_err();
    assert!(
        with_causes(&error).ends_with("the callback for credentials failed: vault is sealed"),
        "{}",
        with_causes(&error)
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn credentials_are_not_sent_without_tls() {
    // FR-A14, FR-A15: the waiver is for public keys
    let start = |issuer: Issuer| Verifier::builder().trust(issuer).start_lazy();
    let bearer = || FetchAuthorization::bearer_file("token");
    for issuer in [
        Issuer::from_jwks_uri(ISSUER, "http://keys:8080/x").unwrap().client(CLIENT),
        Issuer::from_metadata("http://issuer:8080").unwrap().client(CLIENT),
        Issuer::keycloak("http://keycloak:8080/realms/a").unwrap().client(CLIENT),
    ] {
        assert!(start(issuer.clone().allow_keys_without_tls()).is_ok());
        for issuer in [issuer.clone().allow_keys_without_tls(), issuer] {
            let error = start(issuer.keys_authorization(bearer())).unwrap_err();
            assert!(matches!(error, ConfigError::InvalidUrl { .. }), "{error:?}");
            assert!(
                error.to_string().contains("because `keys_authorization` sends credentials to it"),
                "{error}"
            );
        }
    }
    let issuer = |url: &str| Issuer::from_jwks_uri(ISSUER, url).unwrap().client(CLIENT);
    for url in ["https://keys:8080/x", "http://localhost:1/x"] {
        assert!(start(issuer(url).keys_authorization(bearer())).is_ok());
        let unnamed = issuer(url).keys_authorization(FetchAuthorization::bearer_file(""));
        let error = start(unnamed).unwrap_err().to_string();
        assert_eq!(error, r#"keys_authorization: expected the path of a token file, found """#);
    }
}

#[tokio::test]
async fn credentials_are_neither_shown_nor_logged() {
    // FR-A14
    let log = Log::of_thread(LevelFilter::TRACE);
    let (server, file) = (Server::start(None).await, token_file("secret"));
    std::fs::write(&file, "s3cret").unwrap();
    let callback = || FetchAuthorization::callback(|| async { HeaderValue::from_str("Basic s3cret") });
    for authorization in [FetchAuthorization::bearer_file(&file), callback()] {
        let builder = builder_at(NOW).trust(server.trusted_with(authorization.clone()));
        let shown = format!("{authorization:?} {builder:?}");
        let verifier = builder.start().await.unwrap();
        let shown = format!("{shown} {verifier:?} {:?} {}", verifier.status(), log.take());
        assert!(shown.contains("keys fetched"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(server.requests().len(), 1);
    }
    assert!(format!("{:?}", FetchAuthorization::bearer_file("/run/token")).contains("/run/token"));
}
