//! The JOSE header of a token (RFC 7515 §4). Keys inside the token (`jku`, `jwk`, `x5u`, `x5c`) are
//! ignored (RFC 8725 §3.10).

use std::borrow::Cow;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use scopegate_proto::jws::Part;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::token::algorithm::Algorithm;
use crate::token::key_name::{KeyId, THUMBPRINTS};

pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: KeyId<'a>,
    pub(crate) typ: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let object = JsonObject::from_slice(bytes)
            .map_err(|found| Error::InvalidJson { part: Part::Header, found })?;
        Self::read(&object)
    }

    /// Reads the header from its members.
    #[inline]
    pub(crate) fn read(object: &JsonObject<'a>) -> Result<Self, Error> {
        if object.contains("enc") {
            return Err(Error::Encrypted);
        }
        if object.contains("crit") {
            return Err(Error::CriticalExtension);
        }
        // RFC 7797 §7: JWTs must not use `false`. Software that supports it would read another payload.
        if let Some(encoded) = object.get("b64").filter(|encoded| encoded.get() != "true") {
            return Err(malformed("b64", "true, or none", Some(encoded)));
        }
        let name = optional_string(object, "alg")?.ok_or_else(|| malformed("alg", "a string", None))?;
        let algorithm = Algorithm::from_name(&name).ok_or_else(|| Error::UnacceptableAlgorithm {
            expected: Algorithm::ALL.to_vec(),
            found: Excerpt::new(&name),
        })?;
        Ok(Self { algorithm, key_id: key_id(object)?, typ: optional_string(object, "typ")? })
    }
}

fn optional_string<'a>(
    object: &JsonObject<'a>,
    parameter: &'static str,
) -> Result<Option<Cow<'a, str>>, Error> {
    match object.get(parameter) {
        None => Ok(None),
        Some(value) => match string(value) {
            Some(text) => Ok(Some(text)),
            None => Err(malformed(parameter, "a string", Some(value))),
        },
    }
}

/// Returns the names of the key: `kid`, or else thumbprints of its certificate (RFC 7515 §4.1.4,
/// §4.1.7, §4.1.8). They only select one of the issuer's own keys.
fn key_id<'a>(object: &JsonObject<'a>) -> Result<KeyId<'a>, Error> {
    if let Some(kid) = optional_string(object, "kid")? {
        return Ok(KeyId::Kid(kid));
    }
    let mut thumbprints = [None, None];
    for (thumbprint, parameter) in thumbprints.iter_mut().zip(THUMBPRINTS) {
        *thumbprint = optional_string(object, parameter)?;
    }
    Ok(if thumbprints.iter().all(Option::is_none) {
        KeyId::Absent
    } else {
        KeyId::Thumbprints(thumbprints.into())
    })
}

fn malformed(parameter: &'static str, expected: &'static str, found: Option<&RawValue>) -> Error {
    let found = found.map(|value| Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT));
    Error::MalformedHeader { parameter, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Error {
        Header::parse(text.as_bytes()).err().expect("the header is not acceptable")
    }

    #[test]
    fn algorithm_key_id_and_type_are_read() {
        let header = Header::parse(br#"{"typ":"at+jwt","alg":"ES256","kid":"a\/b"}"#).unwrap();
        assert_eq!(header.algorithm, Algorithm::ES256);
        assert_eq!(header.key_id, Some("a/b").into());
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        let header = Header::parse(br#"{"alg":"RS256"}"#).unwrap();
        assert!(header.key_id == KeyId::Absent && header.typ.is_none());
    }

    #[test]
    fn key_parameters_in_header_are_ignored() {
        // A17: their values have no effect.
        let text = br#"{"alg":"RS256","jku":1,"jwk":[],"x5u":{},"x5c":"x"}"#;
        assert!(Header::parse(text).is_ok());
    }

    #[test]
    fn parameter_of_wrong_type_is_rejected() {
        // A09, A18
        for parameter in ["alg", "kid", "typ", "x5t", "x5t#S256"] {
            for value in ["1", "null", "[\"RS256\"]", "{}", "true"] {
                let rest = if parameter == "alg" { "" } else { r#","alg":"RS256""# };
                let error = refusal(&format!(r#"{{"{parameter}":{value}{rest}}}"#));
                let expected = format!("header parameter `{parameter}`: expected a string, found ");
                assert!(error.to_string().starts_with(&expected), "{error}");
                assert!(
                    matches!(error, Error::MalformedHeader { parameter: p, found: Some(_), .. } if p == parameter)
                );
            }
        }
    }

    #[test]
    fn certificate_thumbprint_names_key_without_kid() {
        // FR-B8
        let id = |rest: &str| {
            let text = format!(r#"{{"alg":"RS256"{rest}}}"#);
            Header::parse(text.as_bytes()).unwrap().key_id.to_owned()
        };
        let both = |strong: Option<&'static str>, weak: Option<&'static str>| {
            KeyId::Thumbprints(Box::new([strong.map(Cow::Borrowed), weak.map(Cow::Borrowed)]))
        };
        assert_eq!(id(r#","x5t":"abc""#), both(None, Some("abc")));
        assert_eq!(id(r#","x5t#S256":"def""#), both(Some("def"), None));
        assert_eq!(id(r#","x5t":"abc","x5t#S256":"def""#), both(Some("def"), Some("abc")));
        assert_eq!(id(r#","x5t":"abc","kid":"k""#), Some("k").into());
        assert_eq!(id(""), KeyId::Absent);
    }

    #[test]
    fn header_without_algorithm_is_rejected() {
        // A09
        assert!(matches!(refusal("{}"), Error::MalformedHeader { parameter: "alg", .. }));
    }

    #[test]
    fn algorithm_that_is_not_asymmetric_is_rejected() {
        // A10, A11, A12
        for name in ["none", "None", "HS256", "HS512", "RSA-OAEP", "rs256", ""] {
            let error = refusal(&format!(r#"{{"alg":"{name}"}}"#));
            assert!(matches!(error, Error::UnacceptableAlgorithm { .. }), "{name}");
        }
    }

    #[test]
    fn crit_with_any_value_is_rejected() {
        // A15, A16
        for crit in [r#"["exp"]"#, "[]", "null", "\"b64\"", r#"["b64"],"b64":false"#, r#"["alg","alg"]"#, "1"]
        {
            assert_eq!(refusal(&format!(r#"{{"alg":"RS256","crit":{crit}}}"#)), Error::CriticalExtension);
        }
    }

    #[test]
    fn b64_other_than_true_is_rejected() {
        // A16
        assert!(Header::parse(br#"{"alg":"RS256","b64":true}"#).is_ok());
        for b64 in ["false", "null", "0", "\"true\"", "[true]"] {
            let error = refusal(&format!(r#"{{"alg":"RS256","b64":{b64}}}"#));
            assert!(matches!(error, Error::MalformedHeader { parameter: "b64", .. }), "{b64}");
        }
    }

    #[test]
    fn encrypted_token_has_its_own_error() {
        // A05
        assert_eq!(refusal(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#), Error::Encrypted);
    }
}
