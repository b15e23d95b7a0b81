//! Which keys of a JWKS are used? An unusable key is skipped, and does not affect the others.
//! docs/generated/conformance.md has the row ids (B02, …).

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::{ConfigError, Error, Issuer, Verifier};
use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::{Value, json};
use testkit::{ISSUER, NOW, builder_at, client_token, issuer_for_client, jwks, verifier_trusting};

static RSA: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::RS256));
static ES256: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256));
static ES384: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES384));
static ED25519: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::EdDSA));

fn verifier(keys: &[Value]) -> Result<Verifier, ConfigError> {
    builder_at(NOW).trust(issuer_for_client(keys.iter().cloned())?).build()
}

fn token_of(key: &SigningKey) -> String {
    client_token().sign_with(key)
}

/// A JWK with some members set; `null` removes one.
fn changed(key: &SigningKey, changes: &Value) -> Value {
    let mut jwk = key.jwk();
    for (member, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(member)),
            value => jwk[member] = value.clone(),
        }
    }
    jwk
}

#[track_caller]
fn assert_usable(key: &SigningKey, jwk: &Value) {
    let token = token_of(key);
    let verified = verifier(std::slice::from_ref(jwk)).unwrap().verify(&token);
    assert!(verified.is_ok(), "{verified:?}");
}

/// Asserts that a JWKS with this key alone is invalid, and that the key does not affect a valid key
/// beside it.
#[track_caller]
fn assert_unusable(jwk: &Value, reason: &str) {
    let error = verifier(std::slice::from_ref(jwk)).unwrap_err();
    assert!(matches!(error, ConfigError::InvalidKeySet { .. }), "{error:?}");
    assert!(error.to_string().contains(reason), "{error} does not say {reason:?}");
    let good = SigningKey::clone(&ED25519).with_kid("good");
    let beside = verifier(&[jwk.clone(), good.jwk()]).unwrap();
    assert!(beside.verify(token_of(&good)).is_ok());
}

fn encoded(bytes: &[u8]) -> Value {
    URL_SAFE_NO_PAD.encode(bytes).into()
}

fn decoded(jwk: &Value, member: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap()
}

#[test]
fn keys_of_every_supported_type_are_used() {
    // A20, A23, A24
    for key in [&RSA, &ES256, &ES384, &ED25519] {
        assert_usable(key, &key.jwk());
    }
}

#[test]
fn unknown_and_absent_optional_members_are_ignored() {
    // B03: keys of Entra ID have `x5t`, `x5c` and `issuer`, but no `alg`; other issuers omit `use`
    let more = json!({ "alg": null, "use": null, "x5t": "x", "x5c": ["y"], "issuer": ISSUER, "unknown": { "a": 1 } });
    for key in [&RSA, &ES256, &ES384, &ED25519] {
        assert_usable(key, &changed(key, &more));
        assert_usable(key, &changed(key, &json!({ "use": null, "key_ops": ["verify"] })));
    }
}

#[test]
fn key_without_alg_serves_its_type_only() {
    // A14
    let any = verifier(&[changed(&RSA, &json!({ "alg": null }))]).unwrap();
    for alg in [Algorithm::RS384, Algorithm::PS256, Algorithm::PS512] {
        let other = client_token().alg(alg).sign_with(&RSA);
        // The key is found, but the signature was made with another algorithm.
        assert!(matches!(any.verify(&other), Err(Error::BadSignature { .. })), "{alg}");
    }
    let es256 = client_token().alg("ES256").sign_with(&RSA);
    assert!(matches!(any.verify(&es256), Err(Error::UnknownKey { .. })));
}

#[test]
fn unsupported_key_is_skipped() {
    // A24, B02, B05, B08, FA16
    for (jwk, reason) in [
        (json!({ "kty": "AKP", "alg": "SLH-DSA-SHA2-128s", "pub": "AQAB" }), "unsupported `alg`"),
        (changed(&RSA, &json!({ "kty": "rsa" })), "`kty`"),
        (changed(&RSA, &json!({ "kty": null })), "no `kty`"),
        (changed(&ED25519, &json!({ "crv": "X25519" })), "`crv`"),
        (changed(&ED25519, &json!({ "crv": "Ed448" })), "`crv`"),
        (changed(&ES256, &json!({ "crv": "secp256k1" })), "`crv`"),
        (changed(&ES256, &json!({ "crv": "P-224" })), "`crv`"),
        (changed(&ES256, &json!({ "crv": "P-521", "alg": null })), "public key"),
        (changed(&ES256, &json!({ "crv": null })), "no `crv`"),
        (json!({ "kty": "oct", "k": "AQAB", "alg": "HS256" }), "private or symmetric"),
        (changed(&RSA, &json!({ "alg": "RSA-OAEP" })), "`alg`"),
        (changed(&RSA, &json!({ "alg": "ES256" })), "`alg`"),
        (changed(&ES256, &json!({ "alg": "ES384" })), "`alg`"),
        (changed(&RSA, &json!({ "alg": "none" })), "`alg`"),
        (json!("text"), "not one JSON object"),
        (json!(null), "not one JSON object"),
    ] {
        assert_unusable(&jwk, reason);
    }
}

