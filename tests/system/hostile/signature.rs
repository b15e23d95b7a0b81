//! The signature: damaged, in another format, of other bytes, or of another key. The content is
//! valid.

use scopegate_issuer::Algorithm;

use super::case::Cases;
use super::draft::{assemble, decode, encode, parts, quoted};
use super::public_key_as_secret::{der, integer};
use super::scalar::{ED25519_ORDER, P256_ORDER, P384_ORDER, from_hex, minus, plus};

pub(crate) fn write(cases: &mut Cases<'_>) {
    damaged(cases);
    of_other_keys(cases);
    over_other_bytes(cases);
    match cases.shape.key.alg() {
        Algorithm::ES256 => ecdsa(cases, &from_hex(P256_ORDER)),
        Algorithm::ES384 => ecdsa(cases, &from_hex(P384_ORDER)),
        Algorithm::EdDSA => ed25519(cases),
        _ => rsa(cases),
    }
}

fn damaged(cases: &mut Cases<'_>) {
    let good = cases.sign(&cases.shape.draft());
    let [h, p, s] = parts(&good);
    let signature = decode(s);
    let length = signature.len();
    let mut push = |name: String, signature: &[u8]| {
        cases.refused(format_args!("signature/{name}"), format!("{h}.{p}.{}", encode(signature)));
    };
    for at in (0..length).step_by(length / 16) {
        for bit in [0, 7] {
            let mut flipped = signature.clone();
            flipped[at] ^= 1 << bit;
            push(format!("bit-{bit}-of-byte-{at}-flipped"), &flipped);
        }
    }
    let mut last = signature.clone();
    last[length - 1] ^= 1;
    push("last-bit-flipped".to_owned(), &last);
    for cut in [1, 2, length / 2, length - 1] {
        push(format!("last-{cut}-bytes-cut"), &signature[..length - cut]);
        push(format!("first-{cut}-bytes-cut"), &signature[cut..]);
    }
    for (name, byte) in [("zeros", 0x00), ("ones", 0xFF), ("same-bytes", 0x5A)] {
        push(name.to_owned(), &vec![byte; length]);
    }
    push("one-zero".to_owned(), &[0]);
    push("zero-before".to_owned(), &[&[0], signature.as_slice()].concat());
    push("zero-after".to_owned(), &[signature.as_slice(), &[0]].concat());
    push("doubled".to_owned(), &signature.repeat(2));
    push("ten-times".to_owned(), &signature.repeat(10));
    push("text-encoded-twice".to_owned(), s.as_bytes());
    let mut reversed = signature.clone();
    reversed.reverse();
    push("reversed".to_owned(), &reversed);
    let complement: Vec<u8> = signature.iter().map(|byte| !byte).collect();
    push("complement".to_owned(), &complement);
}

fn of_other_keys(cases: &mut Cases<'_>) {
    let shape = cases.shape;
    let draft = shape.draft();
    let (header, payload) = (draft.header.text(), draft.claims.text());
    let under_our_kid = |key| assemble(header.as_bytes(), payload.as_bytes(), key);
    cases.refused("signature/of-an-unpublished-key", under_our_kid(&shape.unpublished));
    if let Some(sibling) = &shape.sibling {
        cases.refused("signature/of-the-sibling", under_our_kid(sibling));
        let mut draft = draft.clone();
        draft.header.set("kid", quoted(sibling.kid()));
        let token = assemble(draft.header.text().as_bytes(), payload.as_bytes(), sibling);
        cases.accepted("signature/of-the-sibling-under-its-kid", token);
    }
    cases.refused("signature/of-a-key-of-another-algorithm", under_our_kid(&shape.other));
    let mut draft = shape.draft();
    draft.header.set("kid", quoted(shape.unpublished.kid()));
    let token = assemble(draft.header.text().as_bytes(), payload.as_bytes(), &shape.unpublished);
    cases.refused("signature/of-an-unpublished-key-under-its-kid", token);
}

fn over_other_bytes(cases: &mut Cases<'_>) {
    let shape = cases.shape;
    let good = cases.sign(&shape.draft());
    let [h, p, s] = parts(&good);
    let mut other = shape.draft();
    other.claims.set("scope", quoted("admin"));
    let other = cases.sign(&other);
    let [_, other_payload, other_signature] = parts(&other);
    cases.refused("signature/payload-exchanged", format!("{h}.{other_payload}.{s}"));
    cases.refused("signature/of-another-token", format!("{h}.{p}.{other_signature}"));
    for (name, change) in [("exp", "9999999999"), ("sub", "\"admin\""), ("jti", "\"x\""), ("added", "true")] {
        let mut draft = shape.draft();
        draft.claims.set(name, change);
        let payload = encode(draft.claims.text());
        cases.refused(format_args!("signature/payload-changed-{name}"), format!("{h}.{payload}.{s}"));
    }
    for (name, member, value) in [
        ("typ", "typ", "\"AT+JWT\""),
        ("kid-escaped", "kid", "\"\\u0078\""),
        ("member-added", "x", "1"),
        ("jku-added", "jku", "\"https://attacker.example\""),
    ] {
        let mut draft = shape.draft();
        draft.header.set(member, value);
        let header = encode(draft.header.text());
        cases.refused(format_args!("signature/header-changed-{name}"), format!("{header}.{p}.{s}"));
    }
    let spaced = encode(format!("{} ", shape.draft().claims.text()));
    cases.refused("signature/payload-with-a-space-more", format!("{h}.{spaced}.{s}"));
    let draft = shape.draft();
    let (header, payload) = (draft.header.text(), draft.claims.text());
    for (name, signed) in [
        ("payload-only", p.to_owned()),
        ("header-only", h.to_owned()),
        ("header-with-dot", format!("{h}.")),
        ("without-dot", format!("{h}{p}")),
        ("parts-swapped", format!("{p}.{h}")),
        ("decoded-parts", format!("{header}.{payload}")),
        ("decoded-payload", payload.clone()),
        ("plain-payload", format!("{h}.{payload}")),
        ("nothing", String::new()),
        ("newline-after", format!("{h}.{p}\n")),
        ("dot-after", format!("{h}.{p}.")),
        ("whole-token", good.clone()),
    ] {
        let signature = encode(shape.key.sign(signed.as_bytes()));
        cases.refused(format_args!("signature/over-{name}"), format!("{h}.{p}.{signature}"));
    }
    // Single characters, at the same positions in every run.
    for (part, name) in [(0, "header"), (1, "payload")] {
        let text = parts(&good)[part];
        for at in (0..text.len()).step_by(text.len() / 20) {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let token = if part == 0 { format!("{changed}.{p}.{s}") } else { format!("{h}.{changed}.{s}") };
            cases.refused(format_args!("signature/character-{at}-of-{name}-changed"), token);
        }
    }
}

