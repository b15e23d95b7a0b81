//! The SHA-256 thumbprint of a public key (RFC 7638). No other module calls the cryptography crate.
//!
//! The hash function is that of `aws-lc-rs`, which verifies and signs in the other crates. A second
//! implementation of SHA-256 would have to be audited as well.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

use crate::base64url;
use crate::jwk::{Jwk, JwkError};

/// The SHA-256 thumbprint of a public key, such as the value of `jkt` (RFC 9449 §6.1).
///
/// `Display` writes it as base64url.
///
/// ```
/// use scopegate_proto::jwk::{Jwk, JwkError};
/// use scopegate_proto::thumbprint::Thumbprint;
///
/// // RFC 8037, appendix A.3
/// let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let thumbprint = Thumbprint::of(&Jwk::from_text(jwk)?)?;
/// assert_eq!(thumbprint.to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), JwkError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Computes the thumbprint of a key of type `RSA`, `EC` (P-256, P-384, P-521), `OKP` (Ed25519) or
    /// `AKP` (ML-DSA).
    ///
    /// Only the members that identify the key are hashed (RFC 7638 §3.2, RFC 8037 §2, RFC 9964 §6).
    /// Therefore, a `kid` does not change the thumbprint.
    ///
    /// # Errors
    /// Returns a [`JwkError`] if one of these members is absent, malformed or unsupported.
    /// Malformed values include coordinates and ML-DSA keys of a wrong length, and numbers that are empty or begin
    /// with a zero byte (RFC 7518 §6). Otherwise one key would have several thumbprints.
    pub fn of(jwk: &Jwk<'_>) -> Result<Self, JwkError> {
        // Members in lexicographic order, without white space. No value needs an escape: it is
        // base64url, or one of the names below.
        let json = match jwk.required("kty")?.as_ref() {
            "RSA" => {
                let [e, n] = [number(jwk, "e")?, number(jwk, "n")?];
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
            "EC" => {
                let (crv, length) = match jwk.required("crv")?.as_ref() {
                    "P-256" => ("P-256", 32),
                    "P-384" => ("P-384", 48),
                    "P-521" => ("P-521", 66),
                    _ => return Err(JwkError::Unsupported("crv")),
                };
                let [x, y] = [coordinate(jwk, "x", length)?, coordinate(jwk, "y", length)?];
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            "OKP" => {
                if jwk.required("crv")? != "Ed25519" {
                    return Err(JwkError::Unsupported("crv"));
                }
                let x = coordinate(jwk, "x", 32)?;
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
            "AKP" => {
                let (alg, key) = jwk.ml_dsa()?;
                format!(r#"{{"alg":"{alg}","kty":"AKP","pub":"{}"}}"#, base64url::encode(key))
            }
            _ => return Err(JwkError::Unsupported("kty")),
        };
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, json.as_bytes()).as_ref());
        Ok(Self(bytes))
    }

    /// Returns the 32 bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Returns the base64url form of a number (RFC 7518 §2: the minimum number of bytes).
fn number(jwk: &Jwk<'_>, member: &'static str) -> Result<String, JwkError> {
    let bytes = jwk.bytes(member)?;
    match bytes.first() {
        None | Some(0) => Err(JwkError::Malformed(member)),
        Some(_) => Ok(base64url::encode(bytes)),
    }
}

/// Returns the base64url form of a coordinate (RFC 7518 §6.2.1.2: the full length).
fn coordinate(jwk: &Jwk<'_>, member: &'static str, length: usize) -> Result<String, JwkError> {
    let bytes = jwk.bytes(member)?;
    if bytes.len() == length { Ok(base64url::encode(bytes)) } else { Err(JwkError::Malformed(member)) }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_\
        BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQ\
        MicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPks\
        INHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    fn thumbprint(jwk: &str) -> Result<String, JwkError> {
        Thumbprint::of(&Jwk::from_text(jwk).unwrap()).map(|thumbprint| thumbprint.to_string())
    }

    #[test]
    fn rsa_key_of_rfc_7638_has_its_thumbprint() {
        // RFC 7638 §3.1; other members and the order of members have no effect
        let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        for jwk in [
            format!(r#"{{"kty":"RSA","n":"{RSA_N}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#),
            format!(r#"{{ "n": "{RSA_N}", "kty": "\u0052SA", "e": "AQAB" }}"#),
        ] {
            assert_eq!(thumbprint(&jwk).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn ec_key_of_rfc_9449_has_its_thumbprint() {
        // RFC 9449 §4.1 and §6.1
        let jwk = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;
        assert_eq!(thumbprint(jwk).as_deref(), Ok("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"));
    }

    #[test]
    fn okp_key_of_rfc_8037_has_its_thumbprint() {
        // RFC 8037, appendix A.3
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        assert_eq!(thumbprint(jwk).as_deref(), Ok("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
        let thumbprint = Thumbprint::of(&Jwk::from_text(jwk).unwrap()).unwrap();
        assert_eq!(base64url::encode(thumbprint.as_bytes()), thumbprint.to_string());
        assert_eq!(format!("{thumbprint:?}"), format!("Thumbprint({thumbprint})"));
    }

    #[test]
    fn akp_key_has_its_thumbprint() {
        // ML03: computed with Python's hashlib for keys of zeros. The keys of RFC 9964 are in the crate
        // scopegate.
        for (alg, length, expected) in [
            ("ML-DSA-44", 1312, "2CJAHa1baogysYbpTDvpCwkYgjufJNrkcgQy0gi_2fU"),
            ("ML-DSA-65", 1952, "bFUn9j2_niUjda0r8RQHTZlaOJoNgYzOOLOiV5T4dd4"),
            ("ML-DSA-87", 2592, "mJeWMNhJ3Um1HblSE1KALHN27OuZEMAqVkSuoxb9toM"),
        ] {
            let key = base64url::encode(vec![0; length]);
            let jwk = format!(r#"{{"pub":"{key}","kid":"k","kty":"AKP","use":"sig","alg":"{alg}"}}"#);
            assert_eq!(thumbprint(&jwk).as_deref(), Ok(expected), "{alg}");
        }
        assert_eq!(thumbprint(r#"{"kty":"AKP","pub":"AA"}"#), Err(JwkError::Missing("alg")));
    }

    #[test]
    fn second_spelling_of_a_key_is_rejected() {
        // Numbers with a leading zero, and coordinates that are too short or too long.
        let x = |bytes: usize| base64url::encode(vec![1; bytes]);
        for (jwk, member) in [
            (r#"{"kty":"RSA","n":"AQ","e":"AAEAAQ"}"#.to_owned(), "e"),
            (r#"{"kty":"RSA","n":"AAE","e":"AQAB"}"#.to_owned(), "n"),
            (r#"{"kty":"RSA","n":"","e":"AQAB"}"#.to_owned(), "n"),
            (r#"{"kty":"RSA","n":"AR","e":"AQAB"}"#.to_owned(), "n"),
            (format!(r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}"#, x(31), x(32)), "x"),
            (format!(r#"{{"kty":"EC","crv":"P-384","x":"{}","y":"{}"}}"#, x(48), x(49)), "y"),
            (format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, x(33)), "x"),
            (format!(r#"{{"kty":"AKP","alg":"ML-DSA-44","pub":"{}"}}"#, x(1313)), "pub"),
        ] {
            assert_eq!(thumbprint(&jwk), Err(JwkError::Malformed(member)), "{jwk}");
        }
        let whole = format!(r#"{{"kty":"EC","crv":"P-521","x":"{}","y":"{}"}}"#, x(66), x(66));
        assert!(thumbprint(&whole).is_ok());
    }

    #[test]
    fn key_of_another_kind_is_rejected() {
        for (jwk, error) in [
            ("{}", JwkError::Missing("kty")),
            (r#"{"kty":"oct","k":"AQ"}"#, JwkError::Unsupported("kty")),
            (r#"{"kty":"EC","x":"AQ","y":"AQ"}"#, JwkError::Missing("crv")),
            (r#"{"kty":"EC","crv":"P-192","x":"AQ","y":"AQ"}"#, JwkError::Unsupported("crv")),
            (r#"{"kty":"OKP","crv":"X25519","x":"AQ"}"#, JwkError::Unsupported("crv")),
            (r#"{"kty":"RSA","n":"AQ"}"#, JwkError::Missing("e")),
            (r#"{"kty":"RSA","n":1,"e":"AQAB"}"#, JwkError::Malformed("n")),
        ] {
            assert_eq!(thumbprint(jwk), Err(error), "{jwk}");
        }
    }
}