#[test]
fn harmless_null_member_counts_as_absent() {
    // FR-B1
    let null = |key: &SigningKey, member: &str| {
        let mut jwk = key.jwk();
        jwk[member] = Value::Null;
        jwk
    };
    let verifies = |jwk: Value| {
        let token = client_token().without_header("kid").sign_with(&RSA);
        verifier(&[jwk]).is_ok_and(|verifier| verifier.verify(token).is_ok())
    };
    for member in ["kid", "x5t", "x5t#S256", "x5c", "unknown"] {
        assert!(verifies(null(&RSA, member)), "{member}");
    }
    for member in ["alg", "use", "key_ops", "issuer"] {
        assert_unusable(&null(&RSA, member), &format!("malformed `{member}`"));
    }
    for member in ["kty", "n", "e"] {
        assert_unusable(&null(&RSA, member), &format!("no `{member}`"));
    }
    for member in ["crv", "x", "y"] {
        assert_unusable(&null(&ES256, member), &format!("no `{member}`"));
    }
}

#[test]
fn ml_dsa_key_with_wrong_members_is_skipped() {
    // ML01
    let key = SigningKey::generate(Algorithm::MlDsa44);
    let trusted = |jwk: Value| {
        let issuer =
            issuer_for_client([jwk, RSA.jwk()])?.algorithms(scopegate::Algorithm::ALL.iter().copied());
        builder_at(NOW).trust(issuer).build()
    };
    for change in [json!({}), json!({ "use": null }), json!({ "key_ops": ["verify"] })] {
        assert!(trusted(changed(&key, &change)).unwrap().verify(token_of(&key)).is_ok(), "{change}");
    }
    for (change, reason) in [
        (json!({ "alg": null }), "has no `alg`"),
        (json!({ "alg": "ML-DSA-65" }), "has a malformed `pub`"),
        (json!({ "alg": "ML-DSA-87" }), "has a malformed `pub`"),
        (json!({ "alg": "ml-dsa-44" }), "has an unsupported `alg`"),
        (json!({ "alg": "ES256" }), "has an unsupported `alg`"),
        (json!({ "pub": null }), "has no `pub`"),
        (json!({ "pub": "AQAB" }), "has a malformed `pub`"),
        (json!({ "pub": encoded(&[0; 1313]) }), "has a malformed `pub`"),
        (json!({ "kty": "OKP", "crv": "ML-DSA-44" }), "has an unsupported `crv`"),
        (json!({ "priv": encoded(&[0; 32]) }), "holds private or symmetric key material"),
        (json!({ "use": "enc" }), "is not for verifying signatures"),
        (json!({ "key_ops": ["sign"] }), "is not for verifying signatures"),
    ] {
        let verifier = trusted(changed(&key, &change)).unwrap();
        let status = verifier.status();
        let skipped = &status.issuers()[0].skipped_keys;
        assert_eq!(skipped.iter().map(|key| key.reason.as_str()).collect::<Vec<_>>(), [reason], "{change}");
        let rejected = verifier.verify(token_of(&key));
        assert!(matches!(rejected, Err(Error::UnknownKey { .. })), "{change}: {rejected:?}");
        assert!(verifier.verify(token_of(&RSA)).is_ok());
    }
}

#[test]
fn key_of_another_issuer_is_skipped() {
    // FR-B7
    assert_usable(&RSA, &changed(&RSA, &json!({ "issuer": ISSUER })));
    for other in ["https://issuer.example/pool/", "https://ISSUER.example/pool", "{tenantid}", ""] {
        assert_unusable(&changed(&RSA, &json!({ "issuer": other })), "the `issuer` of another issuer");
    }
    assert_unusable(&changed(&RSA, &json!({ "issuer": [ISSUER] })), "malformed `issuer`");
}

#[test]
fn key_with_malformed_member_is_skipped() {
    // B02, B05
    for member in ["kty", "kid", "alg", "use", "n", "e", "x5t", "x5t#S256", "issuer"] {
        assert_unusable(&changed(&RSA, &json!({ member: 7 })), &format!("malformed `{member}`"));
    }
    for member in ["n", "e"] {
        assert_unusable(&changed(&RSA, &json!({ member: "a+b/" })), &format!("malformed `{member}`"));
    }
    assert_unusable(&changed(&RSA, &json!({ "key_ops": "verify" })), "malformed `key_ops`");
}

