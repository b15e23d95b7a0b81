//! The compared tokens, each with its two expected verdicts.

use serde_json::{Map, Value, json};

use crate::api::{API, READ, WRITE};

/// A valid token of a pool with one change.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) change: Change,
    pub(super) expected: Verdicts,
}

pub(super) enum Change {
    /// The issuer writes other claims. `null` omits a claim.
    Claims(Map<String, Value>),
    /// The issuer writes another header.
    Header(Map<String, Value>),
    /// An attacker changes the header after the token was signed.
    HeaderAfterwards(&'static str, Value),
    /// An attacker changes a claim after the token was signed.
    ClaimAfterwards(&'static str, Value),
    /// An attacker signs the token with another key, and with the key id of the issuer's key.
    Forged,
    /// The token is signed with the issuer's other published key.
    OtherKey,
}

#[derive(Clone, Copy)]
pub(super) enum Verdicts {
    Accepted,
    Rejected,
    /// Only our verifier rejects the token, for this reason. The table has the same text.
    OnlyWeReject(&'static str),
}

use Verdicts::{Accepted, OnlyWeReject, Rejected};

/// Returns all cases. `now` is in seconds since 1970, and `pool` is the issuer of the pool.
pub(super) fn all(now: u64, pool: &str) -> Vec<Case> {
    let claim = |name: &str, value: Value| Change::Claims(Map::from_iter([(name.to_owned(), value)]));
    let header = |name: &str, value: Value| Change::Header(Map::from_iter([(name.to_owned(), value)]));
    let case = |name, change, expected| Case { name, change, expected };
    vec![
        case("as it is", Change::Claims(Map::new()), Accepted),
        case("`typ` is `JWT`", header("typ", json!("JWT")), Accepted),
        case("`typ` is `at+jwt`", header("typ", json!("at+jwt")), Accepted),
        case("`kid` is not published", Change::HeaderAfterwards("kid", json!("unknown")), Rejected),
        case("`alg` is `none`", Change::HeaderAfterwards("alg", json!("none")), Rejected),
        case("`alg` is `HS256`", Change::HeaderAfterwards("alg", json!("HS256")), Rejected),
        case("a claim was changed afterwards", Change::ClaimAfterwards("jti", json!("another")), Rejected),
        case("signed by another key", Change::Forged, Rejected),
        case("signed by the pool's other key", Change::OtherKey, Accepted),
        case("`iss` is another pool", claim("iss", json!(pool.replace('_', "_Z"))), Rejected),
        case("`iss` has a final slash", claim("iss", json!(format!("{pool}/"))), Rejected),
        case("expired 20 s ago", claim("exp", json!(now - 20)), Accepted),
        case("expired a minute ago", claim("exp", json!(now - 60)), Rejected),
        case("no `exp`", claim("exp", Value::Null), OnlyWeReject("only we reject: `exp` is required")),
        case("`nbf` is in an hour", claim("nbf", json!(now + 3_600)), Rejected),
        case(
            "`iat` is in an hour",
            claim("iat", json!(now + 3_600)),
            OnlyWeReject("only we reject: issued in the future"),
        ),
        case("`token_use` is `id`", claim("token_use", json!("id")), Rejected),
        case("no `token_use`", claim("token_use", Value::Null), Rejected),
        case("`client_id` is another one", claim("client_id", json!("another")), Rejected),
        case("no `client_id`", claim("client_id", Value::Null), Rejected),
        case("`aud` is some API", claim("aud", json!(API)), OnlyWeReject("only we reject: another audience")),
        case("two scopes", claim("scope", json!(format!("{WRITE} {READ}"))), Accepted),
        case("no `scope`", claim("scope", Value::Null), Rejected),
        case("another scope", claim("scope", json!(WRITE)), Rejected),
        case("a scope that begins alike", claim("scope", json!(format!("{READ}er"))), Rejected),
        case("`scope` is an array", claim("scope", json!([READ])), Rejected),
        case(
            "a `nonce`",
            claim("nonce", json!("n-0S6_WzA2Mj")),
            OnlyWeReject("only we reject: ID tokens have a `nonce`"),
        ),
        case(
            "sender-constrained by `cnf`",
            claim("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" })),
            OnlyWeReject("only we reject: the request proves no key"),
        ),
    ]
}
