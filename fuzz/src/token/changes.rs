//! Valid tokens with changed members. They are still JSON, so that they reach the checks of the
//! claims.
//!
//! A line `name=value` sets a claim to a JSON value. If the value is not JSON, the claim is
//! removed. A line `@name=value` does the same in the header.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Returns header and payload as text.
pub(super) fn changed(issuer: u8, changes: &[u8]) -> (String, String) {
    let (header, payload) = match issuer {
        b'a' => (
            r#"{"kid":"ed-1","alg":"EdDSA"}"#,
            r#"{"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E","client_id":"1example23456789","sub":"1example23456789","token_use":"access","scope":"orders/read","exp":1800003600,"iat":1800000000,"jti":"1"}"#,
        ),
        b'b' => (
            r#"{"kid":"ed-2","alg":"EdDSA","typ":"at+jwt"}"#,
            r#"{"iss":"https://issuer.example/","aud":["https://my-api-server.org"],"sub":"u","azp":"c","scp":["a"],"exp":1800003600,"nbf":1800000000}"#,
        ),
        _ => (
            r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
            r#"{"iss":"https://login.example/tenant","aud":"https://my-api-server.org","client_id":"1example23456789","scope":"a b","exp":1800003600}"#,
        ),
    };
    let [mut header, mut payload] = [header, payload].map(members);
    for line in changes.split(|byte| *byte == b'\n') {
        let Some((name, value)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once('=')) else {
            continue;
        };
        let (object, name) = match name.strip_prefix('@') {
            Some(name) => (&mut header, name),
            None => (&mut payload, name),
        };
        match serde_json::from_str::<Box<RawValue>>(value) {
            Ok(value) => drop(object.insert(name.to_owned(), value)),
            Err(_) => drop(object.remove(name)),
        }
    }
    (text(&header), text(&payload))
}

type Object = BTreeMap<String, Box<RawValue>>;

fn members(object: &str) -> Object {
    serde_json::from_str(object).expect("it is an object")
}

fn text(object: &Object) -> String {
    serde_json::to_string(object).expect("every value is JSON")
}
