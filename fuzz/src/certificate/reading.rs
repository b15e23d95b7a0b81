//! A second reading of certificate headers. It splits the whole text first, and knows no borrowed
//! slices and no early ends.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest header that is read.
const MAX_LENGTH: usize = 64 * 1024;

/// Returns the hash of the certificate that a header of this source has. `None` if it is malformed.
pub(super) fn hash(source: u8, text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    match source {
        b'c' => {
            let text = std::str::from_utf8(text).ok()?.trim_matches(' ');
            hash_of(&STANDARD.decode(text.strip_prefix(':')?.strip_suffix(':')?).ok()?)
        }
        b'p' => hash_of_pem(text),
        b'f' => {
            let elements = elements(text)?;
            (elements.len() == 1).then(|| hash_of_element(elements.first()?)).flatten()
        }
        _ => {
            let lower = text.to_ascii_lowercase();
            let names = String::from_utf8_lossy(&lower);
            if names.contains("uri=") || names.contains("dns=") {
                return None;
            }
            hash_of_element(elements(text)?.last()?)
        }
    }
}

/// Returns the hash of one element in DER with this tag and the shortest length.
fn hash_of(der: &[u8]) -> Option<Vec<u8>> {
    let length = der.len().checked_sub(2)?;
    let header = match length {
        0..=0x7f => vec![0x30, u8::try_from(length).ok()?],
        // The length takes one more byte, and then one more.
        0x81..=0x100 => vec![0x30, 0x81, u8::try_from(length - 1).ok()?],
        _ => {
            let [high, low] = u16::try_from(length.checked_sub(2)?).ok()?.to_be_bytes();
            if high == 0 {
                return None;
            }
            vec![0x30, 0x82, high, low]
        }
    };
    der.starts_with(&header).then(|| digest(&SHA256, der).as_ref().to_vec())
}

fn hash_of_pem(escaped: &[u8]) -> Option<Vec<u8>> {
    let escaped = std::str::from_utf8(escaped).ok()?;
    let mut parts = escaped.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    if escaped.chars().any(|one| !one.is_ascii_alphanumeric() && !"-._~+/=%".contains(one)) {
        return None;
    }
    let text = String::from_utf8(bytes).ok()?;
    let body = text.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?;
    let body = body.strip_suffix("-----END CERTIFICATE-----")?;
    if body.contains("-----") {
        return None;
    }
    hash_of(&STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()?)
}

/// The members of an element, with keys in lower case.
type Members = Vec<(Vec<u8>, Vec<u8>)>;

/// Returns the elements of `X-Forwarded-Client-Cert`. Each has a certificate and a hash once at most.
fn elements(text: &[u8]) -> Option<Vec<Members>> {
    let of_element = |element: Vec<u8>| {
        let members = split(element.trim_ascii_start(), b';')?;
        let members = members.iter().map(|text| member(text)).collect::<Option<Members>>()?;
        let occurs_once =
            |key: &[u8]| members.iter().filter(|(found, _)| found.as_slice() == key).count() < 2;
        (occurs_once(b"cert") && occurs_once(b"hash")).then_some(members)
    };
    split(text, b',')?.into_iter().map(of_element).collect()
}

/// Splits a text at a byte outside of quotes. `None` if a quote has no end, or an unclear one.
fn split(text: &[u8], separator: u8) -> Option<Vec<Vec<u8>>> {
    let mut parts = vec![Vec::new()];
    let mut is_quoted = false;
    for (at, &byte) in text.iter().enumerate() {
        let backslashes = text[..at].iter().rev().take_while(|one| **one == b'\\').count();
        match byte {
            b'"' if is_quoted && backslashes > 0 && backslashes % 2 == 0 => return None,
            b'"' if is_quoted && backslashes % 2 == 1 => {}
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        if byte == separator && !is_quoted {
            parts.push(Vec::new());
        } else {
            parts.last_mut()?.push(byte);
        }
    }
    (!is_quoted).then_some(parts)
}

fn member(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let at = text.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&text[..at], &text[at + 1..]);
    if key.is_empty() || key.contains(&b'"') {
        return None;
    }
    let value = match value.strip_prefix(b"\"") {
        None if value.contains(&b'"') => return None,
        None => value,
        Some(quoted) => {
            let inner = quoted.strip_suffix(b"\"")?;
            // A quote that ends the value before the last one.
            let is_escaped = |at: usize| at > 0 && inner[at - 1] == b'\\';
            if (0..inner.len()).any(|at| inner[at] == b'"' && !is_escaped(at)) {
                return None;
            }
            inner
        }
    };
    Some((key.to_ascii_lowercase(), value.to_vec()))
}

fn hash_of_element(members: &Members) -> Option<Vec<u8>> {
    let value =
        |key: &[u8]| members.iter().find(|(found, _)| found.as_slice() == key).map(|(_, value)| value);
    let certificate = value(b"cert").map(|escaped| hash_of_pem(escaped));
    let hash = value(b"hash").map(|digits| {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 64)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let pairs = (0..32).map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok());
        pairs.collect::<Option<Vec<u8>>>()
    });
    match (certificate, hash) {
        (Some(certificate), Some(hash)) => certificate.filter(|one| hash.as_ref() == Some(one)),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => None,
    }
}
