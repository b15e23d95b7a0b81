//! Valid JWTs of the issuer that are no bearer access tokens.

use serde_json::json;

use super::{hole, warning};
use crate::conform::authority::Authority;
use crate::conform::check::{Attempt, Check, Group, Level};
use crate::conform::form::Form;

const GROUP: Group = Group::Kind;
const BOUND: &str = "A stolen token works without the key that it is bound to.";

pub(super) fn checks(authority: &Authority, offers_dpop: bool) -> Vec<Check> {
    let mint = || authority.mint();
    let sign = |mint| authority.sign(&mint);
    let typed = |typ: &str| sign(mint().header("typ", typ));
    let id_token = authority.form().id_token(mint(), &authority.names().client);
    // RFC 8705 §3.1: the hash of some certificate.
    let certificate = json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" });
    let generic = warning(
        GROUP,
        "generic-type",
        "a token with the type JWT instead of at+jwt",
        "RFC 9068 §4",
        "ID tokens of the issuer can be confused with access tokens.",
    );
    vec![
        hole(
            GROUP,
            "id-token",
            "an ID token",
            "RFC 8725 §3.12",
            "A login page gets a token that works at your API.",
        )
        .with(vec![Attempt::bearer("ID token", &sign(id_token))]),
        hole(
            GROUP,
            "other-type",
            "a JWT of another type",
            "RFC 9068 §4, RFC 8725 §3.11",
            "Logout tokens, security events and other JWTs of the issuer for your audience work as access tokens.",
        )
        // RFC 7519 §5.1 leaves `typ` to the application.
        .at(Level::hole_if(authority.form().is_rfc9068()))
        .with(vec![
            Attempt::bearer("logout+jwt", &typed("logout+jwt")),
            Attempt::bearer("secevent+jwt", &typed("secevent+jwt")),
            Attempt::bearer("dpop+jwt", &typed("dpop+jwt")),
        ]),
        if authority.form() == Form::Rfc9068 {
            generic.with(vec![
                Attempt::bearer("JWT", &typed("JWT")),
                Attempt::bearer("no type", &sign(mint().without_header("typ"))),
            ])
        } else {
            generic.skipped("this issuer does not write at+jwt")
        },
        hole(
            GROUP,
            "dpop-bound",
            "a token that is bound to a DPoP key, without a proof",
            "RFC 9449 §7.2",
            BOUND,
        )
        // An API without DPoP ignores the binding, as §7.2 expects.
        .at(Level::hole_if(offers_dpop))
        .with(vec![Attempt::bearer("as a bearer token", &sign(mint().with_dpop_key(authority.attacker())))]),
        // RFC 7519 §4: an API without mutual TLS ignores the binding. Nothing shows whether this one has it.
        warning(
            GROUP,
            "certificate-bound",
            "a token that is bound to a certificate, without it",
            "RFC 8705 §3",
            BOUND,
        )
        .with(vec![Attempt::bearer("as a bearer token", &sign(mint().claim("cnf", certificate)))]),
    ]
}
