//! `X-Forwarded-Client-Cert` of Envoy: elements between commas, each with members between semicolons.
//! A member is `Key=value` or `Key="value"`, with `\"` for a quote. Keys are read in any case.

use crate::certificate::ForwardedElement;
use crate::certificate::malformed::MalformedCertificate;
use crate::certificate::pem::{self, hex_digit};
use crate::certificate::thumbprint::of_der;

/// The members of an element that name the certificate.
#[derive(Default)]
struct Element {
    certificate: Option<[u8; 32]>,
    hash: Option<[u8; 32]>,
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

impl Element {
    fn thumbprint(self) -> Result<[u8; 32], MalformedCertificate> {
        match (self.certificate, self.hash) {
            (Some(certificate), Some(hash)) if certificate != hash => Err(MalformedCertificate::OtherHash),
            (Some(thumbprint), _) | (None, Some(thumbprint)) => Ok(thumbprint),
            (None, None) => Err(MalformedCertificate::NoCertificate),
        }
    }
}

/// Reads the next element. Returns it and the rest after a comma.
fn element(text: &[u8]) -> Result<(Element, Option<&[u8]>), MalformedCertificate> {
    let mut element = Element::default();
    let mut rest = text.trim_ascii_start();
    loop {
        let malformed = MalformedCertificate::NotElements;
        let at = rest.iter().position(|byte| b"=,;\"".contains(byte)).ok_or(malformed)?;
        let (key, after) = rest.split_at_checked(at).ok_or(malformed)?;
        let after = after.strip_prefix(b"=").filter(|_| !key.is_empty()).ok_or(malformed)?;
        let (value, after) = value(after)?;
        if key.eq_ignore_ascii_case(b"cert") {
            let thumbprint = pem::certificate(&value).and_then(|der| of_der(&der))?;
            set(&mut element.certificate, thumbprint)?;
        } else if key.eq_ignore_ascii_case(b"hash") {
            set(&mut element.hash, hash(&value)?)?;
        }
        match after.split_first() {
            None => return Ok((element, None)),
            Some((b',', after)) => return Ok((element, Some(after))),
            Some((b';', after)) => rest = after,
            Some(_) => return Err(malformed),
        }
    }
}

/// Reads a value, and returns it and the rest.
fn value(text: &[u8]) -> Result<(Vec<u8>, &[u8]), MalformedCertificate> {
    let malformed = MalformedCertificate::NotElements;
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| b",;\"".contains(byte)).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).ok_or(malformed)?;
        return Ok((value.to_vec(), rest));
    };
    let (mut value, mut rest) = (Vec::new(), quoted);
    loop {
        match rest {
            [] => return Err(malformed),
            [b'"', rest @ ..] => return Ok((value, rest)),
            [b'\\', b'"', after @ ..] => {
                value.push(b'"');
                rest = after;
            }
            [byte, after @ ..] => {
                value.push(*byte);
                rest = after;
            }
        }
    }
}

/// Sets a member, which must occur once.
fn set(member: &mut Option<[u8; 32]>, thumbprint: [u8; 32]) -> Result<(), MalformedCertificate> {
    match member.replace(thumbprint) {
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
