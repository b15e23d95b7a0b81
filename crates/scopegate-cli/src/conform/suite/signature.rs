//! Tokens without a signature, or with an invalid signature.

use super::hole;
use crate::conform::authority::Authority;
use crate::conform::check::{Attempt, Check, Group};

const GROUP: Group = Group::Signature;
const FORGED: &str = "Anyone can write a token that your API accepts.";

pub(super) fn checks(authority: &Authority) -> Vec<Check> {
    let valid = authority.valid();
    let (input, signature) = valid.rsplit_once('.').unwrap_or_default();
    let unsigned = |alg: &str| authority.sign(&authority.mint().unsigned().alg(alg));
    let none_but_signed = authority.sign(&authority.mint().alg("none"));
    let changed = authority.sign(&authority.mint().tampered());
    let flipped = authority.sign(&authority.mint().bad_signature());
    // `A` is six zero bits.
    let zeros = format!("{input}.{}", "A".repeat(signature.len()));
    vec![
        hole(GROUP, "alg-none", "an unsigned token with `alg` none", "RFC 9068 §4, RFC 8725 §3.2", FORGED)
            .with(vec![
                Attempt::bearer("none", &unsigned("none")),
                Attempt::bearer("None", &unsigned("None")),
                Attempt::bearer("NONE", &unsigned("NONE")),
                Attempt::bearer("nOnE", &unsigned("nOnE")),
                Attempt::bearer("an empty name", &unsigned("")),
                Attempt::bearer("none, with a signature", &none_but_signed),
            ]),
        hole(GROUP, "signature-stripped", "a token without its signature", "RFC 7515 §5.2", FORGED).with(
            vec![
                Attempt::bearer("an empty third part", &format!("{input}.")),
                Attempt::bearer("two parts", input),
            ],
        ),
        hole(GROUP, "signature-changed", "a token after one bit was flipped", "RFC 7515 §5.2", FORGED).with(
            vec![Attempt::bearer("in the payload", &changed), Attempt::bearer("in the signature", &flipped)],
        ),
        hole(GROUP, "signature-zeros", "a signature of zeros", "RFC 8725 §3.3", FORGED)
            .with(vec![Attempt::bearer("zeros", &zeros)]),
    ]
}
