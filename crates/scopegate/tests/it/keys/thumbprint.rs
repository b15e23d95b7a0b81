//! Can a token name its key by the thumbprint of its certificate?

use scopegate::{Error, Verifier};
use serde_json::{Value, json};
use testkit::{CLIENT, KEY, OTHER_KEY, assert_rejected, client_token, issuer_with_keys, verifier_trusting};

fn jwk(mut jwk: Value, members: &Value) -> Value {
    jwk.as_object_mut().unwrap().remove("kid");
    jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    jwk
}

fn verifier() -> Verifier {
    let first = jwk(KEY.jwk(), &json!({ "x5t": "first", "x5t#S256": "first-256" }));
    let second = jwk(OTHER_KEY.jwk(), &json!({ "x5t": "second", "x5t#S256": "second-256", "kid": "second" }));
    verifier_trusting(issuer_with_keys([first, second]).client(CLIENT))
}

#[test]
fn thumbprint_names_key_like_kid() {
    // FR-B8: two keys, of which AD FS names one by `x5t` alone
    let token = client_token().without_header("kid");
    for (name, ours) in [("x5t", "first"), ("x5t#S256", "first-256")] {
        assert!(verifier().verify(token.clone().header(name, ours).sign_with(&KEY)).is_ok(), "{name}");
        // Twice, so that the second one is a cached token.
        let verifier = verifier();
        let cached = token.clone().header(name, ours).sign_with(&KEY);
        assert!(verifier.verify(&cached).is_ok() && verifier.verify(&cached).is_ok());
        for other in ["FIRST", "first=", "", "third"] {
            assert_rejected!(verifier, token.clone().header(name, other), Error::UnknownKey { .. });
        }
    }
    // The other key is looked up, and its signature counts.
    assert_rejected!(verifier(), token.clone().header("x5t", "second"), Error::BadSignature { .. });
    let second = token.clone().header("x5t", "second").sign_with(&OTHER_KEY);
    assert!(verifier().verify(second).is_ok());
    assert_rejected!(verifier(), token, Error::AmbiguousKey { found: 2, .. });
}

#[test]
fn kid_decides_where_a_token_has_both() {
    // FR-B8
    let both = client_token().header("kid", "second").header("x5t", "first");
    assert!(verifier().verify(both.sign_with(&OTHER_KEY)).is_ok());
    assert_rejected!(verifier(), both, Error::BadSignature { .. });
    // A malformed thumbprint is read only if there is no `kid`.
    let malformed = client_token().header("x5t", 7);
    assert!(verifier().verify(malformed.clone().header("kid", "second").sign_with(&OTHER_KEY)).is_ok());
    assert_rejected!(
        verifier(),
        malformed.without_header("kid"),
        Error::MalformedHeader { parameter: "x5t", .. }
    );
}

#[test]
fn kid_that_is_spelled_like_a_thumbprint_needs_that_keys_signature() {
    // FR-B8
    let spelled = client_token().header("kid", "x5t=second");
    assert!(verifier().verify(spelled.sign_with(&OTHER_KEY)).is_ok());
    assert_rejected!(verifier(), spelled, Error::BadSignature { .. });
}

#[test]
fn two_keys_of_one_certificate_are_ambiguous() {
    // FR-B8
    let keys = [KEY.jwk(), OTHER_KEY.jwk()].map(|key| jwk(key, &json!({ "x5t": "same" })));
    let verifier = verifier_trusting(issuer_with_keys(keys).client(CLIENT));
    let token = client_token().without_header("kid").header("x5t", "same");
    assert_rejected!(verifier, token, Error::AmbiguousKey { found: 2, .. });
    assert_eq!(
        verifier.verify(token.sign_with(&KEY)).unwrap_err().to_string(),
        "https://issuer.example/pool publishes 2 RS256 keys that fit `x5t` \"same\""
    );
}
