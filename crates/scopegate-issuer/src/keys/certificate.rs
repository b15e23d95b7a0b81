//! Certificates of clients, as far as tokens name them (RFC 8705 §3.1).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, de};

use crate::keys::public_key::sha256;

/// The X.509 certificate of a client, for tokens that are bound to it (RFC 8705 §3).
///
/// Only its bytes matter, because a token has their hash. Neither the chain nor the dates are
/// checked.
///
/// ```
/// use scopegate_issuer::{Certificate, InvalidCertificate};
///
/// # fn main() -> Result<(), InvalidCertificate> {
/// let certificate = Certificate::from_pem("-----BEGIN CERTIFICATE-----\nMAMCAQc=\n-----END CERTIFICATE-----\n")?;
/// assert_eq!(certificate, Certificate::from_der([0x30, 3, 2, 1, 7])?);
/// assert_eq!(certificate.thumbprint().len(), 43);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Certificate {
    thumbprint: String,
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidCertificate`] if this is not exactly one DER sequence (X.690 §8.9).
    pub fn from_der(der: impl AsRef<[u8]>) -> Result<Self, InvalidCertificate> {
        let der = der.as_ref();
        if !is_one_sequence(der) {
            return Err(InvalidCertificate("one DER sequence"));
        }
        Ok(Self { thumbprint: sha256(der) })
    }

    /// Reads the first certificate in PEM (RFC 7468 §5), which is the client's own in a chain.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidCertificate`] if there is no certificate, or its content is not base64 of one
    /// DER sequence.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidCertificate> {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        const END: &str = "-----END CERTIFICATE-----";
        let content = pem.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
        let (content, _) = content.ok_or(InvalidCertificate("a PEM block with a certificate"))?;
        let base64: String = content.split_ascii_whitespace().collect();
        Self::from_der(STANDARD.decode(base64).map_err(|_| InvalidCertificate("base64 in the PEM block"))?)
    }

    /// Returns the SHA-256 of the DER in base64url, as in `x5t#S256`.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}

/// Returns whether the bytes are a sequence of a definite length that ends with them.
fn is_one_sequence(der: &[u8]) -> bool {
    let Some((0x30, rest)) = der.split_first().map(|(tag, rest)| (*tag, rest)) else { return false };
    match rest.split_first() {
        Some((&short, content)) if short < 0x80 => content.len() == usize::from(short),
        Some((&long, rest)) => {
            let Some((length, content)) = rest.split_at_checked(usize::from(long & 0x7F)) else {
                return false;
            };
            let minimal = length.first().is_some_and(|first| *first != 0) && length.len() <= 4;
            let length = length.iter().fold(0, |length: u64, byte| length << 8 | u64::from(*byte));
            minimal && length >= 0x80 && content.len() as u64 == length
        }
        None => false,
    }
}

/// A file has a certificate in PEM.
impl<'de> Deserialize<'de> for Certificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_pem(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// An error for text or bytes that are not a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCertificate(&'static str);

impl fmt::Display for InvalidCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid certificate: expected {}", self.0)
    }
}

impl std::error::Error for InvalidCertificate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_is_exactly_one_sequence() {
        let long = |length: usize| [&[0x30, 0x82, 0x01, 0x00][..], &vec![0; length]].concat();
        for der in [vec![0x30, 1, 0], long(256), [&[0x30, 0x81, 0x80][..], &[0; 128]].concat()] {
            assert!(Certificate::from_der(der).is_ok());
        }
        for der in [
            vec![],
            vec![0x30],
            vec![0x30, 2, 0],
            vec![0x30, 0, 0],
            vec![0x31, 1, 0],
            vec![0x30, 0x80],
            vec![0x30, 0x81, 1, 0],
            vec![0x30, 0x82, 0, 1, 0],
            vec![0x30, 0x85, 0, 0, 0, 0, 1, 0],
            long(255),
            long(257),
        ] {
            assert!(Certificate::from_der(&der).is_err(), "{der:?}");
        }
    }

    #[test]
    fn pem_without_certificate_is_rejected() {
        for pem in [
            "",
            "-----BEGIN PRIVATE KEY-----\nMAEA\n-----END PRIVATE KEY-----",
            "-----BEGIN CERTIFICATE-----\nMAEA",
            "-----BEGIN CERTIFICATE-----\nMAE!\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        ] {
            assert!(Certificate::from_pem(pem).is_err(), "{pem:?}");
        }
        let chain = "-----BEGIN CERTIFICATE-----\r\nMA\r\nEA\r\n-----END CERTIFICATE-----\r\n\
                     -----BEGIN CERTIFICATE-----\nMAIAAA==\n-----END CERTIFICATE-----\n";
        assert_eq!(Certificate::from_pem(chain), Certificate::from_der([0x30, 1, 0]));
    }
}
