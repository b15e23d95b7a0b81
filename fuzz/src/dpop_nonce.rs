//! Nonces of DPoP proofs (RFC 9449 §9).
//!
//! The first line of an input has two numbers of seconds, which are added to the current time: the
//! proof is sent at the first one, and the second one is the time of a nonce that the API writes. The
//! second line is the nonce of the proof. If it is empty, the proof has the nonce of the API. If it
//! is `=INDEX,CHARACTER`, one character of that nonce is replaced.
//!
//! At half an hour, the API has replaced its secret once.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Method, Uri};
use scopegate::http::{Authorizer, Recording};
use scopegate::{Dpop, DpopNonces};
use serde_json::json;

use crate::bound_token::{ORIGIN, Outcome, TOKEN};
use crate::trust::NOW;
use crate::verdicts;

/// A slice is half of the lifetime.
const SLICE: u64 = 150;
const LIFETIME: Duration = Duration::from_secs(2 * SLICE);

/// The latest time of an input. The token is valid until then.
const LAST: u64 = 3_600;

/// From this time on, the second secret is the current one.
const ROTATED: u64 = 1_800;

const SECRETS: [[u8; 32]; 2] = [[1; 32], [2; 32]];

/// The nonces of the API before and after it has replaced its secret.
static NONCES: LazyLock<[DpopNonces; 2]> = LazyLock::new(|| {
    let [first, second] = SECRETS;
    let [before, after] = [first; 2].map(|secret| DpopNonces::from_secret(secret).expect("it has 32 bytes"));
    after.rotate_to(second).expect("it has 32 bytes");
    [before, after]
});

/// Returns an API at this time, which has seen no proof yet.
fn api(time: u64) -> Authorizer {
    let dpop = Dpop::accept().nonces(&NONCES[current_secret(time)]).nonce_lifetime(LIFETIME);
    TOKEN.authorizer(dpop.replay_capacity(64), move || NOW + time)
}

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (times, nonce) = text.split_once('\n').unwrap_or((text, ""));
    let Some((sent, made)) = times.split_once(' ') else { return };
    let times = [sent, made].map(|time| time.parse().ok().filter(|seconds| *seconds <= LAST));
    let [Some(sent), Some(made)] = times else { return };

    let of_api = written_by_api(made);
    assert_eq!(of_api, expected(made, current_secret(made)), "the API writes another nonce");
    let nonce = match nonce.strip_prefix('=') {
        _ if nonce.is_empty() => of_api,
        Some(change) => match changed(&of_api, change) {
            Some(changed) => changed,
            None => return,
        },
        None => nonce.to_owned(),
    };

    let (outcome, next) = answer(sent, Some(&nonce));
    verdicts::count(&format_args!("{outcome}"));
    let accepted = is_valid(sent, &nonce);
    assert_eq!(outcome == "accepted", accepted, "{outcome}: {nonce} at {sent}");
    assert!(accepted || outcome == "nonce_required", "{outcome}");
    // An accepted response has the current nonce if the proof has an earlier one, and a rejection has it always.
    let current = expected(sent, current_secret(sent));
    // The clock of another instance may be ahead. Its nonce is as late as the current one.
    let is_ahead = (0..=current_secret(sent)).any(|secret| nonce == neighbor(sent, 1, secret));
    let is_current = nonce == current || is_ahead;
    assert_eq!(next, Some(current).filter(|_| !(accepted && is_current)), "the next nonce of {outcome}");
}

fn current_secret(time: u64) -> usize {
    usize::from(time >= ROTATED)
}

/// Returns whether the nonce is one of the slice of this time or of its neighbors, and of a secret
/// that the API has at this time.
fn is_valid(time: u64, nonce: &str) -> bool {
    let secrets = 0..=current_secret(time);
    [-1, 0, 1].into_iter().any(|slices| secrets.clone().any(|secret| nonce == neighbor(time, slices, secret)))
}

/// Returns the nonce of the slice of this time.
fn expected(time: u64, secret: usize) -> String {
    neighbor(time, 0, secret)
}

/// Returns the nonce of a slice near this time, by a second implementation.
fn neighbor(time: u64, slices: i64, secret: usize) -> String {
    let slice = ((NOW + time) / SLICE).checked_add_signed(slices).expect("it is far from 0").to_be_bytes();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRETS[secret]), &slice);
    URL_SAFE_NO_PAD.encode([&slice, &tag.as_ref()[..16]].concat())
}

/// Returns the nonce in the response to a request without one.
fn written_by_api(time: u64) -> String {
    let (outcome, nonce) = answer(time, None);
    assert_eq!(outcome, "nonce_required");
    nonce.expect("the response has a nonce")
}

/// Replaces one character.
fn changed(nonce: &str, change: &str) -> Option<String> {
    let (index, character) = change.split_once(',')?;
    let (index, mut characters) = (index.parse::<usize>().ok()?, nonce.chars().collect::<Vec<_>>());
    *characters.get_mut(index)? = character.chars().next()?;
    Some(characters.into_iter().collect())
}

/// Sends a request at a time. Returns its outcome, and the nonce of the response.
fn answer(time: u64, nonce: Option<&str>) -> (&'static str, Option<String>) {
    let authorizer = api(time);
    let mut claims = json!({
        "jti": "a", "htm": "GET", "htu": format!("{ORIGIN}/orders"), "iat": NOW + time, "ath": TOKEN.hash,
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    let proof = TOKEN.key.sign(TOKEN.proof_header().as_bytes(), claims.to_string().as_bytes());
    let Ok(proof) = HeaderValue::try_from(proof) else { panic!("a proof is ASCII") };
    match TOKEN.send(&authorizer, (&Method::GET, &Uri::from_static("/orders")), &[proof]) {
        Outcome::Proven(proven) => {
            let Recording::Done(Ok(accepted)) = proven.record(None) else { panic!("it is the first proof") };
            let nonce = accepted.next_nonce().map(|nonce| nonce.to_str().expect("it is ASCII").to_owned());
            ("accepted", nonce)
        }
        Outcome::Rejected(rejection) => {
            let response = authorizer.response(&rejection).into_response();
            let nonce = response.headers().get("dpop-nonce").and_then(|value| value.to_str().ok());
            (rejection.reason_code(), nonce.map(str::to_owned))
        }
    }
}
