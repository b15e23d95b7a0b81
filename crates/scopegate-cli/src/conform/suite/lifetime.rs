//! Tokens that are not valid now, or for ever.

use serde_json::{Value, json};

use super::hole;
use crate::conform::authority::Authority;
use crate::conform::check::{Attempt, Check, Group, Level};

const GROUP: Group = Group::Lifetime;

pub(super) fn checks(authority: &Authority) -> Vec<Check> {
    let mint = || authority.mint();
    let sign = |mint| authority.sign(&mint);
    let now = Authority::now(&mint());
    // More than any usual leeway.
    let minutes = |minutes: u64| now.saturating_sub(minutes * 60);
    let recently = mint().issued_at(minutes(70)).expires_at(minutes(10));
    let past = minutes(60);
    // RFC 7519 §4.1.4 has no requirement for a token without `exp`.
    let required = Level::hole_if(authority.form().is_rfc9068());
    vec![
        hole(
            GROUP,
            "expired",
            "an expired token",
            "RFC 7519 §4.1.4",
            "A token that was found in a log or a backup works for ever.",
        )
        .with(vec![
            Attempt::bearer("an hour ago", &sign(mint().expired())),
            Attempt::bearer("ten minutes ago", &sign(recently)),
        ]),
        hole(
            GROUP,
            "no-expiry",
            "a token without an expiry",
            "RFC 9068 §2.2",
            "A token that the issuer has written without an end works for ever.",
        )
        .at(required)
        .with(vec![
            Attempt::bearer("no `exp`", &sign(mint().without_claim("exp"))),
            Attempt::bearer("null", &sign(mint().claim("exp", Value::Null))),
        ]),
        hole(
            GROUP,
            "unreadable-expiry",
            "a token whose expiry is no number",
            "RFC 7519 §4.1.4",
            "A token works for ever if its end cannot be read.",
        )
        .with(vec![
            Attempt::bearer("a string in the past", &sign(mint().claim("exp", past.to_string()))),
            Attempt::bearer("an array", &sign(mint().claim("exp", json!([past])))),
        ]),
        hole(
            GROUP,
            "not-before",
            "a token that is valid in an hour (`nbf`)",
            "RFC 7519 §4.1.5",
            "Access begins before the time that the issuer has set.",
        )
        // Its expiry is later, so that it will be valid.
        .with(vec![Attempt::bearer(
            "in an hour",
            &sign(mint().expires_at(now + 7200).claim("nbf", now + 3600)),
        )]),
    ]
}
