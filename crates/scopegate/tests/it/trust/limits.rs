//! Which scopes can an issuer grant?

use scopegate::{ConfigError, Issuer, ScopeSource, Verifier};
use scopegate_issuer::Mint;
use testkit::CLIENT;

use super::fixture::{issuer, key, tenant};

fn granted(verifier: &Verifier, name: &str, scopes: &str) -> String {
    let mint = Mint::cognito(&tenant(name), CLIENT).without_claim("token_use").scope(scopes);
    verifier.verify(mint.sign_with(key())).unwrap().scopes().to_string()
}

#[test]
fn partner_cannot_grant_scopes_outside_its_limit() {
    // FR-B11
    let partner = issuer(&tenant("partner")).limit_scopes(["orders/read"]).limit_scopes(["orders/list"]);
    let builder = Verifier::builder().trust(issuer(&tenant("ours"))).trust(partner);
    let verifier = builder.build().unwrap();
    let all = "orders/admin orders/list orders/rea orders/read orders/readx";
    assert_eq!(granted(&verifier, "ours", all), all);
    assert_eq!(granted(&verifier, "partner", all), "orders/list orders/read");
    assert_eq!(granted(&verifier, "partner", "orders/admin"), "");
    let mint = Mint::cognito(&tenant("partner"), CLIENT).without_claim("token_use").scope("orders/admin");
    let claims = verifier.verify(mint.sign_with(key())).unwrap();
    assert!(claims.require("orders/admin").is_err());
    assert_eq!(
        claims.claim::<String>("scope").unwrap().as_deref(),
        Some("orders/admin"),
        "as it was written"
    );
}

#[test]
fn limit_applies_after_maps_and_before_implication() {
    let roles = ScopeSource::array("roles").with_map([("clerk", "orders/read"), ("boss", "orders/admin")]);
    let partner = issuer(&tenant("partner")).scopes_from(roles).limit_scopes(["orders/write"]);
    let builder = Verifier::builder()
        .trust(partner)
        .implied_scopes("orders/admin", ["orders/write"])
        .implied_scopes("orders/write", ["orders/read"]);
    let verifier = builder.build().unwrap();
    let mint = Mint::cognito(&tenant("partner"), CLIENT).without_claim("token_use");
    let with_roles = mint.without_claim("scope").claim("roles", serde_json::json!(["clerk", "boss"]));
    assert_eq!(verifier.verify(with_roles.sign_with(key())).unwrap().scopes().to_string(), "");
    assert_eq!(granted(&verifier, "partner", "orders/write"), "orders/read orders/write");
}

#[test]
fn limit_without_scopes_is_a_config_error() {
    let start = |issuer: Issuer| Verifier::builder().trust(issuer).build();
    let none: [&str; 0] = [];
    let empty = start(issuer(&tenant("a")).limit_scopes(none)).unwrap_err();
    assert!(matches!(empty, ConfigError::EmptyList { .. }), "{empty}");
    let invalid = start(issuer(&tenant("a")).limit_scopes(["orders read"])).unwrap_err();
    assert!(matches!(invalid, ConfigError::InvalidScope { .. }), "{invalid}");
    assert!(start(issuer(&tenant("a")).limit_scopes(["orders/read"])).is_ok());
}