#[test]
fn key_for_another_purpose_is_skipped() {
    // B06, B07
    for change in [
        json!({ "use": "enc" }),
        json!({ "use": "" }),
        json!({ "use": "SIG" }),
        json!({ "use": "sig", "key_ops": ["encrypt"] }),
        json!({ "key_ops": ["sign"] }),
        json!({ "key_ops": [] }),
    ] {
        assert_unusable(&changed(&RSA, &change), "not for verifying");
    }
    assert_unusable(&changed(&RSA, &json!({ "key_ops": ["verify", "verify"] })), "malformed `key_ops`");
    assert_usable(&RSA, &changed(&RSA, &json!({ "key_ops": ["sign", "verify"] })));
    // A key that is listed for both purposes is used. The entry for encryption has no effect.
    let set = [changed(&RSA, &json!({ "use": "enc", "alg": null })), RSA.jwk()];
    assert!(verifier(&set).unwrap().verify(token_of(&RSA)).is_ok());
}

#[test]
fn key_with_contradicting_key_ops_is_skipped() {
    // B07
    for operations in [json!(["verify"]), json!(["verify", "sign"]), json!(["verify", "of a vendor"])] {
        assert_usable(&RSA, &changed(&RSA, &json!({ "use": "sig", "key_ops": operations })));
    }
    for other in ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"] {
        for operations in [json!(["verify", other]), json!([other, "verify"])] {
            let jwk = changed(&RSA, &json!({ "use": "sig", "key_ops": operations }));
            assert_unusable(&jwk, "malformed `key_ops`");
        }
    }
}

#[test]
fn private_or_symmetric_key_is_skipped() {
    // B11
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_unusable(&changed(&RSA, &json!({ member: "AQAB" })), "private or symmetric");
    }
}

#[test]
fn secret_in_jwks_is_not_shown() {
    // B11
    let secret = "c2VjcmV0IHNlY3JldA";
    let leaky = changed(&RSA, &json!({ "d": secret }));
    let issuer = issuer_for_client([leaky.clone(), ED25519.jwk()]).unwrap();
    let of_issuer = format!("{issuer:?}");
    let verifier = verifier_trusting(issuer);
    assert!(verifier.verify(token_of(&ED25519)).is_ok());
    let error = issuer_for_client([leaky]).unwrap_err();
    let shown = format!("{of_issuer} {verifier:?} {:?} {error} {error:?}", verifier.status());
    assert!(!shown.contains(secret), "{shown}");
}

