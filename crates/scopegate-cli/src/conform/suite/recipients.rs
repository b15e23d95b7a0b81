//! Tokens of another issuer, for another audience, or of another client.

use serde_json::json;

use super::hole;
use crate::conform::authority::Authority;
use crate::conform::check::{About, Attempt, Check, Group, Level};
use crate::conform::form::Form;

const GROUP: Group = Group::Recipients;

pub(super) fn checks(authority: &Authority) -> Vec<Check> {
    vec![issuer(authority), no_issuer(authority), audience(authority), client(authority)]
}

fn issuer(authority: &Authority) -> Check {
    let mint = || authority.mint();
    let sign = |mint| authority.sign(&mint);
    let trusted = authority.trusted().issuer();
    WRONG_ISSUER.with(vec![
        Attempt::bearer("another one", &sign(mint().claim("iss", "https://other.example"))),
        Attempt::bearer("with a final slash", &sign(mint().claim("iss", format!("{trusted}/")))),
        Attempt::bearer("with a longer name", &sign(mint().claim("iss", format!("{trusted}2")))),
        Attempt::bearer("in upper case", &sign(mint().claim("iss", trusted.to_uppercase()))),
    ])
}

fn no_issuer(authority: &Authority) -> Check {
    // RFC 8725 §3.8 has no requirement for a token without `iss`.
    let level = Level::hole_if(authority.form().is_rfc9068());
    let token = authority.sign(&authority.mint().without_claim("iss"));
    NO_ISSUER.at(level).with(vec![Attempt::bearer("no `iss`", &token)])
}

fn audience(authority: &Authority) -> Check {
    let Some(audience) = &authority.names().audience else {
        return WRONG_AUDIENCE.skipped("the tokens have no audience: use --audience");
    };
    let mint = || authority.mint();
    let sign = |mint| authority.sign(&mint);
    WRONG_AUDIENCE.with(vec![
        Attempt::bearer("another one", &sign(mint().claim("aud", "https://other.example"))),
        Attempt::bearer(
            "a list of others",
            &sign(mint().claim("aud", json!(["https://other.example", "other"]))),
        ),
        Attempt::bearer("none", &sign(mint().without_claim("aud"))),
        Attempt::bearer("an empty list", &sign(mint().claim("aud", json!([])))),
        Attempt::bearer("a longer name", &sign(mint().claim("aud", format!("{audience}2")))),
    ])
}

fn client(authority: &Authority) -> Check {
    if !authority.names().is_only_client {
        return WRONG_CLIENT.skipped("the API accepts any client: use --client-id if it does not");
    }
    let mint = || authority.mint();
    let sign = |mint| authority.sign(&mint);
    let longer = format!("{}2", authority.names().client);
    WRONG_CLIENT.with(vec![
        Attempt::bearer("another one", &sign(mint().client("conform-other"))),
        Attempt::bearer("a longer name", &sign(mint().client(&longer))),
        Attempt::bearer("none", &sign(Form::without_client(mint()))),
    ])
}

const WRONG_ISSUER: About = hole(
    GROUP,
    "wrong-issuer",
    "a token with another issuer",
    "RFC 9068 §4, RFC 8725 §3.8",
    "Tokens that one tenant of your issuer gets are valid for others.",
);

const NO_ISSUER: About = hole(
    GROUP,
    "no-issuer",
    "a token without an issuer",
    "RFC 9068 §2.2, §4",
    "Tokens that one tenant of your issuer gets are valid for others.",
);

const WRONG_AUDIENCE: About = hole(
    GROUP,
    "wrong-audience",
    "a token for another audience",
    "RFC 9068 §4, RFC 8725 §3.9",
    "Tokens for any API of the issuer are valid for yours.",
);

const WRONG_CLIENT: About = hole(
    GROUP,
    "wrong-client",
    "a token of another client",
    "the rule of --client-id",
    "Every client of the issuer can call your API.",
);
