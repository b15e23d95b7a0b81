//! Which rules for status lists are accepted?

use std::time::Duration;

use scopegate::{ConfigError, Issuer, StatusList, Verifier};
use testkit::{CLIENT, ISSUER, KEY, issuer_for_client, jwks};

fn start(issuer: Issuer) -> Result<Verifier, ConfigError> {
    Verifier::builder().trust(issuer).start_lazy()
}

fn with(rules: StatusList) -> Result<Verifier, ConfigError> {
    start(issuer_for_client([KEY.jwk()]).unwrap().status_list(rules))
}

#[tokio::test]
async fn origin_must_be_an_origin() {
    // SL02
    for origin in ["https://status.example", "https://status.example/", "http://127.0.0.1:9400"] {
        assert!(with(StatusList::optional().origin(origin)).is_ok(), "{origin}");
    }
    for origin in
        ["http://status.example", "https://status.example/a", "https://status.example/?a", "status", ""]
    {
        let error = with(StatusList::optional().origin(origin)).unwrap_err();
        assert!(matches!(&error, ConfigError::InvalidUrl { setting: "status list origin", .. }), "{error:?}");
    }
}

#[tokio::test]
async fn issuer_that_is_no_url_needs_an_origin() {
    // SL02
    let named = |rules| {
        let issuer = Issuer::from_jwks("acme.com", &jwks([KEY.jwk()])).unwrap();
        start(issuer.client(CLIENT).status_list(rules))
    };
    assert!(ISSUER.starts_with("https://") && with(StatusList::required()).is_ok());
    assert!(named(StatusList::required().origin("https://acme.com")).is_ok());
    let error = named(StatusList::required()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "status list origin: expected `origin`, because the issuer's name is not an https URL (http only on a \
         loopback address), found \"acme.com\""
    );
}

#[tokio::test]
async fn limits_must_be_within_their_range() {
    for lists in [1, 1_024] {
        assert!(with(StatusList::optional().max_lists(lists)).is_ok());
    }
    for seconds in [60, 30 * 86_400] {
        assert!(with(StatusList::optional().max_stale(Duration::from_secs(seconds))).is_ok());
    }
    for rules in [
        StatusList::optional().max_lists(0),
        StatusList::optional().max_lists(1_025),
        StatusList::optional().max_stale(Duration::from_secs(59)),
        StatusList::optional().max_stale(Duration::from_secs(30 * 86_400 + 1)),
    ] {
        let error = with(rules).unwrap_err();
        assert!(matches!(error, ConfigError::OutOfRange { .. }), "{error:?}");
    }
}

#[test]
fn status_lists_require_a_runtime() {
    let issuer = || issuer_for_client([KEY.jwk()]).unwrap();
    assert!(Verifier::builder().trust(issuer()).build().is_ok());
    let error = Verifier::builder().trust(issuer().status_list(StatusList::optional())).build().unwrap_err();
    assert!(matches!(error, ConfigError::NoRuntime), "{error:?}");
}
