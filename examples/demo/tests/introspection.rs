//! The program with an introspection endpoint (RFC 7662): its settings and its responses.

mod demo_process;

use std::time::Duration;

use demo_process::Serving;
use reqwest::{Client, Response};
use scopegate_issuer::{Fault, LocalIssuer};

const READ: &str = "https://my-api-server.org/api.read";
const SECRET: &str = "local-reader-secret";

/// An issuer, and the program.
struct Fixture {
    demo: Serving,
    issuer: LocalIssuer,
    http: Client,
}

impl Fixture {
    /// Starts the program for these tokens, with further settings.
    async fn start(tokens: &str, settings: &[(&str, &str)]) -> Self {
        Self::with_secret(SECRET, tokens, settings).await
    }

    async fn with_secret(secret: &str, tokens: &str, settings: &[(&str, &str)]) -> Self {
        let issuer = LocalIssuer::start().await.expect("there is a free port");
        let endpoint = issuer.introspection_endpoint();
        let introspection = [
            ("INTROSPECTION", tokens),
            ("INTROSPECTION_URI", endpoint.as_str()),
            ("INTROSPECTION_CLIENT_ID", "local-reader"),
            ("INTROSPECTION_CLIENT_SECRET", secret),
        ];
        let demo = Serving::trusting(issuer.issuer(), &[&introspection[..], settings].concat());
        let http = Client::builder().no_proxy().build().expect("no TLS is asked for");
        Self { demo, issuer, http }
    }

    fn opaque(&self) -> String {
        self.issuer.opaque_token(&self.issuer.mint().scope(READ))
    }

    async fn send(&self, token: &str) -> Response {
        let request = self.http.get(format!("{}/orders", self.demo.url)).bearer_auth(token);
        request.send().await.expect("the API responds")
    }

    /// Returns the status of a request, and the number of calls that it has caused.
    async fn status(&self, token: &str) -> (u16, u64) {
        let before = self.issuer.introspection_requests();
        let status = self.send(token).await.status().as_u16();
        (status, self.issuer.introspection_requests() - before)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn all_tokens_are_introspected() {
    // IN20
    let it = Fixture::start("all", &[]).await;
    assert_eq!(it.status(&it.opaque()).await, (200, 1));
    assert_eq!(it.status(&it.issuer.mint().scope(READ).sign()).await, (200, 1));
    // IN03
    assert_eq!(it.status("invented").await, (401, 1));
    assert_eq!(it.status(&it.issuer.mint().scope(READ).tampered().sign()).await, (401, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn opaque_tokens_are_introspected_without_jwts() {
    // IN20
    let it = Fixture::start("opaque", &[]).await;
    assert_eq!(it.status(&it.opaque()).await, (200, 1));
    assert_eq!(it.status("invented").await, (401, 1));
    assert_eq!(it.status(&it.issuer.mint().scope(READ).sign()).await, (401, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn jwts_are_introspected_after_their_verification() {
    // IN18
    let it = Fixture::start("after_jwt", &[]).await;
    assert_eq!(it.status(&it.issuer.mint().scope(READ).sign()).await, (200, 1));
    assert_eq!(it.status(&it.issuer.mint().scope(READ).bad_signature().sign()).await, (401, 0));
    assert_eq!(it.status(&it.opaque()).await, (401, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn unavailable_endpoint_is_503() {
    // IN06
    for fault in [Fault::Status(500), Fault::Html, Fault::Truncated] {
        let it = Fixture::start("all", &[]).await;
        let known = it.opaque();
        assert_eq!(it.send(&known).await.status(), 200);
        it.issuer.set_introspection_fault(fault.clone());
        let response = it.send(&it.opaque()).await;
        assert_eq!(response.status(), 503, "{fault:?}");
        assert!(response.headers().contains_key("retry-after"), "{fault:?}");
        assert!(!response.headers().contains_key("www-authenticate"), "{fault:?}");
        // A cached result is not affected.
        assert_eq!(it.status(&known).await, (200, 0), "{fault:?}");
        it.issuer.clear_introspection_fault();
        assert_eq!(it.send(&it.opaque()).await.status(), 200, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn wrong_credentials_are_500_and_not_shown() {
    // IN05, IN22
    let it = Fixture::with_secret("wrong-s3cret", "all", &[]).await;
    let token = it.opaque();
    let response = it.send(&token).await;
    assert_eq!(response.status(), 500);
    assert!(!response.headers().contains_key("www-authenticate"));
    let ended = it.demo.stop("TERM");
    assert!(ended.stderr.contains("the credentials of this API are rejected"), "{}", ended.stderr);
    let shown = [ended.stdout, ended.stderr].concat();
    assert!(!shown.contains("wrong-s3cret") && !shown.contains(&token), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lifetime_of_results_is_a_setting() {
    // IN11
    for (seconds, later) in [("300", 0), ("0", 1)] {
        let it = Fixture::start("all", &[("INTROSPECTION_CACHE_SECS", seconds)]).await;
        let token = it.opaque();
        assert_eq!(it.status(&token).await, (200, 1), "{seconds}");
        assert_eq!(it.status(&token).await, (200, later), "{seconds}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn time_limit_of_calls_is_a_setting() {
    // IN15
    for (seconds, status) in [("10", 200), ("1", 503)] {
        let it = Fixture::start("all", &[("INTROSPECTION_TIMEOUT_SECS", seconds)]).await;
        // Longer than the default of 2 s.
        it.issuer.set_introspection_fault(Fault::Delay(Duration::from_secs(3)));
        assert_eq!(it.status(&it.opaque()).await, (status, 1), "{seconds}");
    }
}
