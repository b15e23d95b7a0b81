//! One change of a proof. Defects of [`DpopDefect`](scopegate_issuer::DpopDefect) are not repeated
//! here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scopegate_issuer::DpopProof;
use serde_json::{Value, json};

type Change = Box<dyn Fn(&DpopProof) -> DpopProof>;

/// Returns all changes, each with its name.
pub(super) fn all() -> Vec<(String, Change)> {
    let mut all: Vec<(String, Change)> = vec![("valid".to_owned(), Box::new(Clone::clone))];
    all.extend(urls().map(|(name, url)| (format!("htu/{name}"), claim("htu", json!(url)))));
    let seconds = times().map(|(name, offset)| (format!("iat/{name}"), time(offset)));
    all.extend(seconds);
    all.push(("iat/with-fraction".to_owned(), Box::new(with_fraction)));
    for (name, value) in other_values() {
        all.extend(
            ["jti", "htm", "htu", "iat"]
                .map(|member| (format!("claim/{member}/{name}"), claim(member, value.clone()))),
        );
        all.push((format!("header/typ/{name}"), header("typ", value.clone())));
        all.push((format!("header/jwk/{name}"), header("jwk", value.clone())));
    }
    all.extend(claims().map(|(name, member, value)| (format!("claim/{name}"), claim(member, value))));
    all.extend(headers().map(|(name, member, value)| (format!("header/{name}"), header(member, value))));
    all
}

fn claim(name: &'static str, value: Value) -> Change {
    Box::new(move |proof| proof.clone().claim(name, value.clone()))
}

fn header(name: &'static str, value: Value) -> Change {
    Box::new(move |proof| proof.clone().header(name, value.clone()))
}

/// Sets `iat` to whole seconds, relative to the current time.
fn time(offset: i64) -> Change {
    Box::new(move |proof| {
        let now = i64::try_from(now().as_secs()).expect("it is no such late year");
        proof.clone().claim("iat", now + offset)
    })
}

fn with_fraction(proof: &DpopProof) -> DpopProof {
    proof.clone().claim("iat", now().as_secs_f64())
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970")
}

/// Spellings of the URL `https://api.example/orders` and similar URLs.
fn urls() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        ("upper-case-host", "https://API.example/orders"),
        ("upper-case-scheme", "HTTPS://api.example/orders"),
        ("default-port", "https://api.example:443/orders"),
        ("empty-port", "https://api.example:/orders"),
        ("query", "https://api.example/orders?page=1"),
        ("empty-query", "https://api.example/orders?"),
        ("fragment", "https://api.example/orders#first"),
        ("dot-segments", "https://api.example/a/.././orders"),
        ("escaped-dot-segments", "https://api.example/a/%2e%2e/orders"),
        ("escaped-letter", "https://api.example/%6frders"),
        ("upper-case-path", "https://api.example/Orders"),
        ("slash-at-end", "https://api.example/orders/"),
        ("slash-twice", "https://api.example//orders"),
        ("backslash", "https://api.example\\orders"),
        ("tab", "https://api.example/ord\ters"),
        ("space-before", " https://api.example/orders"),
        ("space-behind", "https://api.example/orders "),
        ("one-slash-of-scheme", "https:/api.example/orders"),
        ("no-slash-of-scheme", "https:api.example/orders"),
        ("dot-at-end-of-host", "https://api.example./orders"),
        ("empty-user-name", "https://@api.example/orders"),
        ("path-of-other-host", "https://other.example/https://api.example/orders"),
        ("host-as-user-name", "https://api.example@other.example/orders"),
        ("matrix-parameter", "https://api.example/orders;a=b"),
    ]
    .into_iter()
}

/// Offsets of `iat`. They are far from the limits of the implementations, which see them later.
fn times() -> impl Iterator<Item = (&'static str, i64)> {
    [
        ("50-seconds-ago", -50),
        ("70-seconds-ago", -70),
        ("3-minutes-ago", -180),
        ("6-minutes-ago", -360),
        ("5-seconds-ahead", 5),
        ("20-seconds-ahead", 20),
        ("4-minutes-ahead", 240),
    ]
    .into_iter()
}

/// Values of a wrong type.
fn other_values() -> [(&'static str, Value); 5] {
    [
        ("null", Value::Null),
        ("boolean", json!(true)),
        ("array", json!(["POST"])),
        ("object", json!({})),
        ("empty-string", json!("")),
    ]
}

fn claims() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    [
        ("jti/256-bytes", "jti", json!("i".repeat(256))),
        ("jti/257-bytes", "jti", json!("i".repeat(257))),
        ("jti/unicode", "jti", json!("é\u{202e}")),
        ("htm/space-behind", "htm", json!("POST ")),
        ("htm/mixed-case", "htm", json!("Post")),
        ("iat/huge", "iat", json!(1e300)),
        ("iat/year-10000", "iat", json!(253_402_300_800_u64)),
        ("nonce/string", "nonce", json!("n")),
        ("nonce/number", "nonce", json!(7)),
        ("nonce/null", "nonce", Value::Null),
        ("exp/past", "exp", json!(1_000_000_000)),
        ("exp/string", "exp", json!("soon")),
        ("nbf/future", "nbf", json!(4_000_000_000_u64)),
        ("aud/other", "aud", json!("https://other.example")),
        ("iss/other", "iss", json!("https://other.example")),
        ("unknown", "unknown", json!({ "a": [1, 2, { "b": null }] })),
    ]
    .into_iter()
}

fn headers() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    [
        ("typ/upper-case", "typ", json!("DPOP+JWT")),
        ("typ/with-application", "typ", json!("application/dpop+jwt")),
        ("typ/jwt", "typ", json!("jwt")),
        ("kid", "kid", json!("a")),
        ("kid-number", "kid", json!(7)),
        ("cty", "cty", json!("JWT")),
        ("unknown", "unknown", json!({ "a": 1 })),
        ("crit/empty", "crit", json!([])),
        ("crit/string", "crit", json!("exp")),
        ("b64/true", "b64", json!(true)),
        ("b64/false", "b64", json!(false)),
        ("zip", "zip", json!("DEF")),
        ("jku", "jku", json!("https://other.example/keys")),
        ("x5c/not-a-certificate", "x5c", json!(["a"])),
    ]
    .into_iter()
}
