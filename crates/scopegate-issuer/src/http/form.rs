//! A strict reader of `application/x-www-form-urlencoded` (RFC 6749 Appendix B).
//!
//! Errors are a `%` without two hexadecimal digits, bytes that are not UTF-8, and a repeated name.
//! The caller limits the length of the input.
//!
//! The crate `form_urlencoded` is not used, because it accepts any input. It copies a `%` without
//! digits, and replaces bytes that are not UTF-8 by U+FFFD, so neither can be rejected afterwards.
//! It would save 20 lines, and a check of its input would take as many.

/// The parameters of a request body. Parameters without a value are omitted (RFC 6749 §3.2).
#[derive(Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, FormError> {
        let mut seen = Vec::new();
        for pair in body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|&byte| byte == b'=');
            let (name, value) = equals.map_or((pair, &[][..]), |at| {
                (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default())
            });
            let name = decode(name).ok_or(FormError::Malformed)?;
            let value = decode(value).ok_or(FormError::Malformed)?;
            // RFC 6749 §3.2 forbids any repetition, also of empty and unknown parameters. RFC 8707 §2
            // allows it for `resource`.
            if name != REPEATABLE && seen.iter().any(|(earlier, _)| *earlier == name) {
                return Err(FormError::Repeated);
            }
            seen.push((name, value));
        }
        seen.retain(|(_, value)| !value.is_empty());
        Ok(Self(seen))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Returns all values of `resource`, the only parameter that may be repeated.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(found, _)| found == REPEATABLE).map(|(_, value)| value.as_str())
    }
}

const REPEATABLE: &str = "resource";

/// The reason why a body is not a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormError {
    Malformed,
    Repeated,
}

/// Decodes a name or a value, or a client id or secret of `Basic` (RFC 6749 §2.3.1).
pub(crate) fn decode(encoded: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(&byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_plus_signs_are_decoded() {
        assert_eq!(decode(b"a%3ab+%C3%A9%2B").as_deref(), Some("a:b \u{e9}+"));
        for malformed in [&b"%"[..], b"%4", b"%4g", b"%+1", b"%ff", b"\xff"] {
            assert_eq!(decode(malformed), None, "{malformed:?}");
        }
    }

    #[test]
    fn parameter_without_value_counts_as_omitted() {
        let form = Form::parse(b"a=1&b=&c&&d=x=y").ok().unwrap();
        assert_eq!(form.get("a"), Some("1"));
        assert_eq!(form.get("b"), None);
        assert_eq!(form.get("c"), None);
        assert_eq!(form.get("d"), Some("x=y"));
    }

    #[test]
    fn repeated_name_is_rejected_in_every_spelling() {
        assert_eq!(Form::parse(b"a=1&%61=2").err(), Some(FormError::Repeated));
        assert_eq!(Form::parse(b"a=1&a=").err(), Some(FormError::Repeated));
        assert_eq!(Form::parse(b"a=%").err(), Some(FormError::Malformed));
    }
}
