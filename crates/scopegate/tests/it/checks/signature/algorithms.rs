//! Which signatures verify, and which tokens are rejected before the signature check?
//! docs/generated/conformance.md has the row ids (A25, …).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use scopegate::{Algorithm, Error, Issuer, Verifier};
use scopegate_issuer::{Algorithm as KeyAlgorithm, SigningKey};
use serde_json::{Value, json};
use testkit::{CLIENT, NOW, builder_at, client_token, verifier_for_client};

/// The same token with another signature.
fn signed(token: &str, signature: &[u8]) -> String {
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[track_caller]
fn assert_bad_signature(verifier: &Verifier, token: &str, how: &str) {
    let rejected = verifier.verify(token);
    assert!(matches!(rejected, Err(Error::BadSignature { .. })), "{how}: {rejected:?}");
}

/// An INTEGER or SEQUENCE of DER (X.690 §8.3, §8.9).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match u16::try_from(content.len()).unwrap() {
        short @ 0..=127 => vec![short.to_be_bytes()[1]],
        medium @ 128..=255 => vec![0x81, medium.to_be_bytes()[1]],
        long => [&[0x82], &long.to_be_bytes()[..]].concat(),
    };
    [&[tag], &length[..], content].concat()
}

fn der_integer(number: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    let sign = digits.first().is_none_or(|first| *first >= 0x80);
    der(2, &[if sign { &[0][..] } else { &[] }, &digits].concat())
}

#[test]
fn pss_salt_of_wrong_length_is_rejected() {
    // A25
    let made: Value = serde_json::from_str(include_str!("pss_salt_lengths.json")).unwrap();
    let verifier = verifier_for_client([made["jwk"].clone()]);
    let tokens = made["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 18);
    for made in tokens {
        let (alg, salt) = (made["alg"].as_str().unwrap(), made["salt"].as_u64().unwrap());
        let token = made["token"].as_str().unwrap();
        if [("PS256", 32), ("PS384", 48), ("PS512", 64)].contains(&(alg, salt)) {
            assert!(verifier.verify(token).is_ok(), "{alg} with a salt of {salt}");
        } else {
            assert_bad_signature(&verifier, token, &format!("{alg} with a salt of {salt}"));
        }
    }
}

#[test]
fn public_key_is_never_an_hmac_secret() {
    // A12, A27: the attacker uses any form of the public key as the secret. There is no HMAC here.
    let key = SigningKey::generate(KeyAlgorithm::RS256);
    let jwk = key.jwk();
    let verifier = verifier_for_client([jwk.clone()]);
    assert!(verifier.verify(client_token().sign_with(&key)).is_ok());
    let number = |member: &str| URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap();
    let pkcs1 = der(0x30, &[der_integer(&number("n")), der_integer(&number("e"))].concat());
    // AlgorithmIdentifier of rsaEncryption (RFC 3279 §2.3.1), then the key as a BIT STRING.
    let rsa_encryption =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let bits = der(3, &[&[0], &pkcs1[..]].concat());
    let spki = der(0x30, &[&rsa_encryption[..], &bits].concat());
    let lines: Vec<String> = STANDARD
        .encode(&spki)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into())
        .collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    for secret in [
        pem.as_bytes(),
        pem.trim_end().as_bytes(),
        &spki,
        &pkcs1,
        &number("n"),
        jwk.to_string().as_bytes(),
        json!({ "keys": [jwk] }).to_string().as_bytes(),
        b"",
    ] {
        for (alg, hash) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            assert!(alg.parse::<Algorithm>().is_err());
            let unsigned = client_token().alg(alg).sign_with(&key);
            let (signing_input, _) = unsigned.rsplit_once('.').unwrap();
            let tag = hmac::sign(&hmac::Key::new(hash, secret), signing_input.as_bytes());
            let rejected = verifier.verify(signed(&unsigned, tag.as_ref()));
            assert!(matches!(rejected, Err(Error::UnacceptableAlgorithm { .. })), "{alg}: {rejected:?}");
            // The tag is not a signature of the key's own algorithm either.
            let token = client_token().sign_with(&key);
            assert_bad_signature(&verifier, &signed(&token, tag.as_ref()), alg);
        }
    }
}

