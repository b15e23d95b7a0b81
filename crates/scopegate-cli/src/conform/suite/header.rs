//! Tokens of the issuer whose header or JSON must not be accepted.

use serde_json::json;

use super::{hole, warning};
use crate::conform::authority::Authority;
use crate::conform::check::{Attempt, Check, Group};

const GROUP: Group = Group::Header;

pub(super) fn checks(authority: &Authority) -> Vec<Check> {
    let mint = || authority.mint();
    let sign = |mint| authority.sign(&mint);
    let critical = mint().header("crit", json!(["conform"])).header("conform", true);
    let claims = mint().claims();
    let own = |name: &str| claims.get(name).map(ToString::to_string).unwrap_or_default();
    let (exp, iss, other) = (own("exp"), own("iss"), "\"https://other.example\"");
    let twice = |name: &str, values: [&str; 2]| {
        let members = values.map(|value| format!("\"{name}\":{value}")).join(",");
        let payload = serde_json::Value::Object(claims.clone()).to_string();
        sign(mint().raw_payload(payload.replacen(&format!("\"{name}\":{}", own(name)), &members, 1)))
    };
    vec![
        hole(
            GROUP,
            "unknown-crit",
            "a critical extension that nothing knows (`crit`)",
            "RFC 7515 §4.1.11",
            "A token is accepted without a rule that its issuer requires.",
        )
        .with(vec![Attempt::bearer("crit", &sign(critical))]),
        hole(
            GROUP,
            "first-duplicate",
            "a claim twice, first valid and then invalid",
            "RFC 7519 §4",
            "Two programs read two different claims of one token.",
        )
        .with(vec![
            Attempt::bearer("exp", &twice("exp", [&exp, EXPIRED])),
            Attempt::bearer("iss", &twice("iss", [&iss, other])),
        ]),
        warning(
            GROUP,
            "last-duplicate",
            "a claim twice, first invalid and then valid",
            "RFC 7519 §4, RFC 8259 §4",
            "A program that keeps the first member reads another claim than your API.",
        )
        .with(vec![
            Attempt::bearer("exp", &twice("exp", [EXPIRED, &exp])),
            Attempt::bearer("iss", &twice("iss", [other, &iss])),
        ]),
    ]
}

/// A time in 2001, as JSON.
const EXPIRED: &str = "1000000000";
