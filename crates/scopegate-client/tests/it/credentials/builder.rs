//! Settings that are rejected before any request is sent.

use std::error::Error as _;
use std::time::Duration;

use scopegate_client::{
    AddToken, ClientAuthError, ClientAuthentication, ClientCredentials, ClientCredentialsBuilder, ConfigError,
};

const ENDPOINT: &str = "https://issuer.example/token";

fn at(endpoint: &str) -> ClientCredentialsBuilder {
    ClientCredentials::builder(ClientAuthentication::client_secret_basic("report", "s3cret"))
        .token_endpoint(endpoint)
}

fn discovered(issuer: &str) -> ClientCredentialsBuilder {
    let client = ClientAuthentication::client_secret_basic("report", "s3cret");
    ClientCredentials::builder(client).issuer(issuer)
}

#[tokio::test]
async fn urls_without_tls_are_rejected_except_loopback() {
    // E02, E07, F01
    for good in [ENDPOINT, "https://issuer.example/token?tenant=1", "http://127.0.0.1:9400/oauth2/token"] {
        assert!(at(good).build().is_ok(), "{good}");
    }
    for bad in ["http://issuer.example/token", "https://issuer.example/token#f", "issuer.example", ""] {
        assert!(matches!(at(bad).build(), Err(ConfigError::InvalidUrl { .. })), "{bad}");
    }
    assert!(discovered("https://issuer.example/t1").build().is_ok());
    for bad in ["http://issuer.example", "https://issuer.example?t=1", "https://issuer.example#f"] {
        assert!(matches!(discovered(bad).build(), Err(ConfigError::InvalidUrl { .. })), "{bad}");
    }
}

#[tokio::test]
async fn builder_without_issuer_and_endpoint_is_rejected() {
    let client = || ClientAuthentication::client_secret_basic("report", "s3cret");
    let built = ClientCredentials::builder(client()).scope("a").build();
    assert!(matches!(built, Err(ConfigError::NoTokenEndpoint)));
    let both = ClientCredentials::builder(client()).issuer("https://issuer.example").token_endpoint(ENDPOINT);
    assert!(both.build().is_ok());
}

#[tokio::test]
async fn client_without_id_or_secret_is_rejected() {
    // E01: a doc test of `ClientAuthentication` shows that no client lacks a credential.
    for (id, secret, good) in [("report", "s3cret", true), ("", "s3cret", false), ("report", "", false)] {
        let client = ClientAuthentication::client_secret_post(id, secret);
        let built = ClientCredentials::builder(client).token_endpoint(ENDPOINT).build();
        assert_eq!(built.is_ok(), good);
        let is_empty = matches!(built, Err(ConfigError::ClientAuthentication(ClientAuthError::Empty { .. })));
        assert!(good || is_empty);
    }
}

#[tokio::test]
async fn repeated_or_reserved_parameter_is_rejected() {
    // E02
    assert!(at(ENDPOINT).parameter("audience", "x").parameter("tenant", "y").build().is_ok());
    for name in [
        "grant_type",
        "scope",
        "resource",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "audience",
    ] {
        let built = at(ENDPOINT).parameter("audience", "x").parameter(name, "y").build();
        assert!(matches!(built, Err(ConfigError::ReservedParameter { .. })), "{name}");
    }
    assert!(matches!(at(ENDPOINT).parameter("", "y").build(), Err(ConfigError::Empty { .. })));
}

#[tokio::test]
async fn resource_with_fragment_or_relative_is_rejected() {
    // E19
    for good in ["https://api.example", "https://api.example/v1?x", "urn:orders", "api://0f3c"] {
        assert!(at(ENDPOINT).resource(good).build().is_ok(), "{good}");
    }
    for bad in ["https://api.example#f", "/v1", "api.example", "", "https://api.example/ "] {
        let built = at(ENDPOINT).resource(bad).build();
        assert!(matches!(built, Err(ConfigError::InvalidResource { .. })), "{bad}");
    }
}

#[tokio::test]
async fn invalid_scope_and_out_of_range_time_rejected() {
    assert!(at(ENDPOINT).scope("https://api.example/read").build().is_ok());
    for bad in ["", "a b", "a\"", "é"] {
        assert!(matches!(at(ENDPOINT).scope(bad).build(), Err(ConfigError::InvalidScope { .. })), "{bad}");
        let credentials = at(ENDPOINT).build().unwrap();
        assert!(matches!(credentials.for_scopes([bad]), Err(ConfigError::InvalidScope { .. })), "{bad}");
    }
    let (day, longer) = (Duration::from_secs(86_400), Duration::from_secs(86_401));
    assert!(at(ENDPOINT).default_lifetime(day).acquire_timeout(day).build().is_ok());
    for backoff in [1, 60].map(Duration::from_secs) {
        assert!(at(ENDPOINT).max_backoff_without_token(backoff).build().is_ok());
    }
    for built in [
        at(ENDPOINT).default_lifetime(longer).build(),
        at(ENDPOINT).default_lifetime(Duration::ZERO).build(),
        at(ENDPOINT).acquire_timeout(longer).build(),
        at(ENDPOINT).rejection_cooldown(Duration::ZERO).build(),
        at(ENDPOINT).max_backoff_without_token(Duration::from_millis(999)).build(),
        at(ENDPOINT).max_backoff_without_token(Duration::from_secs(61)).build(),
    ] {
        assert!(matches!(built, Err(ConfigError::OutOfRange { .. })));
    }
}

#[tokio::test]
async fn api_origin_without_tls_is_rejected() {
    // E26
    let credentials = at(ENDPOINT).build().unwrap();
    assert!(AddToken::new(&credentials, "https://api.example").is_ok());
    for bad in ["http://api.example", "https://api.example/v1", "api.example"] {
        assert!(matches!(AddToken::new(&credentials, bad), Err(ConfigError::InvalidUrl { .. })), "{bad}");
    }
}

#[tokio::test]
async fn invalid_certificates_are_rejected() {
    // E25
    let client = ClientAuthentication::tls_client_auth("report", "no certificate: s3cret");
    let error = ClientCredentials::builder(client).token_endpoint(ENDPOINT).build().unwrap_err();
    assert!(
        matches!(error, ConfigError::InvalidCertificate { setting: "client certificate", .. }),
        "{error:?}"
    );
    assert!(error.source().is_some());
    assert!(!format!("{error:?} {error}").contains("s3cret"));
    let error = at(ENDPOINT).root_certificates("no certificate").build().unwrap_err();
    assert!(matches!(error, ConfigError::Empty { setting: "root certificate", .. }), "{error:?}");
    let pem = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";
    let error = at(ENDPOINT).root_certificates(pem).build().unwrap_err();
    assert!(matches!(error, ConfigError::InvalidCertificate { .. }), "{error:?}");
    assert!(error.source().is_some());
}
