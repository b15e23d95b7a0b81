//! Settings of introspection, and the range of each.

use std::time::Duration;

use scopegate::{
    Algorithm, ClientAuthentication, ConfigError, FetchAuthorization, Introspection, Issuer, StatusList,
    Verifier,
};
use testkit::AUDIENCE;

fn introspection() -> Introspection {
    let client = ClientAuthentication::client_secret_basic("orders-api", "s3cret");
    Introspection::by_client("https://issuer.example/introspect", client).unwrap()
}

fn issuer(introspection: Introspection) -> Issuer {
    Issuer::opaque("https://issuer.example", introspection).unwrap().audience(AUDIENCE)
}

fn error_of(issuer: Issuer) -> Option<ConfigError> {
    Verifier::builder().trust(issuer).start_lazy().err()
}

#[tokio::test]
async fn endpoint_is_https_or_on_loopback() {
    // IN01
    let client = || ClientAuthentication::client_secret_basic("orders-api", "s3cret");
    for accepted in ["https://issuer.example/introspect?x=1", "http://127.0.0.1:1/introspect"] {
        assert!(Introspection::by_client(accepted, client()).is_ok(), "{accepted}");
    }
    for rejected in ["http://issuer.example/introspect", "ftp://issuer.example", "introspect", ""] {
        let error = Introspection::by_client(rejected, client()).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidUrl { setting: "introspection endpoint", .. }));
    }
}

#[tokio::test]
async fn setting_outside_its_range_is_an_error() {
    let second = Duration::from_secs(1);
    let nano = Duration::from_nanos(1);
    for (accepted, rejected) in [
        (introspection().cache_for(300 * second), introspection().cache_for(300 * second + nano)),
        (introspection().serve_stale(300 * second), introspection().serve_stale(300 * second + nano)),
        (introspection().serve_stale(second), introspection().serve_stale(Duration::ZERO)),
        (introspection().timeout(second / 10), introspection().timeout(second / 11)),
        (introspection().timeout(10 * second), introspection().timeout(10 * second + nano)),
        (introspection().cache_capacity(1), introspection().cache_capacity(0)),
        (introspection().cache_capacity(1_048_576), introspection().cache_capacity(1_048_577)),
        (introspection().unseen_tokens(1, 100_000), introspection().unseen_tokens(1, 100_001)),
        (introspection().unseen_tokens(100_000, 1), introspection().unseen_tokens(0, 1)),
    ] {
        assert!(error_of(issuer(accepted)).is_none());
        assert!(matches!(error_of(issuer(rejected)), Some(ConfigError::OutOfRange { .. })));
    }
}

#[tokio::test]
async fn invalid_credentials_are_a_config_error() {
    let endpoint = "https://issuer.example/introspect";
    let empty = ClientAuthentication::client_secret_post("orders-api", "");
    let error = error_of(issuer(Introspection::by_client(endpoint, empty).unwrap())).unwrap();
    assert!(matches!(error, ConfigError::InvalidClientAuthentication { .. }), "{error}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("client secret is empty"));
    let certificate = ClientAuthentication::tls_client_auth("orders-api", "s3cret: no PEM");
    let error = error_of(issuer(Introspection::by_client(endpoint, certificate).unwrap())).unwrap();
    assert!(matches!(error, ConfigError::HttpClient { .. }), "{error}");
    assert!(!format!("{error:?}").contains("s3cret"), "IN22");
    let file = FetchAuthorization::bearer_file("");
    let error = error_of(issuer(Introspection::by_authorization(endpoint, file).unwrap())).unwrap();
    assert!(matches!(error, ConfigError::InvalidName { .. }), "{error}");
}

#[tokio::test]
async fn settings_of_jwts_do_not_fit() {
    let jwts = || {
        let issuer = Issuer::from_jwks_uri("https://issuer.example", "https://issuer.example/keys").unwrap();
        issuer.audience(AUDIENCE)
    };
    for rejected in vec![
        issuer(introspection()).jwks_uri("https://issuer.example/keys"),
        issuer(introspection()).algorithms([Algorithm::EdDSA]),
        issuer(introspection()).require_at_jwt(),
        issuer(introspection()).keys_authorization(FetchAuthorization::bearer_file("/token")),
        issuer(introspection()).allow_keys_without_tls(),
        issuer(introspection()).and_introspect(introspection()),
        jwts().and_introspect(introspection()).and_introspect(introspection()),
        jwts().and_introspect(introspection()).introspect_jwts(),
        jwts().introspect_jwts(),
        issuer(introspection()).token_prefix("a b"),
        issuer(introspection()).token_prefix("a="),
        issuer(introspection()).token_prefix("e"),
        issuer(introspection()).token_prefix("eyJ"),
        issuer(introspection()).token_prefix("ewo"),
        issuer(introspection()).status_list(StatusList::required()),
        issuer(introspection()).allow_missing_iss(),
        issuer(introspection()).jwks_uri("https://issuer.example/keys").token_prefix("ory_at_"),
        issuer(introspection()).token_prefix(""),
        jwts().token_prefix("ory_at_"),
    ] {
        let shown = format!("{rejected:?}");
        assert!(matches!(error_of(rejected), Some(ConfigError::OutOfRange { .. })), "{shown}");
    }
    assert!(error_of(issuer(introspection()).introspect_jwts().introspect_jwts()).is_none());
    assert!(error_of(jwts().and_introspect(introspection())).is_none());
    assert!(error_of(issuer(introspection()).token_prefix("ory_at_")).is_none());
}

#[test]
fn introspected_issuer_needs_a_runtime() {
    let error = Verifier::builder().trust(issuer(introspection())).build().err();
    assert!(matches!(error, Some(ConfigError::KeysRequireRuntime { .. })), "{error:?}");
    let error = error_of(issuer(introspection()));
    assert!(matches!(error, Some(ConfigError::NoRuntime)), "{error:?}");
}

#[test]
fn debug_shows_endpoint_and_no_secret() {
    // IN22
    let client = ClientAuthentication::client_secret_basic("orders-api", "s3cret-of-api");
    let introspection = Introspection::by_client("https://issuer.example/i?key=hidden", client).unwrap();
    let shown = format!("{introspection:?} {:?}", issuer(introspection.clone()));
    assert!(shown.contains("https://issuer.example/i"), "{shown}");
    assert!(!shown.contains("s3cret") && !shown.contains("hidden"), "{shown}");
}
