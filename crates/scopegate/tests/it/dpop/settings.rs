//! The bounds of the settings.

use scopegate::{Algorithm, ConfigError};

use super::*;

fn build(dpop: Dpop) -> Result<Verifier, ConfigError> {
    Verifier::builder().trust(testkit::cognito_issuer()).dpop(dpop).build()
}

#[test]
fn origin_must_be_configured() {
    // DP18
    for dpop in [Dpop::accept(), Dpop::require()] {
        assert!(matches!(build(dpop.clone()), Err(ConfigError::MissingOrigin)));
        assert!(build(dpop.clone().origin(ORIGIN)).is_ok());
        assert!(build(dpop.clone().origin("http://127.0.0.1:8080")).is_ok());
        for origin in ["", "api.example", "http://api.example", URL, "https://api.example?a"] {
            let error = build(dpop.clone().origin(origin)).unwrap_err();
            assert!(matches!(error, ConfigError::InvalidUrl { setting: "DPoP origin", .. }), "{origin}");
        }
    }
    let error = build(Dpop::accept().origin(ORIGIN).path_prefix("svc")).unwrap_err();
    assert!(matches!(error, ConfigError::InvalidUrl { setting: "DPoP path prefix", .. }));
}

#[test]
fn settings_have_ranges() {
    // DP21, ML05
    let dpop = || Dpop::accept().origin(ORIGIN);
    let seconds = Duration::from_secs;
    for valid in [
        dpop().max_age(seconds(1)),
        dpop().max_age(seconds(300)),
        dpop().max_clock_skew(seconds(0)),
        dpop().max_clock_skew(seconds(60)),
        dpop().nonce_lifetime(seconds(10)),
        dpop().nonce_lifetime(seconds(3600)),
        dpop().replay_capacity(1),
        dpop().algorithms([Algorithm::ES256, Algorithm::MlDsa44]),
    ] {
        assert!(build(valid).is_ok());
    }
    for invalid in [
        dpop().max_age(seconds(0)),
        dpop().max_age(seconds(301)),
        dpop().max_clock_skew(seconds(61)),
        dpop().nonce_lifetime(seconds(9)),
        dpop().nonce_lifetime(seconds(3601)),
        dpop().replay_capacity(0),
        dpop().replay_capacity((1 << 24) + 1),
        dpop().algorithms(Vec::<Algorithm>::new()),
        dpop().algorithms([Algorithm::ES256, Algorithm::MlDsa65]),
        dpop().algorithms([Algorithm::MlDsa87]),
    ] {
        assert!(matches!(build(invalid), Err(ConfigError::OutOfRange { .. })));
    }
}