/// ECDSA (RFC 7518 §3.4): R and S of fixed length, both between 1 and the order.
fn ecdsa(cases: &mut Cases<'_>, order: &[u8]) {
    let good = cases.sign(&cases.shape.draft());
    let [h, p, s] = parts(&good);
    let signature = decode(s);
    let length = order.len();
    let (r, s) = signature.split_at(length);
    let (zero, one) = (vec![0; length], [vec![0; length - 1], vec![1]].concat());
    let der_of = |r: &[u8], s: &[u8]| der(0x30, &[integer(r), integer(s)].concat());
    let token = |signature: &[u8]| format!("{h}.{p}.{}", encode(signature));
    for (name, signature) in [
        ("der", der_of(r, s)),
        ("der-of-zeros", der_of(&zero, &zero)),
        ("swapped", [s, r].concat()),
        ("r-is-zero", [&zero, s].concat()),
        ("s-is-zero", [r, &zero].concat()),
        ("both-are-one", [one.as_slice(), &one].concat()),
        ("r-is-the-order", [order, s].concat()),
        ("s-is-the-order", [r, order].concat()),
        ("both-are-the-order", [order, order].concat()),
        ("r-negated", [&minus(order, r).unwrap(), s].concat()),
        ("each-with-a-zero-before", [&[0], r, &[0], s].concat()),
        ("r-only", r.to_vec()),
        ("asn1-prefix", [&[0x30, 0x44], signature.as_slice()].concat()),
    ] {
        cases.refused(format_args!("signature/ecdsa-{name}"), token(&signature));
    }
    // From (r, s), an attacker can compute (r, n - s). Both are valid signatures of the same bytes (SEC 1 §4.1.4).
    let negated = [r, &minus(order, s).unwrap()].concat();
    cases.accepted("signature/ecdsa-s-negated", token(&negated));
}

/// Ed25519 (RFC 8032 §5.1.7): S is smaller than the order, and R is a point in its canonical
/// encoding.
fn ed25519(cases: &mut Cases<'_>) {
    let good = cases.sign(&cases.shape.draft());
    let [h, p, s] = parts(&good);
    let signature = decode(s);
    let (r, s) = signature.split_at(32);
    let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let order = from_hex(ED25519_ORDER);
    let beyond = reversed(&plus(&reversed(s), &order).unwrap());
    let zero = [0; 32];
    let mut identity = zero;
    identity[0] = 1;
    let other_sign: Vec<u8> =
        r.iter().enumerate().map(|(at, b)| if at == 31 { b ^ 0x80 } else { *b }).collect();
    for (name, signature) in [
        ("s-plus-the-order", [r, &beyond].concat()),
        ("s-is-zero", [r, &zero].concat()),
        ("s-is-the-order", [r, &reversed(&order)].concat()),
        ("r-is-the-identity", [&identity, s].concat()),
        ("identity-and-zero", [identity, zero].concat()),
        ("r-with-other-sign", [&other_sign, s].concat()),
        ("swapped", [s, r].concat()),
    ] {
        cases.refused(format_args!("signature/eddsa-{name}"), format!("{h}.{p}.{}", encode(&signature)));
    }
}

/// RSA (RFC 8017 §5.2.2): the number is smaller than the modulus.
fn rsa(cases: &mut Cases<'_>) {
    let good = cases.sign(&cases.shape.draft());
    let [h, p, s] = parts(&good);
    let signature = decode(s);
    let jwk = cases.shape.key.jwk();
    let modulus = decode(jwk["n"].as_str().unwrap());
    let negated = minus(&modulus, &signature).unwrap();
    let mut one = vec![0; modulus.len()];
    one[modulus.len() - 1] = 1;
    let longer: Vec<u8> =
        plus(&[&[0], signature.as_slice()].concat(), &[&[0], modulus.as_slice()].concat()).unwrap();
    for (name, signature) in [
        ("is-the-modulus", modulus.clone()),
        ("is-one", one.clone()),
        ("is-the-modulus-minus-one", minus(&modulus, &one).unwrap()),
        ("negated", negated),
        ("plus-the-modulus", longer),
    ] {
        cases.refused(format_args!("signature/rsa-{name}"), format!("{h}.{p}.{}", encode(&signature)));
    }
}