#[test]
fn key_with_repeated_member_is_skipped() {
    // B04
    let jwk = ED25519.jwk().to_string();
    let (x, n) = (ED25519.jwk()["x"].to_string(), RSA.jwk()["n"].to_string());
    for (jwk, repeated) in [
        (jwk.clone(), r#""x":"AQAB""#.to_owned()),
        (jwk, format!(r#""x":{x}"#)),
        (RSA.jwk().to_string(), r#""n":"AQAB""#.to_owned()),
        (RSA.jwk().to_string(), format!(r#""n":{n}"#)),
        (RSA.jwk().to_string(), r#""vendor":1,"vendor":2"#.to_owned()),
    ] {
        for twice in
            [jwk.replacen('{', &format!("{{{repeated},"), 1), jwk.replacen('}', &format!(",{repeated}}}"), 1)]
        {
            let set = format!("{{\"keys\":[{twice}]}}");
            assert!(
                matches!(Issuer::from_jwks(ISSUER, &set), Err(ConfigError::InvalidKeySet { .. })),
                "{set}"
            );
        }
    }
}

#[test]
fn rsa_key_size_out_of_range_is_skipped() {
    // A20, FA15
    for bits in [3072, 4096] {
        let key = SigningKey::generate_rsa(Algorithm::RS256, bits);
        assert_usable(&key, &key.jwk());
    }
    let n = decoded(&RSA.jwk(), "n");
    let mut one_bit_less = n.clone();
    one_bit_less[0] = 0x7f;
    let one_bit_more = [&[1][..], &[n.as_slice(); 4].concat()].concat();
    for n in [&n[128..], &one_bit_less, &one_bit_more, &[n.as_slice(); 8].concat(), &[]] {
        assert_unusable(&changed(&RSA, &json!({ "n": encoded(n) })), "`n`");
    }
    // The private key does not exist. The key is not skipped for its size.
    let largest = changed(&RSA, &json!({ "n": encoded(&[n.as_slice(); 4].concat()) }));
    let signed_by_another = verifier(&[largest]).unwrap().verify(token_of(&RSA));
    assert!(matches!(signed_by_another, Err(Error::BadSignature { .. })), "{signed_by_another:?}");
}

#[test]
fn rsa_exponent_out_of_range_is_skipped() {
    // A21
    for e in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 1, 1]] {
        assert_unusable(&changed(&RSA, &json!({ "e": encoded(e) })), "`e`");
    }
    for e in [&[3][..], &[1, 0, 0, 0, 1]] {
        let others = verifier(&[changed(&RSA, &json!({ "e": encoded(e) }))]).unwrap();
        assert!(matches!(others.verify(token_of(&RSA)), Err(Error::BadSignature { .. })), "{e:?}");
    }
    assert_unusable(&changed(&RSA, &json!({ "e": null })), "no `e`");
}

#[test]
fn leading_zeros_of_rsa_numbers_are_accepted() {
    let n = [&[0][..], &decoded(&RSA.jwk(), "n")].concat();
    assert_usable(&RSA, &changed(&RSA, &json!({ "n": encoded(&n), "e": encoded(&[0, 1, 0, 1]) })));
}

#[test]
fn invalid_curve_point_is_skipped() {
    // A23
    for (key, length) in [(&ES256, 32), (&ES384, 48)] {
        let (x, y) = (decoded(&key.jwk(), "x"), decoded(&key.jwk(), "y"));
        let mut off_curve = y.clone();
        off_curve[length - 1] ^= 1;
        let zero = vec![0; length];
        for (x, y) in [
            (&x[1..], &y[..]),
            (&x[..], &y[1..]),
            (&[&[0], &x[..]].concat(), &y[..]),
            (&x[..], &off_curve[..]),
            (&zero, &zero),
            (&[], &[]),
        ] {
            assert_unusable(&changed(key, &json!({ "x": encoded(x), "y": encoded(y) })), "public key");
        }
    }
    assert_unusable(&changed(&ES256, &json!({ "crv": "P-384", "alg": null })), "public key");
    for x in [&[][..], &[0; 31], &[0; 33], &[0; 64]] {
        assert_unusable(&changed(&ED25519, &json!({ "x": encoded(x) })), "public key");
    }
}

#[test]
fn invalid_key_numbers_are_skipped() {
    // FR-A8: such keys verify nothing, and must not displace others.
    let mut n = decoded(&RSA.jwk(), "n");
    let last = n.len() - 1;
    assert_usable(&RSA, &changed(&RSA, &json!({ "n": encoded(&n) })));
    n[last] -= 1;
    assert_unusable(&changed(&RSA, &json!({ "n": encoded(&n) })), "public key");
    // The curve has a point with y = 3, and none with y = 2.
    for (y, is_on_curve) in [(3, true), (2, false)] {
        for sign in [0, 0x80] {
            let mut x = [0; 32];
            (x[0], x[31]) = (y, sign);
            let jwk = changed(&ED25519, &json!({ "x": encoded(&x) }));
            if is_on_curve {
                let error = verifier(&[jwk]).unwrap().verify(token_of(&ED25519)).unwrap_err();
                assert!(matches!(error, Error::BadSignature { .. }), "{error}");
            } else {
                assert_unusable(&jwk, "public key");
            }
        }
    }
}

#[test]
fn repeated_key_counts_once() {
    // B09
    let twice = verifier(&[RSA.jwk(), ED25519.jwk(), RSA.jwk()]).unwrap();
    assert!(twice.verify(token_of(&RSA)).is_ok());
    let other = SigningKey::generate(Algorithm::RS256).with_kid(RSA.kid());
    let ambiguous = verifier(&[RSA.jwk(), other.jwk()]).unwrap();
    assert!(matches!(ambiguous.verify(token_of(&RSA)), Err(Error::AmbiguousKey { found: 2, .. })));
}

#[test]
fn document_without_key_set_is_rejected() {
    // B01, B22
    let good = ED25519.jwk();
    let many = |count: usize| jwks(vec![good.clone(); count]);
    assert!(Issuer::from_jwks(ISSUER, &many(100)).is_ok());
    for set in [
        "",
        "<!doctype html><title>Sign in</title>",
        "{}",
        "[]",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[]}"#,
        r#"{"keys":[],"keys":[]}"#,
        &many(101),
        many(2).trim_end_matches('}'),
    ] {
        assert!(matches!(Issuer::from_jwks(ISSUER, set), Err(ConfigError::InvalidKeySet { .. })), "{set}");
    }
}
