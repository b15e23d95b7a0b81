//! One certificate in PEM, percent-encoded: the headers of nginx, Envoy and AWS.

use crate::certificate::malformed::MalformedCertificate;
use crate::keys::pem;

/// Returns the certificate in DER.
pub(super) fn certificate(escaped: &[u8]) -> Result<Vec<u8>, MalformedCertificate> {
    let text = unescape(escaped).and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or(MalformedCertificate::NotPercentEncoded)?;
    match pem::block(&text) {
        Ok(("CERTIFICATE", der)) => Ok(der),
        _ => Err(MalformedCertificate::NotOneCertificate),
    }
}

/// Decodes percent-encoding (RFC 3986 §2.1). `+` is a plus and no space, because AWS does not encode it.
///
/// Returns `None` for other characters that are not encoded. nginx, Envoy and AWS encode spaces and
/// line breaks, so PEM with a space is the value of another variable or of another proxy.
fn unescape(escaped: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte) {
            bytes.push(byte);
            continue;
        }
        if byte != b'%' {
            return None;
        }
        let (&[high, low], after) = rest.split_first_chunk()?;
        bytes.push(hex_digit(high)? << 4 | hex_digit(low)?);
        rest = after;
    }
    Some(bytes)
}

/// Returns the value of a hexadecimal digit, of either case.
pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
