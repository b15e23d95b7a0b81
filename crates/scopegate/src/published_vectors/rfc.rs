//! The examples of signed tokens in RFC 7515 (appendices A and E), RFC 7520 (section 4), RFC 8037
//! (appendix A) and RFC 9964 (appendix A).
//!
//! `rfc.json` has them as printed, without the line breaks and with the public half of each key.
//! Keys and signatures of RFC 9964 follow from a seed of zeros, so another implementation has written
//! them: the npm package `@noble/post-quantum` 0.7.1, without randomness.

use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};

use super::check_signature;
use crate::checks::form;
use crate::checks::header::Header;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::verifier::Verifier;
use scopegate_proto::jwk::Jwk;
use scopegate_proto::jws::Part;
use scopegate_proto::thumbprint::Thumbprint;

#[derive(Deserialize)]
struct Example {
    section: String,
    keys: Vec<Value>,
    token: String,
}

fn examples() -> Vec<Example> {
    serde_json::from_str(include_str!("rfc.json")).unwrap()
}

#[track_caller]
fn example(section: &str) -> Example {
    examples().into_iter().find(|example| example.section == section).unwrap()
}

impl Example {
    fn jwks(&self) -> String {
        json!({ "keys": self.keys }).to_string()
    }

    fn check(&self) -> Result<(), String> {
        check_signature(&self.token, &self.jwks())
    }
}

#[test]
fn examples_are_verified_or_rejected_for_their_reason() {
    // A01, A03, A04, A10, A11, A12, A24, A26, ML02
    const NOT_ASYMMETRIC: Option<&str> = Some("expected `alg` to be one of");
    const SERIALISED_AS_JSON: Option<&str> = Some("expected a token of 3 parts, found 1");
    for example in examples() {
        let refusal = match example.section.as_str() {
            // RS256, ES256, ES512, PS384, Ed25519, ML-DSA
            "RFC 9964 A ML-DSA-44"
            | "RFC 9964 A ML-DSA-65"
            | "RFC 9964 A ML-DSA-87"
            | "RFC 7515 A.2"
            | "RFC 7515 A.3"
            | "RFC 7515 A.4"
            | "RFC 7520 4.1"
            | "RFC 7520 4.2"
            | "RFC 7520 4.3"
            | "RFC 8037 A.4" => None,
            // HS256
            "RFC 7515 A.1" | "RFC 7520 4.4" => NOT_ASYMMETRIC,
            // `none`, and an unknown `crit`. Neither token has a signature.
            "RFC 7515 A.5" | "RFC 7515 E" => Some("the signature is empty"),
            "RFC 7515 A.6" | "RFC 7515 A.7" => SERIALISED_AS_JSON,
            // The payload is detached.
            "RFC 7520 4.5" => Some("the payload is empty"),
            // JSON too. Its four dots are in key ids.
            "RFC 7520 4.8 general" => Some("found an encrypted one"),
            section if section.ends_with("general") || section.ends_with("flattened") => SERIALISED_AS_JSON,
            section => panic!("{section} is not expected"),
        };
        match (refusal, example.check()) {
            (None, Ok(())) => {}
            (Some(expected), Err(found)) if found.contains(expected) => {}
            (expected, found) => panic!("{}: expected {expected:?}, found {found:?}", example.section),
        }
    }
    assert_eq!(examples().len(), 32);
}

#[test]
fn example_with_changed_signature_is_rejected() {
    // ML02, FR-B9
    // The examples of appendix A, part 4, and of section 4, part 3, are ES512.
    for section in [
        "RFC 7515 A.2",
        "RFC 7515 A.3",
        "RFC 7515 A.4",
        "RFC 7520 4.1",
        "RFC 7520 4.2",
        "RFC 7520 4.3",
        "RFC 8037 A.4",
        "RFC 9964 A ML-DSA-44",
        "RFC 9964 A ML-DSA-65",
        "RFC 9964 A ML-DSA-87",
    ] {
        let mut example = example(section);
        let start = example.token.rfind('.').unwrap() + 1;
        let other = if example.token[start..].starts_with('A') { "B" } else { "A" };
        example.token.replace_range(start..=start, other);
        assert_eq!(example.check().unwrap_err(), "the signature does not verify", "{section}");
    }
}

