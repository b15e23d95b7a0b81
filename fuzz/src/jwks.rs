//! Key sets. The first byte of an input is the kind of the rest. After `+` it is junk, one JSON
//! value on each line, among which a valid key must stay usable. Otherwise it is a whole document.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use scopegate::fuzzing::Keys;
use scopegate::{Algorithm, Error, Issuer, Verifier};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::signer::Signer;
use crate::text::assert_fit_for_a_log;
use crate::verdicts;

const ISSUER: &str = "https://issuer.example";
const CLIENT: &str = "1example23456789";
const NOW: u64 = 1_800_000_000;

/// Maximum length of an error with the reasons to skip 100 keys.
const REASONS: usize = 8 * 1024;

/// A key set, as RFC 7517 §5 defines it.
#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: Option<String>,
    #[serde(rename = "x5t#S256")]
    x5t_s256: Option<String>,
    x5t: Option<String>,
}

/// Returns the name that a key is shown by.
fn name(jwk: &RawValue) -> Option<String> {
    let Jwk { kid, x5t_s256, x5t } = serde_json::from_str(jwk.get()).ok()?;
    kid.or_else(|| x5t_s256.map(|value| format!("x5t#S256={value}")))
        .or_else(|| x5t.map(|value| format!("x5t={value}")))
}

pub fn check(input: &[u8]) {
    match input.split_first() {
        Some((b'+', junk)) => check_good_key_among(junk),
        Some((_, document)) => check_document(document),
        None => {}
    }
}

fn check_document(document: &[u8]) {
    let keys = Keys::read(document);
    verdicts::count(&keys.as_ref().map(|_| ()));
    match &keys {
        Ok(keys) => {
            let set: Set<'_> =
                serde_json::from_slice(document).expect("it is an object with an array `keys`");
            assert!((1..=100).contains(&set.keys.len()), "{} keys", set.keys.len());
            let named: BTreeSet<String> = set.keys.iter().filter_map(|jwk| name(jwk)).collect();
            assert!(keys.ids().iter().all(|id| named.contains(id)), "an id that no key has");
            assert!(keys.ids().is_sorted_by(|a, b| a < b), "the ids are not in order");
            assert!(keys.stay_when_read_again(document), "a key was prepared twice");
        }
        Err(reason) => assert_fit_for_a_log(reason, REASONS),
    }
    // The constructor must return the same result. The default algorithms exclude some keys.
    if let Ok(text) = std::str::from_utf8(document) {
        let every = || Algorithm::ALL.iter().copied();
        let issuer = Issuer::from_jwks(ISSUER, text).map(|issuer| issuer.client(CLIENT).algorithms(every()));
        assert_eq!(issuer.is_ok(), keys.is_ok());
        match issuer {
            Ok(issuer) => assert!(Verifier::builder().trust(issuer).build().is_ok()),
            Err(error) => assert_fit_for_a_log(&error.to_string(), REASONS),
        }
    }
}

fn check_good_key_among(junk: &[u8]) {
    static GOOD: LazyLock<(String, String)> = LazyLock::new(|| {
        let signer = Signer::new(9);
        let payload = format!(r#"{{"iss":"{ISSUER}","client_id":"{CLIENT}","exp":{}}}"#, NOW + 60);
        let token = signer.sign(br#"{"alg":"EdDSA","kid":"good"}"#, payload.as_bytes());
        (format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"good","x":"{}"}}"#, signer.x()), token)
    });
    let (key, token) = &*GOOD;
    let junk = junk.split(|byte| *byte == b'\n').take(99);
    let junk: Vec<&RawValue> = junk.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let (before, after) = junk.split_at(junk.len() / 2);
    let keys: Vec<&str> = before
        .iter()
        .map(|jwk| jwk.get())
        .chain([key.as_str()])
        .chain(after.iter().map(|jwk| jwk.get()))
        .collect();
    let set = format!(r#"{{"keys":[{}]}}"#, keys.join(","));

    let issuer = Issuer::from_jwks(ISSUER, &set).expect("one of its keys is valid").client(CLIENT);
    let verifier = Verifier::builder().trust(issuer).clock(|| UNIX_EPOCH + Duration::from_secs(NOW));
    let verified = verifier.build().expect("the configuration is complete").verify(token);
    verdicts::count(&verified.as_ref().map(|_| ()));
    // Only another key with the same name can prevent it, because then neither is tried.
    let namesake = junk.iter().any(|jwk| kid(jwk).as_deref() == Some("good"));
    let ambiguous = matches!(verified, Err(Error::AmbiguousKey { .. }));
    assert!(verified.is_ok() || (namesake && ambiguous), "{verified:?}");
}

fn kid(jwk: &RawValue) -> Option<String> {
    serde_json::from_str::<Jwk>(jwk.get()).ok()?.kid
}