#[tokio::test]
async fn unlisted_algorithm_is_rejected_before_key_lookup() {
    // A10, A11, A12: these keys are never available, so a key lookup would fail with
    // `KeysUnavailable`
    const REGISTERED: [&str; 20] = [
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "ES256",
        "ES384",
        "ES512",
        "PS256",
        "PS384",
        "PS512",
        "none",
        "EdDSA",
        "Ed25519",
        "Ed448",
        "ES256K",
        "ML-DSA-44",
        "ML-DSA-65",
        "ML-DSA-87",
    ];
    let issuer = Issuer::from_jwks_uri("http://127.0.0.1:1/pool", "http://127.0.0.1:1/keys").unwrap();
    let issuer = issuer.client(CLIENT).algorithms([Algorithm::ES256]);
    let verifier = builder_at(NOW).trust(issuer).start_lazy().unwrap();
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let of_issuer = client_token().claim("iss", "http://127.0.0.1:1/pool");
    for alg in REGISTERED {
        let error = verifier.verify(of_issuer.clone().alg(alg).sign_with(&key)).unwrap_err();
        if alg == "ES256" {
            assert!(matches!(error, Error::KeysUnavailable { .. }), "{alg} {error:?}");
        } else {
            assert!(matches!(error, Error::UnacceptableAlgorithm { .. }), "{alg} {error:?}");
        }
    }
}

#[test]
fn each_failing_step_rejects_the_token() {
    // A28: each token fails in one step only; if the signature covers the fault, the signature is
    // valid
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let good = client_token();
    let verifier = verifier_for_client([key.jwk()]);
    let good_token = good.sign_with(&key);
    assert!(verifier.verify(&good_token).is_ok());
    let of_other = verifier_for_client([SigningKey::generate(KeyAlgorithm::ES256).with_kid(key.kid()).jwk()]);
    assert_bad_signature(&of_other, &good_token, "another key of that name");
    for (step, expected, broken) in [
        ("size", "TooLong", good.clone().claim("padding", "x".repeat(16 * 1024)).sign_with(&key)),
        ("parts", "NotThreeParts", format!("{good_token}.e30")),
        ("base64url", "NotBase64Url", format!("{good_token}=")),
        ("header", "InvalidJson", good.clone().raw_header("[]").sign_with(&key)),
        (
            "critical extensions",
            "CriticalExtension",
            good.clone().header("crit", json!(["exp"])).sign_with(&key),
        ),
        ("payload", "InvalidJson", good.clone().raw_payload("[]").sign_with(&key)),
        ("issuer", "UnknownIssuer", good.clone().claim("iss", "https://other.example").sign_with(&key)),
        ("algorithm", "UnacceptableAlgorithm", good.clone().alg("none").sign_with(&key)),
        ("type", "WrongType", good.clone().header("typ", "dpop+jwt").sign_with(&key)),
        ("key", "UnknownKey", good.clone().header("kid", "other").sign_with(&key)),
        ("key and algorithm", "UnknownKey", good.clone().alg("RS256").sign_with(&key)),
        ("signature", "BadSignature", good.clone().bad_signature().sign_with(&key)),
        ("signed text", "BadSignature", good.clone().tampered().sign_with(&key)),
        ("signed header", "BadSignature", {
            let header = json!({ "kid": key.kid(), "alg": "ES256", "typ": "at+jwt" }).to_string();
            let rest = good_token.split_once('.').unwrap().1;
            format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
        }),
        ("time", "Expired", good.clone().expired().sign_with(&key)),
        ("audience", "WrongAudience", good.clone().claim("aud", "other").sign_with(&key)),
        ("client", "WrongClient", good.clone().client("other").sign_with(&key)),
        ("kind", "NotAnAccessToken", good.clone().claim("at_hash", "x").sign_with(&key)),
        ("binding", "SenderConstrained", good.clone().claim("cnf", json!({ "jkt": "x" })).sign_with(&key)),
        ("scopes", "MalformedClaim", good.clone().claim("scope", 1).sign_with(&key)),
        ("subject", "MalformedClaim", good.clone().claim("sub", 1).sign_with(&key)),
    ] {
        let error = format!("{:?}", verifier.verify(&broken).unwrap_err());
        assert!(error.starts_with(expected), "{step}: {error}");
    }
}
