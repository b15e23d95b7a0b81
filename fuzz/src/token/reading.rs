//! A second reading of an accepted token, by serde_json and a table, without any code of the
//! verifier. It only reads accepted tokens, so it needs no errors.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::Claims;
use serde_json::Value;

use crate::members::Members;
use crate::trust::{AUDIENCE, BOTH, CLIENTS, COGNITO, LEEWAY, NOW, THIS_API, was_signed};

/// Asserts that the token should have been accepted, and that the claims match it.
pub(super) fn confirm(token: &str, claims: &Claims) {
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    assert!(token.len() <= 16 * 1024, "it is too long");
    let payload_bytes = canonical(payload);
    canonical(signature);
    confirm_header(&Members::read(&canonical(header)), claims.issuer());
    assert!(was_signed(claims.issuer(), &format!("{header}.{payload}"), signature), "it was not signed");
    confirm_payload(&Members::read(&payload_bytes), claims);
}

/// Decodes a part, and asserts that it is the canonical encoding.
fn canonical(part: &str) -> Vec<u8> {
    let bytes = naively_decoded(part);
    assert!(!bytes.is_empty(), "an empty part");
    assert_eq!(URL_SAFE_NO_PAD.encode(&bytes), part, "another spelling");
    bytes
}

/// Decodes six bits for each character, and drops the remaining bits.
fn naively_decoded(part: &str) -> Vec<u8> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sextets = part.chars().map(|character| ALPHABET.find(character).expect("a character of base64url"));
    let bits: Vec<usize> =
        sextets.flat_map(|sextet| (0..6).rev().map(move |bit| (sextet >> bit) & 1)).collect();
    let octet = |bits: &[usize]| bits.iter().fold(0_u8, |octet, bit| octet << 1 | u8::from(*bit == 1));
    bits.chunks_exact(8).map(octet).collect()
}

fn confirm_header(header: &Members, issuer: &str) {
    let algorithms: &[&str] = match issuer {
        COGNITO => &["RS256", "EdDSA", "Ed25519"],
        AUDIENCE => &["ES256", "ES384", "EdDSA", "Ed25519"],
        BOTH => &["EdDSA", "Ed25519", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        _ => panic!("{issuer} is not trusted"),
    };
    assert!(header.text("alg").is_some_and(|alg| algorithms.contains(&alg.as_str())), "a foreign algorithm");
    assert!(!header.has("crit") && !header.has("enc"), "an extension, or an encrypted token");
    let typ = header.text("typ").map(|typ| typ.to_ascii_lowercase());
    assert_eq!(typ.is_some(), header.has("typ"), "a type that is no text");
    let kind = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    let untyped = issuer != BOTH && matches!(kind, None | Some("jwt"));
    assert!(untyped || kind == Some("at+jwt"), "it is of another type");
}

fn confirm_payload(payload: &Members, claims: &Claims) {
    let issuer = payload.text("iss").expect("`iss` is there, as text");
    assert_eq!(claims.issuer(), issuer);
    confirm_times(payload, claims);
    confirm_recipients(payload, claims, &issuer);
    confirm_kind(payload, &issuer);
    let granted: BTreeSet<String> = claims.scopes().iter().map(ToString::to_string).collect();
    assert_eq!(granted, scopes(payload, &issuer));
    assert_eq!(claims.scopes().len(), granted.len(), "a scope stands there twice");
    for (claim, told) in [("sub", claims.subject()), ("jti", claims.token_id())] {
        assert_eq!(name(payload, claim).as_deref(), told);
    }
}

/// Returns the name in this claim. `null` and empty text are no name.
fn name(payload: &Members, claim: &str) -> Option<String> {
    present(payload, claim)?;
    let name = payload.text(claim).unwrap_or_else(|| panic!("`{claim}` is no text"));
    Some(name).filter(|name| !name.is_empty())
}

/// Returns the JSON text of a claim that is not `null`.
fn present<'a>(payload: &'a Members, claim: &str) -> Option<&'a str> {
    payload.raw(claim).filter(|text| *text != "null")
}

