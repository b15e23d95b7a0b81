//! Tokens that are not valid now, or for ever.

use serde_json::{Value, json};

use super::hole;
use crate::conform::authority::Authority;
use crate::conform::check::{Attempt, Check, Group};

const GROUP: Group = Group::Lifetime;

pub(super) fn checks(authority: &Authority) -> Vec<Check> {
    let mint = || authority.mint();
    let sign = |mint| authority.sign(&mint);
    let now = Authority::now(&mint());
    // More than any usual leeway.
    let minutes = |minutes: u64| now.saturating_sub(minutes * 60);
    let recently = mint().issued_at(minutes(70)).expires_at(minutes(10));
    let past = minutes(60);
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
            "a token without a readable expiry",
            "RFC 9068 §2.2",
            "A token that was stolen once works for ever.",
        )
        .with(vec![
            Attempt::bearer("no `exp`", &sign(mint().without_claim("exp"))),
            Attempt::bearer("null", &sign(mint().claim("exp", Value::Null))),
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
        .with(vec![Attempt::bearer("in an hour", &sign(mint().claim("nbf", now + 3600)))]),
    ]
}
