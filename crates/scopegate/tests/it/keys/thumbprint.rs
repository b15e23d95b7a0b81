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
fn kid_like_a_thumbprint_names_no_key() {
    // FR-B8
    let spelled = client_token().header("kid", "x5t=second");
    assert_rejected!(verifier(), spelled.clone(), Error::UnknownKey { .. });
    assert!(verifier().verify(spelled.header("kid", "second").sign_with(&OTHER_KEY)).is_ok());
}

#[test]
fn thumbprint_counts_only_if_the_set_publishes_it() {
    // FR-B8: many issuers write `x5t` into tokens and publish no thumbprint.
    let verifier = |keys: &[Value]| verifier_trusting(issuer_with_keys(keys.to_vec()).client(CLIENT));
    let without = jwk(KEY.jwk(), &json!({}));
    let other = jwk(OTHER_KEY.jwk(), &json!({}));
    let x5t = |value: &str| client_token().without_header("kid").header("x5t", value);
    // No key publishes one: as without a name.
    let one = verifier(std::slice::from_ref(&without));
    let token = x5t("ours").sign_with(&KEY);
    assert!(one.verify(&token).is_ok() && one.verify(&token).is_ok());
    assert_rejected!(one, x5t("ours").bad_signature(), Error::BadSignature { key_id: None, .. });
    let two = verifier(&[without.clone(), other.clone()]);
    assert_rejected!(two, x5t("ours"), Error::AmbiguousKey { found: 2, key_id: None, .. });
    // A thumbprint is not compared with a `kid`.
    let kid = jwk(KEY.jwk(), &json!({ "kid": "ours" }));
    assert!(verifier(std::slice::from_ref(&kid)).verify(&token).is_ok());
    assert_rejected!(verifier(&[kid, other.clone()]), x5t("ours"), Error::AmbiguousKey { found: 2, .. });
    // The set publishes `x5t` only, so the stronger one of the token does not count.
    let weak = verifier(&[jwk(KEY.jwk(), &json!({ "x5t": "ours" })), other.clone()]);
    let both = x5t("ours").header("x5t#S256", "ours-256");
    assert!(weak.verify(both.sign_with(&KEY)).is_ok());
    assert_rejected!(weak, x5t("theirs").header("x5t#S256", "ours-256"), Error::UnknownKey { .. });
    // It publishes both: the stronger one decides.
    let strong =
        verifier(&[jwk(KEY.jwk(), &json!({ "x5t": "ours", "x5t#S256": "ours-256" })), other.clone()]);
    assert!(strong.verify(x5t("theirs").header("x5t#S256", "ours-256").sign_with(&KEY)).is_ok());
    assert_rejected!(strong, x5t("ours").header("x5t#S256", "theirs"), Error::UnknownKey { .. });
    // Some key publishes it and none matches, although one key has none.
    assert_rejected!(weak, x5t("theirs"), Error::UnknownKey { .. });
    // A key of another use that has no part in the token's name does not count.
    let enc = jwk(other, &json!({ "use": "enc", "x5t": "enc" }));
    assert!(verifier(&[without, enc]).verify(&token).is_ok());
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
