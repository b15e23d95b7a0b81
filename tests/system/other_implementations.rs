//! Compatibility with `jsonwebtoken`: it verifies our tokens, and we verify its tokens. Both of its
//! cryptography backends are in the build.

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto, decode, decode_header, encode,
};
use scopegate::{Issuer, Verifier};
use scopegate_issuer::LocalIssuer;
use serde_json::{Value, json};

/// Chooses a backend, because there are two in the build. A second call returns an error, which is
/// ignored.
fn choose_backend() {
    let _ = crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

#[tokio::test]
async fn verifier_does_not_depend_on_chosen_backend() {
    // Our verifier needs no chosen backend.
    let local = LocalIssuer::start().await.unwrap();
    let trusted = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(trusted).start().await.unwrap();
    assert!(verifier.verify(local.mint().sign()).is_ok());
    assert!(verifier.verify(local.mint().bad_signature().sign()).is_err());
}

#[tokio::test]
async fn other_implementation_accepts_our_tokens() {
    // A26: RS256, verified by another implementation
    choose_backend();
    let local = LocalIssuer::start().await.unwrap();
    let keys: JwkSet = serde_json::from_str(&local.default_pool().jwks()).unwrap();
    let verify = |token: &str| {
        let kid = decode_header(token).unwrap().kid.unwrap();
        let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[local.issuer()]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        decode::<BTreeMap<String, Value>>(token, &key, &validation)
    };
    assert_eq!(verify(&local.mint().sign()).unwrap().claims["client_id"], "local-reader");
    assert!(verify(&local.mint().tampered().sign()).is_err());
    assert!(verify(&local.mint().expired().sign()).is_err());
}

#[tokio::test]
async fn tokens_of_other_implementation_are_accepted() {
    // A24
    choose_backend();
    // The Ed25519 key pair of RFC 8037 Appendix A.1 and A.2.
    let seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let key = EncodingKey::from_ed_der(&pkcs8(seed));
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": public, "kid": "rfc8037" }] });
    let issuer = Issuer::from_jwks("https://issuer.example", &keys.to_string()).unwrap();
    let verifier = Verifier::builder().trust(issuer.audience("api")).build().unwrap();

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims =
        |aud: &str| json!({ "iss": "https://issuer.example", "aud": aud, "exp": now + 60, "scope": "a" });
    let header = Header { kid: Some("rfc8037".to_owned()), ..Header::new(Algorithm::EdDSA) };
    let verify = |aud| verifier.verify(encode(&header, &claims(aud), &key).unwrap());
    assert!(verify("api").unwrap().scopes().contains("a"));
    assert!(verify("other").is_err());
}

/// Returns an Ed25519 private key as DER (RFC 8410 §7): a fixed prefix, then the seed.
fn pkcs8(seed: &str) -> Vec<u8> {
    let beginning = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    [&beginning[..], &URL_SAFE_NO_PAD.decode(seed).unwrap()].concat()
}
