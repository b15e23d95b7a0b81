//! Tokens "signed" with HMAC and the published key as secret (RFC 8725 §2.1).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::case::Cases;
use super::draft::{decode, encode, quoted};

pub(crate) fn write(cases: &mut Cases<'_>) {
    let jwk = cases.shape.key.jwk();
    let set = cases.shape.jwks().to_string();
    let mut secrets: Vec<(&str, Vec<u8>)> = vec![
        ("jwk", jwk.to_string().into_bytes()),
        ("jwks", set.into_bytes()),
        ("kid", cases.shape.key.kid().as_bytes().to_vec()),
        ("nothing", Vec::new()),
    ];
    match (&jwk["n"], &jwk["x"]) {
        (Value::String(modulus), _) => {
            let der = subject_public_key_info(&decode(modulus), &decode(jwk["e"].as_str().unwrap()));
            let lines: Vec<String> =
                STANDARD.encode(&der).as_bytes().chunks(64).map(|line| text(line).to_owned()).collect();
            let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
            secrets.push(("pem-with-newline", format!("{pem}\n").into_bytes()));
            secrets.push(("pem", pem.into_bytes()));
            secrets.push(("der", der));
            secrets.push(("modulus-text", modulus.as_bytes().to_vec()));
            secrets.push(("modulus", decode(modulus)));
        }
        (_, Value::String(x)) => {
            secrets.push(("x-text", x.as_bytes().to_vec()));
            secrets.push(("x", decode(x)));
        }
        _ => unreachable!("every key has `n` or `x`"),
    }
    for (alg, algorithm) in
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
    {
        for (name, secret) in &secrets {
            for (with_kid, suffix) in [(true, ""), (false, "-without-kid")] {
                let mut draft = cases.shape.draft();
                draft.header.set("alg", quoted(alg));
                if !with_kid {
                    draft.header.remove("kid");
                }
                let signing_input =
                    format!("{}.{}", encode(draft.header.text()), encode(draft.claims.text()));
                let tag = hmac::sign(&hmac::Key::new(algorithm, secret), signing_input.as_bytes());
                let token = format!("{signing_input}.{}", encode(tag));
                cases.refused(format_args!("header/alg/{alg}-of-{name}{suffix}"), token);
                // The same with the issuer's own algorithm in the header.
                if alg == "HS256" && with_kid {
                    let draft = cases.shape.draft();
                    let signing_input =
                        format!("{}.{}", encode(draft.header.text()), encode(draft.claims.text()));
                    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), signing_input.as_bytes());
                    let token = format!("{signing_input}.{}", encode(tag));
                    cases.refused(format_args!("signature/hmac-of-{name}"), token);
                }
            }
        }
    }
}

fn text(ascii: &[u8]) -> &str {
    std::str::from_utf8(ascii).unwrap()
}

/// Returns an RSA public key as DER (RFC 5280 §4.1.2.7, RFC 8017 Appendix A.1.1).
fn subject_public_key_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let rsa_encryption = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let key = der(0x30, &[integer(modulus), integer(exponent)].concat());
    let bits = der(0x03, &[&[0], key.as_slice()].concat());
    der(0x30, &[rsa_encryption.as_slice(), &bits].concat())
}

/// Returns a positive `INTEGER`. It begins with a zero byte if the first bit would be a sign.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let significant: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let sign = if significant.first().is_none_or(|first| *first >= 0x80) { &[0][..] } else { &[] };
    der(0x02, &[sign, &significant].concat())
}

/// Returns tag, length and content (X.690 §8.1).
pub(crate) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let length = match significant.as_slice() {
        [] => vec![0],
        [short @ ..=0x7F] => vec![*short],
        long => [&[0x80 | u8::try_from(long.len()).unwrap()], long].concat(),
    };
    [&[tag], length.as_slice(), content].concat()
}
