//! Assertions that a third party signs, which are read or requested again for each token request.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scopegate_client::{
    AssertionSource, ClientAuthError, ClientAuthentication, ClientCredentials, ClientCredentialsBuilder,
    ConfigError, Error, Secret,
};

use crate::recorder::{Recorder, reply, token};

const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

/// A file that is deleted at the end of the test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("scopegate-{}-{name}", std::process::id())))
    }

    fn write(&self, text: impl AsRef<[u8]>) {
        fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn at(server: &Recorder, source: AssertionSource) -> ClientCredentialsBuilder {
    let client = ClientAuthentication::client_assertion("report", source);
    // Too short for a second attempt.
    ClientCredentials::builder(client)
        .token_endpoint(server.endpoint())
        .acquire_timeout(Duration::from_millis(400))
}

fn reason(error: &Error) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

#[tokio::test]
async fn file_is_read_for_each_request() {
    // FR-D5
    let (server, file) = (Recorder::start(token("t", "")).await, File::new("read"));
    let credentials = at(&server, AssertionSource::file(&file.0)).build().unwrap();
    for (n, assertion) in ["eyJ.one.c2ln", "eyJ.two.c2ln"].into_iter().enumerate() {
        file.write(format!("{assertion}\n"));
        credentials.for_scopes([format!("scope{n}")]).unwrap().token().await.unwrap();
        let request = &server.requests()[n];
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.parameter("client_id").unwrap(), "report");
        assert_eq!(request.parameter("client_assertion").unwrap(), assertion);
        let kind = request.parameter("client_assertion_type").unwrap();
        assert_eq!(kind, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    }
}

#[tokio::test]
async fn missing_assertion_sends_no_request_and_may_recover() {
    // FR-D5
    let (server, file) = (Recorder::start(token("t", "")).await, File::new("missing"));
    let credentials = at(&server, AssertionSource::file(&file.0)).build().unwrap();
    let error = credentials.token().await.unwrap_err();
    let Error::NoAssertion { retry_after, .. } = &error else { panic!("{error:?}") };
    assert!(*retry_after > Duration::ZERO, "it is retried");
    assert_eq!(reason(&error), "the assertion file could not be read");
    assert!(error.to_string().starts_with("no client assertion; next attempt in "), "{error}");
    file.write("");
    let error = credentials.for_scopes(["empty"]).unwrap().token().await.unwrap_err();
    assert_eq!(reason(&error), "the assertion is empty");
    assert_eq!(server.count(), 0);
    file.write("eyJ.e30.c2ln");
    assert!(credentials.for_scopes(["later"]).unwrap().token().await.is_ok());
}

#[tokio::test]
async fn malformed_assertion_is_rejected_before_a_request() {
    // FR-D5: each differs from the accepted assertion in one point.
    let (server, file) = (Recorder::start(token("t", "")).await, File::new("malformed"));
    let credentials = at(&server, AssertionSource::file(&file.0)).build().unwrap();
    let longest = "x".repeat(64 * 1024);
    for (n, (text, rejected)) in [
        (longest.clone(), None),
        (format!("{longest}x"), Some("longer than 65536 bytes")),
        ("eyJ.e30.c2ln".to_owned(), None),
        ("eyJ.e30 .c2ln".to_owned(), Some("contains spaces")),
    ]
    .into_iter()
    .enumerate()
    {
        file.write(text);
        let result = credentials.for_scopes([format!("scope{n}")]).unwrap().token().await;
        match rejected {
            None => assert!(result.is_ok()),
            Some(expected) => {
                let error = result.unwrap_err();
                assert!(
                    matches!(error, Error::NoAssertion { .. }) && reason(&error).contains(expected),
                    "{error:?}"
                );
            }
        }
    }
    file.write([0xff, 0xfe]);
    let error = credentials.for_scopes(["bytes"]).unwrap().token().await.unwrap_err();
    assert_eq!(reason(&error), "the assertion file could not be read");
    let folder = at(&server, AssertionSource::file(std::env::temp_dir())).build().unwrap();
    assert!(matches!(folder.token().await, Err(Error::NoAssertion { .. })), "only a regular file is opened");
}

#[tokio::test]
async fn callback_is_called_for_each_request() {
    // FR-D5
    let server = Recorder::start(token("t", "")).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let source = AssertionSource::callback(move || {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        async move { if call == 1 { Err("no SVID today") } else { Ok(Secret::from(format!("svid-{call}"))) } }
    });
    let credentials = at(&server, source.with_type(JWT_SPIFFE)).build().unwrap();
    let scoped = |scope| credentials.for_scopes([scope]).unwrap();
    scoped("a").token().await.unwrap();
    assert!(scoped("a").token().await.is_ok(), "cached");
    let error = scoped("b").token().await.unwrap_err();
    assert_eq!(reason(&error), "the assertion source failed");
    scoped("c").token().await.unwrap();
    assert_eq!((calls.load(Ordering::Relaxed), server.count()), (3, 2));
    let sent: Vec<_> =
        server.requests().iter().map(|request| request.parameter("client_assertion").unwrap()).collect();
    assert_eq!(sent, ["svid-0", "svid-2"]);
    assert_eq!(server.requests()[0].parameter("client_assertion_type").unwrap(), JWT_SPIFFE);
}

#[tokio::test(start_paused = true)]
async fn hanging_callback_times_out() {
    // FR-D5
    let source = AssertionSource::callback(std::future::pending::<Result<Secret, std::io::Error>>);
    let client = ClientAuthentication::client_assertion("report", source);
    let credentials = ClientCredentials::builder(client).token_endpoint("http://127.0.0.1:1/token");
    let begun = tokio::time::Instant::now();
    let error =
        credentials.acquire_timeout(Duration::from_secs(6)).build().unwrap().token().await.unwrap_err();
    assert!(matches!(error, Error::NoAssertion { .. }), "{error:?}");
    assert_eq!(reason(&error), "the assertion source did not respond within 5 s");
    assert!(begun.elapsed() <= Duration::from_secs(7));
}

#[tokio::test]
async fn invalid_source_is_a_config_error() {
    // FR-D5
    let server = Recorder::start(token("t", "")).await;
    let source = || AssertionSource::file("/some/file");
    assert!(at(&server, source()).build().is_ok());
    assert!(at(&server, source().with_type(JWT_SPIFFE)).build().is_ok());
    for kind in ["", "jwt-spiffe", "urn:x#fragment"] {
        let error = at(&server, source().with_type(kind)).build().unwrap_err();
        assert!(
            matches!(error, ConfigError::ClientAuthentication(ClientAuthError::InvalidAssertionType { .. })),
            "{kind}"
        );
        let expected = format!("client_assertion_type: expected an absolute URI, found {kind:?}");
        assert_eq!(error.to_string(), expected);
    }
    let error = at(&server, AssertionSource::file("")).build().unwrap_err();
    assert!(matches!(error, ConfigError::ClientAuthentication(ClientAuthError::Empty { .. })), "{error:?}");
}

#[tokio::test]
async fn assertion_of_a_third_party_is_not_shown() {
    // FR-D5, FR-D9
    const ASSERTION: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvcnQifQ.c2lnbmF0dXJl";
    for (description, is_shown) in [
        (format!("bad: {ASSERTION}"), false),
        ("bad: c2lnbmF0".to_owned(), false),
        ("bad: subject".to_owned(), true),
    ] {
        let body = serde_json::json!({ "error": "invalid_client", "error_description": description });
        let server = Recorder::start(reply(401, body.to_string())).await;
        let source = AssertionSource::callback(async || Ok::<_, std::io::Error>(Secret::from(ASSERTION)));
        assert!(!format!("{source:?}").contains("eyJ"));
        let error = at(&server, source).build().unwrap().token().await.unwrap_err();
        assert_eq!(error.to_string().contains("bad"), is_shown, "{error}");
    }
}
