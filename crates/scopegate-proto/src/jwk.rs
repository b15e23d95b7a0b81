//! Members of a JSON Web Key (RFC 7517), read with strict types.

use std::borrow::Cow;
use std::fmt;

use crate::base64url;
use crate::json::{JsonError, JsonObject, string, strings};

/// Members with private or symmetric key material (RFC 7518 §6.2.2, §6.3.2 and §6.4.1), and `priv` of
/// keys of the type `AKP` (RFC 9964 §3).
const SECRET_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// The algorithms of keys of the type `AKP` that are supported, with the bytes of `pub` (RFC 9964 §5,
/// FIPS 204 table 2).
const ML_DSA: [(&str, usize); 3] = [("ML-DSA-44", 1312), ("ML-DSA-65", 1952), ("ML-DSA-87", 2592)];

/// A JSON Web Key whose members are read on demand.
///
/// ```
/// use scopegate_proto::jwk::{Jwk, JwkError};
///
/// let jwk = Jwk::from_text(r#"{"kty":"RSA","kid":"k1","e":"AQAB"}"#)?;
/// assert_eq!(jwk.optional("kid")?.as_deref(), Some("k1"));
/// assert_eq!(jwk.unsigned("e")?, [1, 0, 1]);
/// assert_eq!(jwk.required("n"), Err(JwkError::Missing("n")));
/// # Ok::<(), JwkError>(())
/// ```
#[derive(Debug)]
pub struct Jwk<'a>(JsonObject<'a>);

impl<'a> Jwk<'a> {
    /// Reads a key from JSON.
    ///
    /// # Errors
    /// Returns [`JwkError::Json`] if it is not an object without repeated member names.
    pub fn from_text(json: &'a str) -> Result<Self, JwkError> {
        JsonObject::from_text(json).map(Self).map_err(JwkError::Json)
    }

    /// Returns whether the key has a member of this name, with any value.
    pub fn contains(&self, member: &str) -> bool {
        self.0.contains(member)
    }

