//! Which Ed25519 keys are used, and for which algorithm names? docs/generated/conformance.md has
//! the row ids (A24).

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::{Algorithm, ConfigError, Error, Verifier};
use scopegate_issuer::{Algorithm as KeyAlgorithm, SigningKey};
use serde_json::Value;
use testkit::{NOW, builder_at, client_token, issuer_for_client};

static ED25519: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(KeyAlgorithm::EdDSA));

fn verifier(keys: &[Value], algorithms: &[Algorithm]) -> Result<Verifier, ConfigError> {
    let issuer = issuer_for_client(keys.iter().cloned())?;
    builder_at(NOW).trust(issuer.algorithms(algorithms.iter().copied())).build()
}

/// The key with another `x`, and no `alg`.
fn with_x(x: &[u8]) -> Value {
    let mut jwk = ED25519.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    jwk["x"] = URL_SAFE_NO_PAD.encode(x).into();
    jwk
}

#[test]
fn eddsa_and_ed25519_name_the_same_algorithm() {
    // A24: RFC 8037 §3.1 calls it EdDSA, RFC 9864 §2.2 Ed25519
    let mut unnamed = ED25519.jwk();
    unnamed.as_object_mut().unwrap().remove("alg");
    let named = |alg: &str| {
        let mut jwk = unnamed.clone();
        jwk["alg"] = alg.into();
        jwk
    };
    for configured in ["EdDSA", "Ed25519"] {
        for jwk in [unnamed.clone(), named("EdDSA"), named("Ed25519")] {
            let verifier = verifier(std::slice::from_ref(&jwk), &[configured.parse().unwrap()]).unwrap();
            for alg in ["EdDSA", "Ed25519"] {
                let token = client_token().alg(alg).sign_with(&ED25519);
                assert!(verifier.verify(&token).is_ok(), "{configured} {jwk} {alg}");
            }
            for alg in ["eddsa", "ed25519", "Ed448", "EdDSA "] {
                let error = verifier.verify(client_token().alg(alg).sign_with(&ED25519)).unwrap_err();
                assert!(matches!(error, Error::UnacceptableAlgorithm { .. }), "{alg} {error:?}");
            }
        }
    }
    for alg in ["eddsa", "ed25519", "Ed448", "ES256"] {
        assert!(verifier(&[named(alg)], Algorithm::ALL).is_err(), "{alg}");
    }
}

/// The eight points of small order: y, with and without the sign of x. For 1 and -1 there is one
/// point each. The encoding with a sign is no point, and is rejected too.
#[test]
fn key_of_small_order_is_skipped() {
    // A24
    let minus_one = [[0xec].as_slice(), &[0xff; 30], &[0x7f]].concat();
    let of_order_8 =
        ["JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"]
            .map(|y| URL_SAFE_NO_PAD.decode(y).unwrap());
    let one = [[1].as_slice(), &[0; 31]].concat();
    let [first, second] = of_order_8;
    for mut x in [one, minus_one, vec![0; 32], first, second] {
        for sign in [0, 0x80] {
            *x.last_mut().unwrap() |= sign;
            assert_left_out(&with_x(&x), "small order");
        }
    }
}

#[test]
fn non_canonical_key_is_skipped() {
    // A24, RFC 8032 §5.1.3: y is less than p = 2^255 - 19. p + 1 is another encoding of 1, the
    // neutral element.
    for more in 0..=18 {
        for last in [0x7f, 0xff] {
            let x = [[0xed + more].as_slice(), &[0xff; 30], &[last]].concat();
            assert_left_out(&with_x(&x), "canonically");
        }
    }
}

/// Asserts that a JWKS with this key alone is invalid, that the key does not affect a valid key
/// beside it, and that it verifies nothing.
#[track_caller]
fn assert_left_out(jwk: &Value, reason: &str) {
    let error = verifier(std::slice::from_ref(jwk), Algorithm::ALL).unwrap_err();
    assert!(matches!(error, ConfigError::InvalidKeySet { .. }), "{error:?}");
    assert!(error.to_string().contains(reason), "{error}");

    let good = ED25519.clone().with_kid("good");
    let beside = verifier(&[jwk.clone(), good.jwk()], Algorithm::ALL).unwrap();
    assert!(beside.verify(client_token().sign_with(&good)).is_ok());
    let neutral_and_zero = [[1].as_slice(), &[0; 63]].concat();
    let token = client_token().sign_with(&ED25519);
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(neutral_and_zero));
    assert!(matches!(beside.verify(&forged), Err(Error::UnknownKey { .. })));
}
