//! Tokens, sent to a verifier with a realistic configuration. `token/reading.rs` reads accepted
//! tokens again. Errors about other tokens must fit into a log.
//!
//! The first byte of an input is the kind of the rest, for one of three issuers:
//!
//! - `1`, `2`, `3`: header and payload, separated by a line break. The target signs them with the
//!   issuer's key.
//! - `a`, `b`, `c`: changes to a valid token of the issuer, one on each line. The target signs the
//!   result. Most of these tokens reach the checks of the claims; see `token/changes.rs`.
//! - Any other byte: a whole token.

mod changes;
mod reading;

use std::fmt::Debug;

use scopegate::{Claims, Error, Requirement};

use crate::text::{MESSAGE, assert_fit_for_a_log, assert_without_token};
use crate::trust::{SIGNERS, VERIFIER};
use crate::verdicts;

pub fn check(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let signer = |first: u8| kind.checked_sub(first).and_then(|number| SIGNERS.get(usize::from(number)));
    if let Some(signer) = signer(b'1') {
        let (header, payload) = split_at_line_break(rest);
        judge(&signer.sign(header, payload), &[header, payload]);
    } else if let Some(signer) = signer(b'a') {
        let (header, payload) = changes::changed(*kind, rest);
        judge(&signer.sign(header.as_bytes(), payload.as_bytes()), &[header.as_bytes(), payload.as_bytes()]);
    } else if let Ok(token) = std::str::from_utf8(rest) {
        judge(token, &[]);
    }
}

/// Verifies a token. `values` are the header and the payload, if they are known.
fn judge(token: &str, values: &[&[u8]]) {
    match VERIFIER.verify(token) {
        Ok(claims) => {
            verdicts::count(&format_args!("Accepted"));
            reading::confirm(token, &claims);
            assert_claims_are_discreet(token, &claims, values);
        }
        Err(error) => {
            verdicts::count(&error);
            assert_message(&error, token, values);
        }
    }
}

fn assert_message(error: &Error, token: &str, values: &[&[u8]]) {
    // The granted scopes are not truncated. Only this error, which is about a valid token, has
    // them.
    let structure = if matches!(error, Error::InsufficientScope { .. }) { 2 * token.len() } else { MESSAGE };
    for (text, limit) in [(format!("{error}"), MESSAGE), (format!("{error:?}"), structure)] {
        assert_fit_for_a_log(&text, limit);
        assert_without_token(&text, token, values);
    }
}

/// A type that no token's claims fit.
#[derive(Debug, serde::Deserialize)]
struct Wanted {
    #[serde(rename = "exp")]
    _exp: String,
}

/// Asserts that errors about the claims of a valid token are fit for a log too.
fn assert_claims_are_discreet(token: &str, claims: &Claims, values: &[&[u8]]) {
    let lacking = claims.require(&Requirement::from("no-token/has-this")).expect_err("no token has it");
    let typed = claims.parse::<Wanted>().expect_err("`exp` is a number");
    let single = claims.claim::<String>("exp").expect_err("`exp` is a number");
    for error in [lacking, typed, single] {
        assert_message(&error, token, values);
    }
    assert_without_token(&format!("{claims:?}"), token, values);
}

fn split_at_line_break(text: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = text.splitn(2, |byte| *byte == b'\n');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
