//! Is the token sender-constrained (`cnf`, RFC 7800)? Such tokens are rejected.

use scopegate::Error;
use serde_json::{Value, json};
use testkit::{accepted, assert_rejected, rfc9068_token, verifier_for_audience};

#[test]
fn sender_constrained_token_is_rejected() {
    // G00, G01, DP01, W8, W14
    accepted(&verifier_for_audience(), &rfc9068_token());
    for cnf in [json!({}), json!({ "vendor": 1 })] {
        accepted(&verifier_for_audience(), &rfc9068_token().claim("cnf", cnf));
    }
    for cnf in [
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({ "jwk": { "kty": "EC" } }),
        json!({ "kid": "pop-key-1" }),
        json!({ "jku": "https://keys.example/", "kid": "1" }),
        json!({ "jwe": "a.b.c.d.e" }),
        json!({ "osc": { "id": "AQ", "ms": "-ejZb8hjmU-kOjhSNVoxsw" } }),
        json!({ "vendor": 1, "jkt": null }),
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "x5t#S256": "bwcK0esc3ACC3DB2Y5_l" }),
        json!({ "jkt": 1 }),
        json!("jkt"),
        json!(null),
        json!([]),
    ] {
        assert_rejected!(
            verifier_for_audience(),
            rfc9068_token().claim("cnf", cnf),
            Error::SenderConstrained { .. }
        );
    }
    let payload = Value::Object(rfc9068_token().claims()).to_string();
    let repeated = payload.replacen('{', r#"{"cnf":{"vendor":1,"vendor":2},"#, 1);
    assert_rejected!(
        verifier_for_audience(),
        rfc9068_token().raw_payload(repeated),
        Error::SenderConstrained { .. }
    );
}
