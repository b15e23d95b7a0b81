//! Reads a public key in PEM (RFC 7468) as a JWK, so that it passes the same checks.

use std::fmt;

use scopegate_proto::base64url;
use serde_json::{Map, Value, json};

use crate::keys::der::{BIT_STRING, Der, INTEGER, OBJECT_IDENTIFIER, SEQUENCE};
use crate::keys::verifying_key::{sha1, sha256};

/// Maximum length of a PEM string in bytes. A certificate for a key of 8,192 bits takes about 4
/// KiB.
const MAX_LENGTH: usize = 64 * 1024;

/// The reason why a string is not a public key in PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PemError {
    TooLong,
    NotOneBlock,
    PrivateKey,
    OtherLabel,
    NotBase64,
    NotDer,
    UnsupportedKey,
}

/// Reads one block as a JWK.
pub(crate) fn jwk(kid: &str, pem: &str) -> Result<Value, PemError> {
    let (label, der) = block(pem)?;
    let (spki, thumbprints) = match label {
        "PUBLIC KEY" => (der.as_slice(), false),
        "CERTIFICATE" => (spki_of_certificate(&der).ok_or(PemError::NotDer)?, true),
        label if label.contains("PRIVATE") => return Err(PemError::PrivateKey),
        _ => return Err(PemError::OtherLabel),
    };
    let mut jwk = public_key(spki)?;
    jwk.insert("kid".to_owned(), kid.into());
    if thumbprints {
        jwk.insert("x5t".to_owned(), base64url::encode(sha1(&der)).into());
        jwk.insert("x5t#S256".to_owned(), base64url::encode(sha256(&der)).into());
    }
    Ok(jwk.into())
}

/// Writes a key set.
pub(crate) fn set(jwks: impl Iterator<Item = Value>) -> String {
    json!({ "keys": jwks.collect::<Vec<_>>() }).to_string()
}

/// Returns the label and the bytes of the only block. Text around it is rejected, because two keys
/// in one file are a mistake.
pub(crate) fn block(pem: &str) -> Result<(&str, Vec<u8>), PemError> {
    if pem.len() > MAX_LENGTH {
        return Err(PemError::TooLong);
    }
    let text = pem.trim().strip_prefix("-----BEGIN ").ok_or(PemError::NotOneBlock)?;
    let (label, rest) = text.split_once("-----").ok_or(PemError::NotOneBlock)?;
    let end = format!("-----END {label}-----");
    let body = rest.strip_suffix(end.as_str()).ok_or(PemError::NotOneBlock)?;
    if label.contains("PRIVATE") {
        return Err(PemError::PrivateKey);
    }
    if body.contains("-----") {
        return Err(PemError::NotOneBlock);
    }
    let base64: String = body.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    Ok((label, base64url::decode_standard(base64).ok_or(PemError::NotBase64)?))
}

/// Returns the `SubjectPublicKeyInfo` of a certificate. RFC 5280 §4.1: `tbsCertificate` has an
/// optional version, five fields, and then the key.
fn spki_of_certificate(der: &[u8]) -> Option<&[u8]> {
    const VERSION: u8 = 0xa0;
    let mut outer = Der(der);
    let mut certificate = Der(outer.read(SEQUENCE)?);
    outer.end()?;
    let mut fields = Der(certificate.read(SEQUENCE)?);
    if fields.next_is(VERSION) {
        fields.read(VERSION)?;
    }
    fields.read(INTEGER)?;
    for _signature_issuer_validity_subject in 0..4 {
        fields.read(SEQUENCE)?;
    }
    fields.element(SEQUENCE)
}

/// Reads a key as the members of a JWK (RFC 5280 §4.1.2.7, RFC 3279 §2.3, RFC 5480 §2.1, RFC 8410
/// §3).
fn public_key(spki: &[u8]) -> Result<Map<String, Value>, PemError> {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    let (algorithm, mut parameters, key) = split(spki).ok_or(PemError::NotDer)?;
    let encode = |bytes: &[u8]| Value::from(base64url::encode(bytes));
    let members = match algorithm {
        RSA => {
            let mut numbers = Der(Der(key).read(SEQUENCE).ok_or(PemError::NotDer)?);
            let (n, e) = (numbers.read(INTEGER), numbers.read(INTEGER));
            let (Some(n), Some(e), Some(())) = (n, e, numbers.end()) else { return Err(PemError::NotDer) };
            vec![("kty", "RSA".into()), ("n", encode(n)), ("e", encode(e))]
        }
        EC => {
            let (curve, length) = match parameters.read(OBJECT_IDENTIFIER) {
                Some([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]) => ("P-256", 32),
                Some([0x2b, 0x81, 0x04, 0x00, 0x22]) => ("P-384", 48),
                Some([0x2b, 0x81, 0x04, 0x00, 0x23]) => ("P-521", 66),
                _ => return Err(PemError::UnsupportedKey),
            };
            // Both coordinates follow (SEC 1 §2.3.3). Compressed points are rejected.
            let point = key.strip_prefix(&[4]).filter(|point| point.len() == 2 * length);
            let (x, y) = point.ok_or(PemError::UnsupportedKey)?.split_at(length);
            vec![("kty", "EC".into()), ("crv", curve.into()), ("x", encode(x)), ("y", encode(y))]
        }
        ED25519 => vec![("kty", "OKP".into()), ("crv", "Ed25519".into()), ("x", encode(key))],
        _ => return Err(PemError::UnsupportedKey),
    };
    Ok(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Returns the algorithm, its parameters and the bits of the key.
fn split(spki: &[u8]) -> Option<(&[u8], Der<'_>, &[u8])> {
    let mut outer = Der(spki);
    let mut fields = Der(outer.read(SEQUENCE)?);
    outer.end()?;
    let mut algorithm = Der(fields.read(SEQUENCE)?);
    let identifier = algorithm.read(OBJECT_IDENTIFIER)?;
    let bits = fields.read(BIT_STRING)?;
    fields.end()?;
    // The first octet is the number of unused bits, which is 0 for a key.
    Some((identifier, algorithm, bits.strip_prefix(&[0])?))
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const EXPECTED: &str = "expected one PEM block, PUBLIC KEY or CERTIFICATE";
        match self {
            Self::TooLong => write!(f, "{EXPECTED}, found more than {MAX_LENGTH} bytes"),
            Self::NotOneBlock => write!(f, "{EXPECTED}, found no block, several, or text around one"),
            Self::PrivateKey => write!(f, "{EXPECTED}, found a private key"),
            Self::OtherLabel => write!(f, "{EXPECTED}, found a block with another label"),
            Self::NotBase64 => write!(f, "{EXPECTED}, found a block that is not base64"),
            Self::NotDer => write!(f, "{EXPECTED}, found a block that holds something else"),
            Self::UnsupportedKey => f.write_str(
                "expected a key that is RSA, EC on P-256, P-384 or P-521, or Ed25519, found another",
            ),
        }
    }
}
