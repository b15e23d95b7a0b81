//! How are tokens with critical extensions treated (RFC 7515 §4.1.11)?

use scopegate::Error;
use serde_json::json;
use testkit::{NOW, accepted, assert_rejected, cognito_token, cognito_verifier};

#[test]
fn critical_extensions_are_rejected() {
    // A15, A16
    accepted(&cognito_verifier(), &cognito_token().header("exp", NOW));
    let with_header = || cognito_token().header("exp", NOW);
    for crit in [
        // An unknown extension that the header has, and one that the header lacks.
        json!(["exp"]),
        json!(["absent"]),
        json!([]),
        json!("exp"),
        json!({ "exp": true }),
        json!(["exp", "exp"]),
        json!(["exp", 1]),
        // Registered names must not be listed.
        json!(["alg"]),
        json!(["typ"]),
        json!(null),
        json!(1),
    ] {
        assert_rejected!(cognito_verifier(), with_header().header("crit", crit), Error::CriticalExtension);
    }
    for b64 in [false, true] {
        let unencoded = with_header().header("b64", b64).header("crit", json!(["b64"]));
        assert_rejected!(cognito_verifier(), unencoded, Error::CriticalExtension);
    }
    // In the payload, `crit` is an ordinary claim.
    accepted(&cognito_verifier(), &cognito_token().claim("crit", json!(["exp"])));
}
