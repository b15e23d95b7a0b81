//! Which configurations are rejected, and with which error?

use std::error::Error as _;
use std::time::Duration;

use scopegate::middleware;
use scopegate::{Algorithm, ConfigError, Issuer, Verifier, VerifierBuilder};
use scopegate_issuer::{Algorithm as KeyAlgorithm, Fault, LocalIssuer, SigningKey};
use testkit::{ISSUER, KEY, jwks};

fn keys() -> String {
    jwks([SigningKey::generate(KeyAlgorithm::ES256).jwk()])
}

fn issuer() -> Issuer {
    Issuer::from_jwks(ISSUER, &keys()).unwrap().audience("a")
}

fn valid_builder() -> VerifierBuilder {
    Verifier::builder().trust(issuer())
}

#[test]
fn verifier_without_issuer_is_rejected() {
    assert!(valid_builder().build().is_ok());
    assert!(matches!(Verifier::builder().build(), Err(ConfigError::NoIssuer)));
}

#[test]
fn only_a_clone_is_the_same_verifier() {
    let verifier = valid_builder().build().unwrap();
    assert!(middleware::same_verifier(&verifier, &verifier.clone()));
    assert!(!middleware::same_verifier(&verifier, &valid_builder().build().unwrap()));
}

#[test]
fn preset_with_audience_requires_an_audience() {
    for draft in [
        || Issuer::auth0("example.eu.auth0.com"),
        || Issuer::okta("https://example.okta.com/oauth2/default"),
        || Issuer::entra("72f988bf-86f1-41af-91ab-2d7cd011db47"),
        || Issuer::entra_v1("72f988bf-86f1-41af-91ab-2d7cd011db47"),
        || Issuer::rfc9068("https://issuer.example"),
    ] {
        // A preset may accept RSA only.
        let keys = jwks([KEY.jwk()]);
        let draft = || draft().unwrap();
        for good in [draft().audience("a"), draft().client("c").audience("a"), draft().allow_any_audience()] {
            assert!(Verifier::builder().trust(good.jwks(&keys)).build().is_ok());
        }
        for bad in [draft().client("c"), draft().allow_any_client()] {
            let error = Verifier::builder().trust(bad.jwks(&keys)).build().unwrap_err();
            assert!(matches!(error, ConfigError::NeedsAudience { .. }), "{error:?}");
            assert!(error.to_string().ends_with(
                ": expected an audience, because each of its tokens has one; found a rule about clients alone"
            ));
        }
    }
}

#[test]
fn repeated_issuer_is_rejected() {
    let other = Issuer::from_jwks("https://issuer.example/pool/", &keys()).unwrap().audience("a");
    assert!(valid_builder().trust(other).build().is_ok());
    assert!(matches!(valid_builder().trust(issuer()).build(), Err(ConfigError::DuplicateIssuer { .. })));
}

#[test]
fn only_trusted_issuers_can_be_selected() {
    // F12
    let other = "https://issuer.example/pool/";
    let second = Issuer::from_jwks(other, &keys()).unwrap().audience("a");
    let verifier = valid_builder().trust(second).build().unwrap();
    assert_eq!(middleware::select_issuers(&verifier, [other, ISSUER]).unwrap(), [other, ISSUER]);
    let unknown =
        middleware::select_issuers(&verifier, [other, "https://user:secret@issuer.example"]).unwrap_err();
    assert!(matches!(unknown, ConfigError::UntrustedIssuer { .. }), "{unknown:?}");
    assert!(!format!("{unknown}{unknown:?}").contains("secret"), "{unknown:?}");
    let twice = middleware::select_issuers(&verifier, [other, other]);
    assert!(matches!(twice, Err(ConfigError::RepeatedIssuer { .. })), "{twice:?}");
    assert!(matches!(middleware::select_issuers(&verifier, [""; 0]), Err(ConfigError::EmptyIssuerList)));
}

#[test]
fn empty_audience_client_or_algorithm_is_rejected() {
    let draft = || Issuer::from_jwks(ISSUER, &keys()).unwrap();
    for issuer in [draft().audiences(["a", "b"]), draft().clients(["a"]), draft().allow_any_client()] {
        assert!(Verifier::builder().trust(issuer).build().is_ok());
    }
    for issuer in [
        draft().audience(""),
        draft().audiences(["a", ""]),
        draft().audiences([""; 0]),
        draft().client(""),
        draft().clients([""; 0]),
        draft().audience("a").client(""),
        draft().audience("a").algorithms([]),
    ] {
        let error = Verifier::builder().trust(issuer).build().unwrap_err();
        assert!(matches!(error, ConfigError::EmptyList { .. }), "{error}");
    }
}

