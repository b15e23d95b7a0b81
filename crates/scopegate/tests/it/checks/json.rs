//! Are header and payload JSON objects that can be read in one way only?

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::{Error, JsonError, Part};
use serde_json::{Value, json};
use testkit::{KEY, accepted, assert_rejected, cognito_token, cognito_verifier, rejected};

#[test]
fn repeated_member_or_non_object_is_rejected() {
    // A06, A07, A08, C01, C02
    let token = cognito_token();
    let claims = Value::Object(token.claims()).to_string();
    let header = json!({ "alg": "RS256", "kid": KEY.kid() }).to_string();
    let token = token.raw_header(&header).raw_payload(&claims);
    accepted(&cognito_verifier(), &token);
    for (part, text) in [
        (Part::Header, header.replacen('{', r#"{"alg":"none","#, 1)),
        (Part::Header, header.replace('}', r#","alg":"RS256"}"#)),
        (Part::Payload, claims.replacen('{', r#"{"scope":"admin","#, 1)),
        (Part::Payload, claims.replacen('{', r#"{"iss":"https://issuer.example/pool","#, 1)),
        (Part::Payload, claims.replacen('{', r#"{"exp":9999999999,"#, 1)),
        (Part::Payload, claims.replacen('{', r#"{"unknown":1,"unknown":1,"#, 1)),
    ] {
        let repeated = match part {
            Part::Header => token.clone().raw_header(text),
            _ => token.clone().raw_payload(text),
        };
        let error = rejected(&cognito_verifier(), &repeated);
        assert!(
            matches!(&error, Error::InvalidJson { part: in_part, found: JsonError::RepeatedName, .. } if *in_part == part),
            "{error:?}"
        );
    }
    for text in [format!("{claims}x"), format!("{claims}{claims}"), format!("[{claims}]"), "null".to_owned()]
    {
        assert_rejected!(
            cognito_verifier(),
            token.clone().raw_payload(text),
            Error::InvalidJson { part: Part::Payload, .. }
        );
    }
}

#[test]
fn header_or_payload_outside_utf8_is_rejected() {
    // A06, C01
    let claims = Value::Object(cognito_token().claims()).to_string().into_bytes();
    let header = json!({ "alg": "RS256", "kid": KEY.kid() }).to_string().into_bytes();
    let verify = |header: &[u8], payload: &[u8]| {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(KEY.sign(input.as_bytes()));
        cognito_verifier().verify(format!("{input}.{signature}"))
    };
    assert!(verify(&header, &claims).is_ok());
    let utf16 = |text: &[u8]| text.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<u8>>();
    let marked = |text: &[u8]| [b"\xef\xbb\xbf", text].concat();
    let overlong = |text: &[u8]| [&text[..text.len() - 1], b",\"x\":\"\xc0\x80\"}"].concat();
    for bent in [utf16, marked, overlong] {
        let (in_header, in_payload) = (verify(&bent(&header), &claims), verify(&header, &bent(&claims)));
        assert!(matches!(in_header, Err(Error::InvalidJson { part: Part::Header, .. })), "{in_header:?}");
        assert!(matches!(in_payload, Err(Error::InvalidJson { part: Part::Payload, .. })), "{in_payload:?}");
    }
    for text in ["[]", "\"x\"", "1", "null", "true", ""] {
        let (in_header, in_payload) = (verify(text.as_bytes(), &claims), verify(&header, text.as_bytes()));
        assert!(in_header.is_err() && in_payload.is_err(), "{text}");
    }
}

#[test]
fn unknown_claims_are_ignored() {
    // C03, C24
    let many = (0..100).fold(cognito_token(), |token, n| token.claim(&format!("claim{n}"), n));
    accepted(&cognito_verifier(), &many);
    for depth in [200, 500] {
        let deep = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let payload = Value::Object(cognito_token().claims()).to_string();
        let payload = payload.replacen('{', &format!("{{\"deep\":{deep},"), 1);
        let claims = accepted(&cognito_verifier(), &cognito_token().raw_payload(payload));
        assert!(claims.claim::<Value>("deep").is_err(), "too deep to be read, and no reason to fall over");
    }
}
