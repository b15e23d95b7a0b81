//! Configurations that do not satisfy the profile.

use scopegate::{Algorithm, ConfigError};

use super::*;

fn message(builder: VerifierBuilder) -> String {
    let error = builder.build().unwrap_err();
    assert!(matches!(error, ConfigError::NotFapi2 { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn verifier_without_bindings_is_config_error() {
    // FA10
    assert_eq!(
        message(without_bindings()),
        "FAPI 2.0: sender-constrained tokens: expected `dpop` or `client_certificates`, found neither"
    );
    assert!(without_bindings().dpop(dpop()).build().is_ok());
    assert!(without_bindings().client_certificates(certificates()).build().is_ok());
    // Without the profile, such a verifier accepts bearer tokens.
    assert!(at_now().trust(issuer()).build().is_ok());
}

#[test]
fn order_of_calls_does_not_matter() {
    let first = at_now().require_fapi2().trust(issuer()).dpop(dpop());
    let last = at_now().dpop(dpop()).trust(issuer()).require_fapi2();
    assert_eq!(message(first), message(last));
}

#[test]
fn issuer_without_revocation_status_is_config_error() {
    // FA06
    let builder = || at_now().require_fapi2().trust(issuer()).dpop(dpop());
    assert_eq!(
        message(builder()),
        "FAPI 2.0: revocation status of https://issuer.example/pool: expected `revocations` of the verifier, or \
         `StatusList::required` or introspection of the issuer, found none"
    );
    assert!(builder().revocations(&Revocations::new()).build().is_ok());
}

#[cfg(feature = "fetch")]
#[tokio::test]
async fn required_status_list_is_revocation_status() {
    // FA06
    use scopegate::StatusList;
    let outcome = |rules: StatusList| {
        let issuer = issuer().status_list(rules);
        at_now().require_fapi2().trust(issuer).dpop(dpop()).start_lazy().map(|_| ())
    };
    assert!(outcome(StatusList::required()).is_ok());
    // Tokens without a list would be accepted.
    assert!(matches!(outcome(StatusList::optional()), Err(ConfigError::NotFapi2 { .. })));
}

#[cfg(feature = "fetch")]
#[tokio::test]
async fn introspection_is_revocation_status() {
    // FA06
    use scopegate::{ClientAuthentication, Introspection};
    let api = ClientAuthentication::client_secret_basic("orders-api", "s3cret".to_owned());
    let introspection = Introspection::by_client("https://issuer.example/introspect", api).unwrap();
    let outcome = |issuer| at_now().require_fapi2().trust(issuer).dpop(dpop()).start_lazy().map(|_| ());
    assert!(outcome(issuer().and_introspect(introspection)).is_ok());
    assert!(matches!(outcome(issuer()), Err(ConfigError::NotFapi2 { .. })));
}

#[test]
fn issuer_without_algorithm_of_profile_is_config_error() {
    // FA11
    let of = |algorithms: &[Algorithm]| {
        let issuer = issuer().algorithms(algorithms.iter().copied());
        at_now().require_fapi2().trust(issuer).dpop(dpop()).revocations(&Revocations::new())
    };
    assert_eq!(
        message(of(&[Algorithm::RS256, Algorithm::ES384])),
        "FAPI 2.0: algorithms of https://issuer.example/pool: expected PS256, ES256 or EdDSA, found RS256, ES384"
    );
    assert!(of(&[Algorithm::RS256, Algorithm::PS256]).build().is_ok());
}

#[test]
fn proofs_without_algorithm_of_profile_are_config_error() {
    // FA12
    let of = |algorithm| without_bindings().dpop(dpop().algorithms([algorithm]));
    assert_eq!(
        message(of(Algorithm::ES384)),
        "FAPI 2.0: algorithms of DPoP proofs: expected PS256, ES256 or EdDSA, found ES384"
    );
    assert!(of(Algorithm::ES256).build().is_ok());
}

#[test]
fn clock_offsets_have_range_of_profile() {
    // FA17
    let seconds = Duration::from_secs;
    let of_verifier = |leeway| without_bindings().dpop(dpop()).leeway(leeway);
    let of_issuer = |leeway| {
        let issuer = issuer().leeway(leeway);
        at_now().require_fapi2().trust(issuer).dpop(dpop()).revocations(&Revocations::new())
    };
    assert_eq!(
        message(of_verifier(seconds(9))),
        "FAPI 2.0: leeway of https://issuer.example/pool: expected 10 s to 60 s, found 9 s"
    );
    for (leeway, is_valid) in [(9, false), (10, true), (60, true), (61, false)] {
        assert_eq!(of_verifier(seconds(leeway)).build().is_ok(), is_valid, "{leeway}");
        assert_eq!(of_issuer(seconds(leeway)).build().is_ok(), is_valid, "{leeway}");
    }
    let of_proofs = |skew| without_bindings().dpop(dpop().max_clock_skew(skew));
    assert_eq!(
        message(of_proofs(seconds(9))),
        "FAPI 2.0: clock skew of DPoP proofs: expected 10 s to 60 s, found 9 s"
    );
    assert!(of_proofs(seconds(10)).build().is_ok());
    assert!(matches!(of_proofs(seconds(61)).build(), Err(ConfigError::OutOfRange { .. })));
}

#[cfg(feature = "fetch")]
#[tokio::test]
async fn keys_without_tls_are_config_error() {
    // FA18
    let of = |issuer: Issuer| {
        let builder = at_now().require_fapi2().dpop(dpop()).revocations(&Revocations::new());
        builder.trust(issuer).start_lazy().map(|_| ())
    };
    let issuer =
        || Issuer::from_jwks_uri(testkit::ISSUER, "https://issuer.example/keys").unwrap().client(CLIENT);
    assert!(of(issuer()).is_ok());
    let error = of(issuer().allow_keys_without_tls()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "FAPI 2.0: keys of https://issuer.example/pool: expected TLS, found `allow_keys_without_tls`"
    );
}

#[tokio::test]
async fn issuer_that_is_trusted_later_has_same_demands() {
    // FA11, FA17
    let verifier = with_dpop();
    let later =
        || Issuer::from_jwks("https://later.example", &testkit::jwks([KEY.jwk()])).unwrap().client(CLIENT);
    for issuer in [later().algorithms([Algorithm::RS256]), later().leeway(Duration::from_secs(61))] {
        let error = verifier.trust(issuer).unwrap_err();
        assert!(matches!(error, ConfigError::NotFapi2 { .. }), "{error:?}");
    }
    verifier.trust(later()).unwrap();
    let token = bound_to_key().claim("iss", "https://later.example");
    assert_eq!(Sent::with_proof(&token).outcome(&verifier), (200, "accepted"));
}