#[test]
fn duration_out_of_range_is_rejected() {
    // C05
    let seconds = Duration::from_secs;
    for builder in [
        valid_builder().leeway(seconds(300)),
        valid_builder().refresh_interval(seconds(1)).refresh_cooldown(seconds(1)),
        valid_builder().refresh_interval(seconds(86_400)).refresh_cooldown(seconds(3_600)),
        valid_builder().max_stale(seconds(60)),
    ] {
        assert!(builder.build().is_ok());
    }
    for (builder, text) in [
        (valid_builder().leeway(seconds(301)), "leeway: expected 0 s to 300 s, found 301 s"),
        (
            valid_builder().leeway(Duration::MAX),
            "leeway: expected 0 s to 300 s, found 18446744073709552000 s",
        ),
        (valid_builder().refresh_interval(Duration::ZERO), "refresh period: expected 1 s to 24 h, found 0 s"),
        (
            valid_builder().refresh_interval(seconds(86_401)),
            "refresh period: expected 1 s to 24 h, found 86401 s",
        ),
        (
            valid_builder().refresh_cooldown(Duration::from_millis(999)),
            "refresh cooldown: expected 1 s to 1 h, found 0.999 s",
        ),
        (
            valid_builder().refresh_cooldown(seconds(3_601)),
            "refresh cooldown: expected 1 s to 1 h, found 3601 s",
        ),
        (valid_builder().max_stale(seconds(59)), "stale limit: expected 1 min to 30 days, found 59 s"),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), text);
    }
}

#[test]
fn cache_size_out_of_range_is_rejected() {
    for builder in [
        valid_builder().cache_capacity(1_048_576),
        valid_builder().cache_capacity(0).cache_bytes(0),
        valid_builder().cache_capacity(5).cache_bytes(8 * 1_024),
    ] {
        assert!(builder.build().is_ok());
    }
    for (builder, text) in [
        (valid_builder().cache_capacity(1_048_577), "cache entries: expected at most 1048576, found 1048577"),
        (
            valid_builder().cache_capacity(usize::MAX),
            "cache entries: expected at most 1048576, found 18446744073709551615",
        ),
        (
            valid_builder().cache_capacity(5).cache_bytes(8 * 1_024 - 1),
            "cache bytes: expected at least 1024 for each entry, found 8191",
        ),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), text);
    }
}

#[test]
fn jwks_without_key_for_accepted_algorithm_is_rejected() {
    let issuer = issuer().algorithms([Algorithm::RS256]);
    let error = Verifier::builder().trust(issuer).build().unwrap_err();
    assert!(error.to_string().contains("for an algorithm that is not accepted"), "{error}");
}

#[test]
fn fetched_keys_require_a_runtime() {
    let fetched = || Issuer::cognito("eu-west-1_Ab12Cd34E").unwrap().client("c");
    let error = Verifier::builder().trust(fetched()).build().unwrap_err();
    assert!(matches!(error, ConfigError::KeysRequireRuntime { .. }), "{error}");
    let error = Verifier::builder().trust(fetched()).start_lazy().unwrap_err();
    assert!(matches!(error, ConfigError::NoRuntime), "{error}");
    assert_eq!(error.to_string(), "expected a running Tokio runtime, found none");
}

#[tokio::test]
async fn failed_first_fetch_reports_issuer_url_and_cause() {
    // B25
    let local = LocalIssuer::start().await.unwrap();
    let start = || Verifier::builder().trust(Issuer::cognito_at(local.issuer()).unwrap().client("c")).start();
    assert!(start().await.is_ok());
    for (fault, why) in [
        (Fault::Status(503), "expected status 200, found 503"),
        (Fault::Html, "expected a key set, found a document that is not one JSON object"),
        (Fault::Body("{}".to_owned()), "expected an array `keys`, found none"),
        (Fault::EmptySet, "none of the 0 keys can verify a token"),
        (Fault::Truncated, "the response broke off"),
        (Fault::Oversized(1024 * 1024), "expected at most 262144 bytes, found more"),
        (Fault::Reset, "no response"),
    ] {
        local.set_fault(fault);
        let error = start().await.unwrap_err();
        let (issuer, url) = (local.issuer(), local.jwks_uri());
        assert_eq!(error.to_string(), format!("could not fetch the keys of {issuer} from {url}"));
        assert_eq!(error.source().unwrap().to_string(), why);
    }
}
