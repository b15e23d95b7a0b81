//! What becomes of a token that asks for extensions to be understood (RFC 7515 §4.1.11)?

use scopegate::Error;
use serde_json::json;
use testkit::{NOW, accepted, assert_rejected, cognito_token, cognito_verifier};

#[test]
fn critical_extensions_are_rejected() {
    // A15, A16
    accepted(&cognito_verifier(), &cognito_token().header("exp", NOW));
    let with_header = || cognito_token().header("exp", NOW);
    for crit in [
        // Unknown to us, although the header has it; and one that it does not have.
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
    // In the payload, and so not under the header's protection, it is a claim like any other.
    accepted(&cognito_verifier(), &cognito_token().claim("crit", json!(["exp"])));
}