#[test]
fn key_id_of_rfc_9964_is_the_thumbprint() {
    // ML03
    for section in ["RFC 9964 A ML-DSA-44", "RFC 9964 A ML-DSA-65", "RFC 9964 A ML-DSA-87"] {
        let [key] = &example(section).keys[..] else { panic!("{section} has one key") };
        let text = key.to_string();
        let thumbprint = Thumbprint::of(&Jwk::from_text(&text).unwrap()).unwrap();
        assert_eq!(thumbprint.to_string(), key["kid"], "{section}");
    }
}

#[test]
fn header_of_negative_example_is_rejected() {
    // A11, A15
    let refusal = |section| {
        let token = format!("{}YQ", example(section).token);
        Header::parse(form::split(token.as_bytes()).unwrap().header()).err().unwrap()
    };
    assert!(
        matches!(refusal("RFC 7515 A.5"), Error::UnacceptableAlgorithm { found, .. } if found.to_string().contains("none"))
    );
    assert!(matches!(refusal("RFC 7515 E"), Error::CriticalExtension));
}

/// The issuer in the examples of RFC 7515 is "joe". They expire on 22 March 2011 at 18:43:00.
#[test]
fn rfc_7515_examples_are_accepted_in_their_time() {
    // A26, C04
    const EXPIRES_AT: u64 = 1_300_819_380;
    for section in ["RFC 7515 A.2", "RFC 7515 A.3"] {
        let example = example(section);
        let verify = |issuer: &str, now| {
            // The constructor requires a URL, so the name is set here. The tokens name no client.
            let mut joe =
                Issuer::from_jwks("https://joe.example", &example.jwks()).unwrap().allow_any_client();
            issuer.clone_into(&mut joe.identifier);
            let clock = move || UNIX_EPOCH + Duration::from_secs(now);
            let verifier = Verifier::builder().clock(clock).leeway(Duration::ZERO).trust(joe);
            verifier.build().unwrap().verify(&example.token)
        };
        let claims = verify("joe", EXPIRES_AT - 1).unwrap();
        assert_eq!(claims.claim::<bool>("http://example.com/is_root").unwrap(), Some(true));
        assert!(matches!(verify("joe", EXPIRES_AT), Err(Error::Expired { .. })));
        assert!(matches!(verify("Joe", EXPIRES_AT - 1), Err(Error::UnknownIssuer { .. })));
    }
}

#[test]
fn other_rfc_7515_examples_are_rejected() {
    // A04, A05, A11, A12
    let verifier = {
        let keys: Vec<Value> = [example("RFC 7515 A.2").keys, example("RFC 7515 A.3").keys].concat();
        let jwks = json!({ "keys": keys }).to_string();
        let mut joe = Issuer::from_jwks("https://joe.example", &jwks).unwrap().allow_any_client();
        "joe".clone_into(&mut joe.identifier);
        let clock = || UNIX_EPOCH + Duration::from_secs(1_300_000_000);
        Verifier::builder().clock(clock).trust(joe).build().unwrap()
    };
    let refusal = |section| verifier.verify(&example(section).token).unwrap_err();
    assert!(verifier.verify(&example("RFC 7515 A.2").token).is_ok());
    assert!(matches!(refusal("RFC 7515 A.1"), Error::UnacceptableAlgorithm { .. }));
    // Its payload is not a set of claims, and its algorithm, ES512, is not accepted by default.
    assert!(matches!(refusal("RFC 7515 A.4"), Error::InvalidJson { part: Part::Payload, .. }));
    assert!(matches!(refusal("RFC 7515 A.5"), Error::NotBase64Url { part: Part::Signature }));
    assert!(matches!(refusal("RFC 7515 A.6"), Error::NotThreeParts { found: 1 }));
    assert!(matches!(refusal("RFC 7515 A.7"), Error::NotThreeParts { found: 1 }));
}
