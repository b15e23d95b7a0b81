//! Assembles the parts of a token, optionally with a defect in the signature.

use serde_json::Value;

use super::encode;
use crate::keys::signing_key::SigningKey;

/// A defect of the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    None,
    Tampered,
    BadSignature,
    UnknownKey,
    Unsigned,
}

impl Damage {
    /// Returns the compact serialization (RFC 7515 §7.1).
    pub(super) fn assemble(self, header: &str, payload: &str, key: &SigningKey) -> String {
        let header = encode(header);
        let signing_input = format!("{header}.{}", encode(payload));
        match self {
            Self::None => format!("{signing_input}.{}", encode(key.sign(signing_input.as_bytes()))),
            Self::Tampered => {
                let signature = encode(key.sign(signing_input.as_bytes()));
                format!("{header}.{}.{signature}", encode(one_bit_changed(payload)))
            }
            Self::BadSignature => {
                let mut signature = key.sign(signing_input.as_bytes());
                if let Some(last) = signature.last_mut() {
                    *last ^= 1;
                }
                format!("{signing_input}.{}", encode(signature))
            }
            Self::UnknownKey => {
                let unknown = SigningKey::generate(key.alg());
                format!("{signing_input}.{}", encode(unknown.sign(signing_input.as_bytes())))
            }
            Self::Unsigned => format!("{signing_input}."),
        }
    }
}

/// Flips one bit of one value, and keeps the payload JSON with the same members. Tries the value of
/// `jti` first, if it is present, otherwise each byte from the start. If no byte qualifies, or the
/// payload is not JSON, flips the lowest bit of the first byte.
fn one_bit_changed(payload: &str) -> Vec<u8> {
    const JTI: &str = "\"jti\":\"";
    let original: Option<Value> = serde_json::from_str(payload).ok();
    let start = payload.find(JTI).map_or(0, |at| at + JTI.len());
    let mut bytes = payload.as_bytes().to_vec();
    for at in start..bytes.len() {
        flip(&mut bytes, at);
        let changed: Option<Value> = serde_json::from_slice(&bytes).ok();
        if changed.is_some() && changed != original && same_members(changed.as_ref(), original.as_ref()) {
            return bytes;
        }
        flip(&mut bytes, at);
    }
    flip(&mut bytes, 0);
    bytes
}

fn flip(bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
}

fn same_members(a: Option<&Value>, b: Option<&Value>) -> bool {
    let names = |value: Option<&Value>| {
        value.and_then(Value::as_object).map(|members| members.keys().cloned().collect::<Vec<_>>())
    };
    names(a) == names(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differing_bits(a: &[u8], b: &[u8]) -> u32 {
        a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    #[test]
    fn tampering_flips_one_bit_of_the_jti() {
        let payload = r#"{"client_id":"a","jti":"90ab","scope":"b"}"#;
        let changed = one_bit_changed(payload);
        assert_eq!(changed, br#"{"client_id":"a","jti":"80ab","scope":"b"}"#);
        assert_eq!(differing_bits(payload.as_bytes(), &changed), 1);
    }

    #[test]
    fn tampering_without_jti_flips_one_bit() {
        for payload in [r#"{"a":"b"}"#, r#"{"a":12}"#, "not json", r#"{"a":"]"}"#] {
            let changed = one_bit_changed(payload);
            assert_eq!(differing_bits(payload.as_bytes(), &changed), 1, "{payload}");
        }
        assert_eq!(one_bit_changed(r#"{"a":12}"#), br#"{"a":13}"#);
    }
}
