//! Requests without a token, with a token in another place, and with no token at all in its place.

use http::HeaderValue;
use scopegate_issuer::Mint;

use super::{OVERSIZED, hole, warning};
use crate::conform::authority::Authority;
use crate::conform::check::{Attempt, Check, Credentials, Group};

const GROUP: Group = Group::Credentials;

/// The length of the additional claim of an oversized token.
const PADDING: usize = 100 * 1024;

/// The depth of a nested array. The token stays below 16 KiB, so that servers read it.
const DEPTH: usize = 4_000;

pub(super) fn checks(authority: &Authority) -> Vec<Check> {
    let valid = authority.valid();
    let hostile = authority.sign(&authority.mint().bad_signature());
    let both = |first: &str, second: &str| {
        Credentials::headers([format!("Bearer {first}"), format!("Bearer {second}")])
    };
    let padded = authority.sign(&authority.mint().claim("padding", "x".repeat(PADDING)));
    vec![
        hole(
            GROUP,
            "no-token",
            "a request without a token",
            "RFC 6750 §3",
            "The route is not protected at all.",
        )
        .with(vec![Attempt { label: "no header", credentials: Credentials::default() }]),
        hole(
            GROUP,
            "malformed-token",
            "text that is no token",
            "RFC 7515 §5.2, RFC 7519 §7.2",
            "Anyone can write a token that your API accepts.",
        )
        .with(malformed(authority)),
        warning(
            GROUP,
            "query-token",
            "a valid token in the query of the URL",
            "RFC 6750 §2.3, RFC 9700 §4.3.2",
            "Tokens end in logs, histories and `Referer` headers.",
        )
        .with(vec![Attempt {
            label: "access_token",
            credentials: Credentials { query: Some(valid.clone()), ..Credentials::default() },
        }]),
        warning(
            GROUP,
            "two-headers",
            "two Authorization headers",
            "RFC 9110 §5.3, RFC 6750 §3.1",
            "A gateway before your API may verify the other token.",
        )
        .with(vec![
            Attempt { label: "valid, then invalid", credentials: both(&valid, &hostile) },
            Attempt { label: "invalid, then valid", credentials: both(&hostile, &valid) },
        ]),
        warning(
            GROUP,
            OVERSIZED,
            "a valid token of more than 100 KiB",
            "RFC 9110 §5.4",
            "Every caller can make your API parse large tokens.",
        )
        .with(vec![Attempt::bearer("100 KiB", &padded)]),
    ]
}

fn malformed(authority: &Authority) -> Vec<Attempt> {
    let signed = |mint: &Mint| authority.sign(mint);
    // An API may ignore these members, so the signature is invalid as well.
    let raw = |header: &str| signed(&authority.mint().raw_header(header).bad_signature());
    let of_header =
        |name: &str, value: serde_json::Value| signed(&authority.mint().header(name, value).bad_signature());
    let nested = format!("{{\"alg\":\"RS256\",\"x\":{}{}}}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let header = |value: &[u8]| Credentials {
        authorization: HeaderValue::from_bytes(value).into_iter().collect(),
        query: None,
    };
    let own = |label, value: &[u8]| Attempt { label, credentials: header(value) };
    vec![
        own("the scheme alone", b"Bearer"),
        own("an empty token", b"Bearer "),
        own("one word", b"Bearer conform"),
        own("two dots", b"Bearer .."),
        own("three letters", b"Bearer a.b.c"),
        own("bytes that are not UTF-8", b"Bearer \xff\xfe.\xff.\xff"),
        Attempt::bearer("a header that is an array", &raw("[]")),
        Attempt::bearer("a header that is not JSON", &raw("{")),
        Attempt::bearer("a deeply nested header", &raw(&nested)),
        Attempt::bearer("a number as `kid`", &of_header("kid", 1.into())),
        Attempt::bearer("an object as `kid`", &of_header("kid", serde_json::json!({ "a": 1 }))),
        Attempt::bearer("a number as `alg`", &of_header("alg", 1.into())),
        Attempt::bearer("a payload that is an array", &signed(&authority.mint().raw_payload("[]"))),
        Attempt::bearer("a payload that is not JSON", &signed(&authority.mint().raw_payload("conform"))),
    ]
}
