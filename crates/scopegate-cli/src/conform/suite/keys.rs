//! Tokens that are signed with another key than the issuer's.

use scopegate_issuer::Mint;

use super::hole;
use crate::conform::authority::Authority;
use crate::conform::check::{Attempt, Check, Group};

const GROUP: Group = Group::Keys;
const FORGED: &str = "Anyone can write a token that your API accepts.";

pub(super) fn checks(authority: &Authority) -> Vec<Check> {
    let mint = || authority.mint();
    let (key, attacker) = (authority.key(), authority.attacker());
    let (kid, other) = (key.kid(), authority.other());
    let pem = key.public_key_pem();
    let with_secret = |secret: &str| mint().sign_with_secret(kid, secret.as_bytes());
    let by_attacker = |mint: Mint| mint.sign_with(attacker);
    // Minted for the second issuer, whose metadata leads to its keys.
    let of_other = mint().claim("iss", other.issuer()).sign_with(&other.signing_key());
    let embedded = || mint().header("jwk", attacker.jwk());
    let jwks_uri = other.jwks_uri();
    let by_url = |name: &str| mint().header(name, jwks_uri.as_str()).sign_with(&other.signing_key());
    vec![
        hole(
            GROUP,
            "public-key-as-secret",
            "HS256 with the public key as the secret",
            "RFC 8725 §2.1, §3.1",
            FORGED,
        )
        .with(vec![
            Attempt::bearer("PEM", &with_secret(&pem)),
            Attempt::bearer("PEM without the last line break", &with_secret(pem.trim_end())),
            Attempt::bearer("JWK", &with_secret(&key.jwk().to_string())),
        ]),
        hole(GROUP, "empty-secret", "HS256 with an empty secret", "RFC 7518 §3.2", FORGED).with(vec![
            Attempt::bearer("the key id of the issuer", &with_secret("")),
            Attempt::bearer("an unknown key id", &mint().sign_with_secret("conform", b"")),
        ]),
        hole(GROUP, "unknown-key", "a token that is signed with an unknown key", "RFC 9068 §4", FORGED).with(
            vec![
                Attempt::bearer(
                    "under the key id of the issuer",
                    &mint().header("kid", kid).sign_with(attacker),
                ),
                Attempt::bearer("under its own key id", &by_attacker(mint())),
                Attempt::bearer("without a key id", &by_attacker(mint().without_header("kid"))),
            ],
        ),
        hole(
            GROUP,
            "kid-injection",
            "a key id that is a path or a query",
            "RFC 8725 §3.10",
            "Anyone can choose the file or the row that is the key.",
        )
        .with(vec![
            Attempt::bearer("/dev/null", &mint().sign_with_secret("../../../../../../dev/null", b"")),
            Attempt::bearer("SQL", &mint().sign_with_secret("x' UNION SELECT 'conform", b"conform")),
        ]),
        hole(
            GROUP,
            "other-issuers-key",
            "a token that is signed with another issuer's key",
            "RFC 8725 §3.8",
            "Every issuer can write tokens in the name of yours.",
        )
        .with(vec![
            Attempt::bearer("in the name of the trusted issuer", &mint().sign_with(&other.signing_key())),
            Attempt::bearer("in its own name", &of_other),
        ]),
        hole(GROUP, "embedded-key", "a token that contains its key (`jwk`)", "RFC 8725 §3.8", FORGED).with(
            vec![
                Attempt::bearer("under its own key id", &by_attacker(embedded())),
                Attempt::bearer(
                    "under the key id of the issuer",
                    &by_attacker(embedded().header("kid", kid)),
                ),
                Attempt::bearer("without a key id", &by_attacker(embedded().without_header("kid"))),
            ],
        ),
        hole(GROUP, "key-url", "a token that names the URL of its key", "RFC 8725 §3.8, §3.10", FORGED)
            .with(vec![Attempt::bearer("jku", &by_url("jku")), Attempt::bearer("x5u", &by_url("x5u"))]),
    ]
}
