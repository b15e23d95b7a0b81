//! DPoP proofs (RFC 9449), sent with a token that is bound to their key.
//!
//! The first line of an input is a letter, the method and the URI of the request: `s GET /orders`.
//!
//! - `s`: the second line is the header and the rest is the payload of a proof. The target signs
//!   them with the key of the token, so that the checks behind the signature are reached.
//! - `o`: the same, signed with another key.
//! - `u`: the rest is the `htu` of a proof that is valid otherwise.
//! - `r`: each further line is a `DPoP` header.

use std::sync::LazyLock;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Method, Uri};
use scopegate::Dpop;
use scopegate::http::{Authorizer, Recording};
use serde_json::{Value, json};
use url::Url;

use crate::bound_token::{ORIGIN, Outcome, TOKEN};
use crate::members::Members;
use crate::signer::Signer;
use crate::text::{MESSAGE, assert_fit_for_a_log};
use crate::trust::NOW;
use crate::verdicts;

/// RFC 9449 has no limits. These are the documented ones.
const MAX_LENGTH: usize = 8 * 1024;
const MAX_AGE: f64 = 60.0;
const MAX_CLOCK_SKEW: f64 = 10.0;
const NOW_SECONDS: f64 = NOW as f64;

/// Never records a proof.
static AUTHORIZER: LazyLock<Authorizer> = LazyLock::new(authorizer);
static OTHER_KEY: LazyLock<Signer> = LazyLock::new(|| Signer::new(8));

fn authorizer() -> Authorizer {
    TOKEN.authorizer(Dpop::accept().replay_capacity(64), || NOW)
}

pub fn check(input: &[u8]) {
    let Some((form, method, uri, rest)) = request(input) else { return };
    let proof_of_url = || {
        let htu = String::from_utf8_lossy(rest);
        json!({ "jti": "a", "htm": method.as_str(), "htu": htu, "iat": NOW, "ath": TOKEN.hash }).to_string()
    };
    let (header, payload) = match form {
        b"u" => (TOKEN.proof_header().into_bytes(), proof_of_url().into_bytes()),
        _ => {
            let (header, payload) = line(rest);
            (header.to_vec(), payload.to_vec())
        }
    };
    let proofs = match form {
        b"s" | b"u" => vec![TOKEN.key.sign(&header, &payload).into_bytes()],
        b"o" => vec![OTHER_KEY.sign(&header, &payload).into_bytes()],
        b"r" => rest.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(),
        _ => return,
    };
    let values: Option<Vec<HeaderValue>> =
        proofs.iter().map(|proof| HeaderValue::from_bytes(proof).ok()).collect();
    let Some(values) = values else { return };
    let is_plain = matches!(form, b"s" | b"u") && is_plain(&header, &payload, &method, &uri);
    match TOKEN.send(&AUTHORIZER, (&method, &uri), &values) {
        Outcome::Proven(proven) => {
            verdicts::count(&format_args!("accepted"));
            let [proof] = proofs.as_slice() else { panic!("several proofs are accepted") };
            assert_valid(proof, &method, &uri);
            assert_eq!(proven.claims().client_id(), Some("1example23456789"));
            assert_used_once(&values, &method, &uri);
        }
        Outcome::Rejected(rejection) => {
            verdicts::count(&format_args!("{}", rejection.reason_code()));
            assert!(!is_plain, "a plain proof is rejected: {rejection}");
            assert_eq!((rejection.reason_code(), rejection.status().as_u16()), ("invalid_proof", 401));
            assert_fit_for_a_log(&rejection.to_string(), MESSAGE);
        }
    }
}

/// A new verifier accepts the proof once.
fn assert_used_once(proof: &[HeaderValue], method: &Method, uri: &Uri) {
    let authorizer = authorizer();
    let is_accepted = || match TOKEN.send(&authorizer, (method, uri), proof) {
        Outcome::Proven(proven) => match proven.record(None) {
            Recording::Done(Err(rejection)) => {
                assert_eq!(rejection.reason_code(), "proof_replayed");
                false
            }
            Recording::Done(Ok(_)) => true,
            Recording::Pending(_) => panic!("the store is in memory"),
        },
        Outcome::Rejected(rejection) => panic!("the same proof is rejected: {rejection}"),
    };
    assert_eq!([is_accepted(), is_accepted()], [true, false]);
}

/// Reads the first line.
fn request(input: &[u8]) -> Option<(&[u8], Method, Uri, &[u8])> {
    let (first, rest) = line(input);
    let mut words = first.splitn(3, |byte| *byte == b' ');
    let (form, method, uri) = (words.next()?, words.next()?, words.next()?);
    let uri =
        Uri::try_from(uri).ok().filter(|uri| uri.path().starts_with('/') && uri.authority().is_none())?;
    Some((form, Method::from_bytes(method).ok()?, uri, rest))
}

fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    (&text[..end], text.get(end + 1..).unwrap_or_default())
}

/// Checks each rule of RFC 9449 §4.3, by serde_json's and the crate `url`'s reading.
fn assert_valid(proof: &[u8], method: &Method, uri: &Uri) {
    assert!(proof.len() <= MAX_LENGTH);
    let text = std::str::from_utf8(proof).expect("a proof is ASCII");
    let parts: Vec<&str> = text.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        panic!("the proof has {} parts", parts.len())
    };
    let [header, payload, signature] = [header, payload, signature]
        .map(|part| URL_SAFE_NO_PAD.decode(part).expect("the part is canonical base64url"));

    let header = Members::read(&header);
    assert_eq!(header.text("typ").as_deref(), Some("dpop+jwt"));
    assert!(["EdDSA", "Ed25519"].contains(&header.text("alg").as_deref().unwrap_or_default()));
    assert!(!header.has("crit"), "an extension is ignored");
    let jwk = Members::read(header.raw("jwk").expect("there is a key").as_bytes());
    let key = ["kty", "crv", "x"].map(|name| jwk.text(name).unwrap_or_default());
    assert_eq!(key, ["OKP".to_owned(), "Ed25519".to_owned(), TOKEN.key.x()]);
    assert!(!jwk.has("d"), "a private key is accepted");

    let payload = Members::read(&payload);
    assert!((1..=256).contains(&payload.text("jti").expect("jti is a string").len()));
    assert_eq!(payload.text("htm").as_deref(), Some(method.as_str()));
    assert_eq!(payload.text("ath").as_ref(), Some(&TOKEN.hash));
    assert!(is_in_time(&payload), "iat is {:?}", payload.raw("iat"));
    assert!(!payload.has("nonce") || payload.text("nonce").is_some());
    let htu = payload.text("htu").expect("htu is a string");
    assert_eq!(normal(&htu), normal(&format!("{ORIGIN}{}", uri.path())), "{htu}");

    let signed = &proof[..text.rfind('.').expect("there are three parts")];
    let key = URL_SAFE_NO_PAD.decode(TOKEN.key.x()).expect("it is base64url");
    UnparsedPublicKey::new(&ED25519, key).verify(signed, &signature).expect("the signature is valid");
}

fn is_in_time(payload: &Members) -> bool {
    let age = match payload.value("iat") {
        Some(Value::Number(seconds)) => NOW_SECONDS - seconds.as_f64().unwrap_or(f64::NAN),
        _ => return false,
    };
    (-MAX_CLOCK_SKEW..=MAX_AGE).contains(&age)
}

/// Normalizes a URL, without query and fragment. Unreserved characters are unescaped
/// (RFC 3986 §6.2.2.2).
fn normal(url: &str) -> String {
    // WHATWG reads it as a slash, and RFC 3986 has no such character.
    let mut url = Url::parse(&url.replace('\\', "%5C")).expect("it is a URL");
    assert!(url.username().is_empty() && url.password().is_none(), "{url}");
    url.set_query(None);
    url.set_fragment(None);
    let mut rest = url.path();
    let mut path = String::new();
    while let Some((before, after)) = rest.split_once('%') {
        path += before;
        let (digits, after) = after.split_at_checked(2).expect("an escape has two digits");
        match u8::from_str_radix(digits, 16).expect("an escape has two digits") {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => path.push(char::from(byte)),
            byte => path += &format!("%{byte:02X}"),
        }
        rest = after;
    }
    path += rest;
    format!(
        "{}://{}:{:?}{path}",
        url.scheme(),
        url.host_str().unwrap_or_default(),
        url.port_or_known_default()
    )
}

/// Returns whether a client would write this proof, and it is valid. Such a proof must be accepted.
fn is_plain(header: &[u8], payload: &[u8], method: &Method, uri: &Uri) -> bool {
    let is_plain_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte);
    // serde_json writes members in alphabetical order and without spaces.
    let written = serde_json::from_slice::<Value>(payload).ok();
    if header != TOKEN.proof_header().as_bytes()
        || written.is_none_or(|value| !value.is_object() || value.to_string().as_bytes() != payload)
        || !uri.path().bytes().all(is_plain_byte)
    {
        return false;
    }
    let Some(claims) = Members::try_read(payload) else { return false };
    let is = |name: &str, value: &str| claims.text(name).as_deref() == Some(value);
    claims.text("jti").is_some_and(|id| (1..=256).contains(&id.len()))
        && is("htm", method.as_str())
        && is("htu", &format!("{ORIGIN}{}", uri.path()))
        && is("ath", &TOKEN.hash)
        && is_in_time(&claims)
        && claims.names().all(|name| ["jti", "htm", "htu", "ath", "iat"].contains(&name))
}