    /// Returns a member that may be absent.
    ///
    /// # Errors
    /// Returns [`JwkError::Malformed`] if the member is not a string.
    pub fn optional(&self, member: &'static str) -> Result<Option<Cow<'a, str>>, JwkError> {
        match self.0.get(member) {
            None => Ok(None),
            Some(value) => string(value).map(Some).ok_or(JwkError::Malformed(member)),
        }
    }

    /// Returns a member that may be absent or `null`.
    ///
    /// Use it for members that do not restrict the key's use, such as `kid`: some issuers write
    /// `null` instead of omitting them.
    ///
    /// # Errors
    /// Returns [`JwkError::Malformed`] if the member is neither a string nor `null`.
    pub fn optional_or_null(&self, member: &'static str) -> Result<Option<Cow<'a, str>>, JwkError> {
        if self.0.get_non_null(member).is_none() { Ok(None) } else { self.optional(member) }
    }

    /// Returns a member that must be present.
    ///
    /// # Errors
    /// Returns [`JwkError::Missing`] if it is absent or `null`, [`JwkError::Malformed`] if it is
    /// not a string.
    pub fn required(&self, member: &'static str) -> Result<Cow<'a, str>, JwkError> {
        self.optional_or_null(member)?.ok_or(JwkError::Missing(member))
    }

    /// Returns a list of strings that may be absent.
    ///
    /// # Errors
    /// Returns [`JwkError::Malformed`] if the member is anything else.
    pub fn strings(&self, member: &'static str) -> Result<Option<Vec<Cow<'a, str>>>, JwkError> {
        match self.0.get(member) {
            None => Ok(None),
            Some(value) => strings(value).map(Some).ok_or(JwkError::Malformed(member)),
        }
    }

    /// Returns the bytes of a member that must be present.
    ///
    /// # Errors
    /// As [`required`](Self::required), and [`JwkError::Malformed`] if the member is not canonical
    /// base64url.
    pub fn bytes(&self, member: &'static str) -> Result<Vec<u8>, JwkError> {
        let text = self.required(member)?;
        base64url::decode(text.as_bytes()).ok_or(JwkError::Malformed(member))
    }

    /// Returns an unsigned number that must be present, in big-endian order without leading zeros.
    ///
    /// RFC 7518 §2 forbids leading zero bytes, but some issuers write them. They do not change the
    /// number, so they are dropped.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn unsigned(&self, member: &'static str) -> Result<Vec<u8>, JwkError> {
        let bytes = self.bytes(member)?;
        Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
    }

    /// Returns the algorithm and the public key of a key of the type `AKP` (RFC 9964 §3). The
    /// algorithm is `ML-DSA-44`, `ML-DSA-65` or `ML-DSA-87`.
    ///
    /// The type does not decide the algorithm, so `alg` is required.
    ///
    /// # Errors
    /// Returns [`JwkError::Missing`] if `alg` or `pub` is absent, [`JwkError::Unsupported`] if `alg`
    /// is another algorithm, and [`JwkError::Malformed`] if a member is not a string, or `pub` is not
    /// canonical base64url of the algorithm's length.
    ///
    /// ```
    /// use scopegate_proto::jwk::{Jwk, JwkError};
    ///
    /// let key = format!(r#"{{"kty":"AKP","alg":"ML-DSA-44","pub":"{}"}}"#, "AAAA".repeat(437) + "AA");
    /// let jwk = Jwk::from_text(&key)?;
    /// assert_eq!(jwk.ml_dsa()?, ("ML-DSA-44", vec![0; 1312]));
    /// let without_alg = Jwk::from_text(r#"{"kty":"AKP","pub":"AAAA"}"#)?;
    /// assert_eq!(without_alg.ml_dsa(), Err(JwkError::Missing("alg")));
    /// # Ok::<(), JwkError>(())
    /// ```
    pub fn ml_dsa(&self) -> Result<(&'static str, Vec<u8>), JwkError> {
        let name = self.required("alg")?;
        let (name, length) =
            ML_DSA.into_iter().find(|(known, _)| *known == name).ok_or(JwkError::Unsupported("alg"))?;
        let key = self.bytes("pub")?;
        if key.len() == length { Ok((name, key)) } else { Err(JwkError::Malformed("pub")) }
    }

    /// Checks that the key contains no private or symmetric key material.
    ///
    /// A published private key is compromised, because an attacker can sign tokens with it.
    ///
    /// # Errors
    /// Returns [`JwkError::HoldsSecret`] if the key has one of the private members of RFC 7518 §6, or
    /// `priv` of RFC 9964 §3.
    pub fn check_public(&self) -> Result<(), JwkError> {
        if SECRET_MEMBERS.iter().any(|member| self.contains(member)) {
            return Err(JwkError::HoldsSecret);
        }
        Ok(())
    }
}

/// The reason why a key is rejected.
///
/// `Display` completes a sentence such as "the key …".
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwkError {
    /// The key is not a JSON object without repeated member names.
    Json(JsonError),
    /// A required member is absent.
    Missing(&'static str),
    /// A member has the wrong type or form.
    Malformed(&'static str),
    /// A member has a value that is not supported.
    Unsupported(&'static str),
    /// The key contains private or symmetric key material.
    HoldsSecret,
}

impl fmt::Display for JwkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(found) => write!(f, "is {found}"),
            Self::Missing(member) => write!(f, "has no `{member}`"),
            Self::Malformed(member) => write!(f, "has a malformed `{member}`"),
            Self::Unsupported(member) => write!(f, "has an unsupported `{member}`"),
            Self::HoldsSecret => f.write_str("holds private or symmetric key material"),
        }
    }
}

impl std::error::Error for JwkError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_member_differs_from_malformed_one() {
        let jwk = Jwk::from_text(r#"{"kty":1,"x":"+/","ops":["a",1]}"#).unwrap();
        assert_eq!(jwk.optional("kid"), Ok(None));
        assert_eq!(jwk.strings("key_ops"), Ok(None));
        assert_eq!(jwk.required("kid"), Err(JwkError::Missing("kid")));
        assert_eq!(jwk.bytes("y"), Err(JwkError::Missing("y")));
        for member in ["kty", "ops"] {
            assert_eq!(jwk.optional(member), Err(JwkError::Malformed(member)));
            assert_eq!(jwk.required(member), Err(JwkError::Malformed(member)));
        }
        assert_eq!(jwk.strings("ops"), Err(JwkError::Malformed("ops")));
        assert_eq!(jwk.bytes("x"), Err(JwkError::Malformed("x")));
        assert_eq!(jwk.unsigned("x"), Err(JwkError::Malformed("x")));
    }

    #[test]
    fn null_is_absent_for_optional_or_null_only() {
        // FR-B1
        let jwk = Jwk::from_text(r#"{"kid":null,"use":"sig","x5t":7}"#).unwrap();
        assert_eq!(jwk.optional_or_null("kid"), Ok(None));
        assert_eq!(jwk.optional_or_null("absent"), Ok(None));
        assert_eq!(jwk.optional_or_null("use").unwrap().as_deref(), Some("sig"));
        assert_eq!(jwk.optional_or_null("x5t"), Err(JwkError::Malformed("x5t")));
        assert_eq!(jwk.optional("kid"), Err(JwkError::Malformed("kid")));
        assert_eq!(jwk.required("kid"), Err(JwkError::Missing("kid")));
    }

    #[test]
    fn leading_zeros_of_number_are_dropped() {
        let jwk = Jwk::from_text(r#"{"e":"AAEAAQ","n":"AA","l":["a","b"]}"#).unwrap();
        assert_eq!(jwk.bytes("e").unwrap(), [0, 1, 0, 1]);
        assert_eq!(jwk.unsigned("e").unwrap(), [1, 0, 1]);
        assert_eq!(jwk.unsigned("n").unwrap(), [0; 0]);
        assert_eq!(jwk.strings("l").unwrap().unwrap(), ["a", "b"]);
    }

    #[test]
    fn key_with_secret_member_is_rejected() {
        assert_eq!(Jwk::from_text(r#"{"kty":"EC","x":"","y":""}"#).unwrap().check_public(), Ok(()));
        // ML01
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
            let text = format!(r#"{{"kty":"EC","{member}":null}}"#);
            assert_eq!(Jwk::from_text(&text).unwrap().check_public(), Err(JwkError::HoldsSecret), "{member}");
        }
    }

    #[test]
    fn ml_dsa_key_has_length_of_its_algorithm() {
        // ML01
        let read = |alg: &str, length: usize| {
            let key = base64url::encode(vec![1; length]);
            let text = format!(r#"{{"kty":"AKP","alg":{alg},"pub":"{key}"}}"#);
            Jwk::from_text(&text).unwrap().ml_dsa().map(|(name, key)| (name, key.len()))
        };
        for (alg, length) in ML_DSA {
            let quoted = format!("\"{alg}\"");
            assert_eq!(read(&quoted, length), Ok((alg, length)));
            let others = ML_DSA.iter().map(|(_, other)| *other).filter(|other| *other != length);
            for other in others.chain([0, 32, length - 1, length + 1]) {
                assert_eq!(read(&quoted, other), Err(JwkError::Malformed("pub")), "{alg} {other}");
            }
        }
        for alg in
            ["\"ml-dsa-44\"", "\"ML-DSA\"", "\"HashML-DSA-44\"", "\"SLH-DSA-SHA2-128s\"", "\"ES256\"", "\"\""]
        {
            assert_eq!(read(alg, 1312), Err(JwkError::Unsupported("alg")), "{alg}");
        }
        assert_eq!(read("null", 1312), Err(JwkError::Missing("alg")));
        assert_eq!(read("44", 1312), Err(JwkError::Malformed("alg")));
        for (text, error) in [
            (r#"{"kty":"AKP","alg":"ML-DSA-44"}"#, JwkError::Missing("pub")),
            (r#"{"kty":"AKP","alg":"ML-DSA-44","pub":7}"#, JwkError::Malformed("pub")),
        ] {
            assert_eq!(Jwk::from_text(text).unwrap().ml_dsa(), Err(error), "{text}");
        }
    }

    #[test]
    fn anything_but_an_object_is_rejected() {
        for (text, found) in
            [("[]", JsonError::NotJson), (r#"{"kty":"EC","kty":"EC"}"#, JsonError::RepeatedName)]
        {
            assert_eq!(Jwk::from_text(text).unwrap_err(), JwkError::Json(found));
        }
    }
}