#[allow(clippy::cast_precision_loss, reason = "these numbers are small")]
fn confirm_times(payload: &Members, claims: &Claims) {
    let number = |claim| payload.value(claim).map(|value| value.as_f64().expect("a date is a number"));
    let (now, leeway) = (NOW as f64, LEEWAY as f64);
    let exp = number("exp").expect("`exp` is there");
    assert!(now < exp + leeway, "it has expired");
    assert!(number("nbf").is_none_or(|nbf| nbf <= now + leeway), "its time has not come");
    let iat = present(payload, "iat").and_then(|_| number("iat"));
    assert!(iat.is_none_or(|iat| iat <= now + leeway), "it comes from the future");
    assert_eq!(claims.expires_at().as_secs_f64().to_bits(), exp.to_bits());
    assert_eq!(claims.issued_at().map(|iat| iat.as_secs_f64()), iat);
}

fn confirm_recipients(payload: &Members, claims: &Claims, issuer: &str) {
    let audience = payload.value("aud").map(|value| texts(&value).expect("`aud` is text or texts"));
    match issuer {
        COGNITO => assert_eq!(audience, None, "it has an audience"),
        _ => {
            let audience = audience.as_ref().expect("`aud` is there");
            assert!(audience.iter().any(|one| THIS_API.contains(&one.as_str())), "it is for another API");
        }
    }
    assert!(claims.audience().eq(audience.unwrap_or_default().iter().map(String::as_str)));

    let names: &[&str] =
        if issuer == COGNITO { &["client_id"] } else { &["client_id", "azp", "appid", "cid"] };
    let clients: BTreeSet<String> = names.iter().filter_map(|claim| name(payload, claim)).collect();
    assert!(clients.len() <= 1, "it names several clients");
    let client = clients.first().map(String::as_str);
    assert_eq!(claims.client_id(), client);
    let listed = client.is_some_and(|client| CLIENTS.contains(&client));
    assert!(listed || issuer == AUDIENCE, "it was issued to another client");
}

fn confirm_kind(payload: &Members, issuer: &str) {
    let token_use = present(payload, "token_use").map(|_| payload.text("token_use").expect("it is text"));
    assert!(token_use.as_deref() == Some("access") || (token_use.is_none() && issuer != COGNITO));
    let foreign = ["at_hash", "c_hash", "s_hash", "events"];
    assert!(
        foreign.iter().all(|claim| present(payload, claim).is_none()),
        "it has the mark of another kind of token"
    );
    assert!(present(payload, "nonce").is_none() || issuer == BOTH, "it has the mark of an ID token");
    let typ = payload.text("typ").unwrap_or_default();
    assert!(
        !["ID", "Refresh", "Offline", "Logout"].contains(&typ.as_str()),
        "it says that it is another kind"
    );
    if let Some(cnf) = payload.raw("cnf") {
        let cnf = Members::read(cnf.as_bytes());
        let bindings = ["jwk", "jwe", "kid", "jku", "x5t#S256", "jkt", "osc"];
        assert!(bindings.iter().all(|binding| !cnf.has(binding)), "it is bound to a key");
    }
}

fn scopes(payload: &Members, issuer: &str) -> BTreeSet<String> {
    let mut scopes = BTreeSet::new();
    let words =
        |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    if let Some(scope) = payload.value("scope") {
        scopes.extend(words(scope.as_str().expect("`scope` is text")));
    }
    if issuer != COGNITO {
        match payload.value("scp") {
            Some(Value::String(text)) => scopes.extend(words(&text)),
            Some(array) => scopes.extend(texts(&array).expect("`scp` is text or texts")),
            None => {}
        }
    }
    assert!(scopes.iter().all(|scope| is_scope(scope)), "a scope outside of the grammar");
    if issuer == AUDIENCE {
        for claim in ["permissions", "roles"] {
            let names = payload.value(claim).map(|value| {
                assert!(value.is_array(), "`{claim}` is an array");
                texts(&value).expect("it holds texts")
            });
            scopes.extend(names.unwrap_or_default().into_iter().filter(|name| is_scope(name)));
        }
    }
    scopes
}

/// `scope-token` of RFC 6749 §3.3.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| ('!'..='~').contains(&c) && c != '"' && c != '\\')
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(values) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
