//! `X-Forwarded-Client-Cert` of Envoy: elements between commas, each with members between semicolons.
//! A member is `Key=value` or `Key="value"`, with `\"` for a quote. Keys are read in any case.

use crate::certificate::malformed::MalformedCertificate;
use crate::certificate::pem::{self, hex_digit};
use crate::certificate::source::ForwardedElement;
use crate::certificate::thumbprint::of_der;

/// The members of an element that name the certificate, as they are written.
#[derive(Default)]
struct Element<'a> {
    certificate: Option<&'a [u8]>,
    hash: Option<&'a [u8]>,
}

/// Returns the hash of the certificate in the element that is used.
pub(super) fn thumbprint(value: &[u8], used: ForwardedElement) -> Result<[u8; 32], MalformedCertificate> {
    if used == ForwardedElement::Last && has_unquoted_names(value) {
        return Err(MalformedCertificate::UnquotedNames);
    }
    let mut rest = value;
    loop {
        let (element, after) = element(rest)?;
        match (after, used) {
            (None, _) => return element.thumbprint(),
            (Some(_), ForwardedElement::Only) => return Err(MalformedCertificate::SeveralElements),
            (Some(after), ForwardedElement::Last) => rest = after,
        }
    }
}

/// Returns whether the header may have a member `URI` or `DNS`, also inside of another value.
///
/// Envoy writes the names of a certificate without quotes. A client whose certificate has the URI
/// `x,Hash=…` would add an element, and its hash would count as the last one.
fn has_unquoted_names(value: &[u8]) -> bool {
    value.windows(4).any(|name| name.eq_ignore_ascii_case(b"uri=") || name.eq_ignore_ascii_case(b"dns="))
}

impl Element<'_> {
    /// Decodes the members.
    fn thumbprint(self) -> Result<[u8; 32], MalformedCertificate> {
        let certificate =
            self.certificate.map(|escaped| pem::certificate(escaped).and_then(|der| of_der(&der)));
        match (certificate.transpose()?, self.hash.map(hash).transpose()?) {
            (Some(certificate), Some(hash)) if certificate != hash => Err(MalformedCertificate::OtherHash),
            (Some(thumbprint), _) | (None, Some(thumbprint)) => Ok(thumbprint),
            (None, None) => Err(MalformedCertificate::NoCertificate),
        }
    }
}

/// Reads the next element. Returns it and the rest after a comma.
fn element(text: &[u8]) -> Result<(Element<'_>, Option<&[u8]>), MalformedCertificate> {
    let mut element = Element::default();
    let mut rest = text.trim_ascii_start();
    loop {
        let malformed = MalformedCertificate::NotElements;
        let at = rest.iter().position(|byte| b"=,;\"".contains(byte)).ok_or(malformed)?;
        let (key, after) = rest.split_at_checked(at).ok_or(malformed)?;
        let after = after.strip_prefix(b"=").filter(|_| !key.is_empty()).ok_or(malformed)?;
        let (value, after) = value(after).ok_or(malformed)?;
        if key.eq_ignore_ascii_case(b"cert") {
            set(&mut element.certificate, value)?;
        } else if key.eq_ignore_ascii_case(b"hash") {
            set(&mut element.hash, value)?;
        }
        match after.split_first() {
            None => return Ok((element, None)),
            Some((b',', after)) => return Ok((element, Some(after))),
            Some((b';', after)) => rest = after,
            Some(_) => return Err(malformed),
        }
    }
}

/// Reads a value, and returns it without its quotes, and the rest. Escapes remain, because neither a
/// certificate nor a hash has any.
fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| b",;\"".contains(byte)).unwrap_or(text.len());
        return text.split_at_checked(end);
    };
    let (mut at, mut backslashes) = (0_usize, 0_usize);
    loop {
        match quoted.get(at)? {
            b'"' if backslashes == 0 => {
                let (value, rest) = quoted.split_at_checked(at)?;
                return Some((value, rest.strip_prefix(b"\"")?));
            }
            // The quote of `\\"` ends the value if the proxy escapes backslashes, and does not otherwise.
            b'"' if backslashes % 2 == 0 => return None,
            b'\\' => backslashes += 1,
            _ => backslashes = 0,
        }
        at += 1;
    }
}

/// Sets a member, which must occur once.
fn set<'a>(member: &mut Option<&'a [u8]>, value: &'a [u8]) -> Result<(), MalformedCertificate> {
    match member.replace(value) {
        None => Ok(()),
        Some(_) => Err(MalformedCertificate::NotElements),
    }
}

/// Reads a SHA-256 hash of 64 hexadecimal digits.
fn hash(digits: &[u8]) -> Result<[u8; 32], MalformedCertificate> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?)).collect();
    let bytes = bytes.filter(|_| rest.is_empty()).ok_or(MalformedCertificate::NotAHash)?;
    bytes.try_into().map_err(|_| MalformedCertificate::NotAHash)
}
