//! A decoder of the escapes in which a server may quote a string: percent-encoding, backslashes,
//! and character references of HTML. Everything else is copied.

use zeroize::Zeroizing;

/// Bytes that may contain a part of a secret.
pub(crate) type Bytes = Zeroizing<Vec<u8>>;

/// Returns the string in lower case, as received and with its escapes decoded.
pub(crate) fn decoded(text: &str) -> Vec<Bytes> {
    let text = text.as_bytes();
    let percent = without_percent(text, b'+');
    let all = without_references(&without_backslashes(&percent));
    let mut texts = vec![
        Zeroizing::new(text.to_vec()),
        without_percent(text, b' '),
        without_backslashes(text),
        without_references(text),
        percent,
        all,
    ];
    for text in &mut texts {
        text.make_ascii_lowercase();
    }
    texts
}

/// Decodes percent-encoding. `plus` is the meaning of a `+`.
fn without_percent(text: &[u8], plus: u8) -> Bytes {
    replaced(text, |rest| match rest {
        [b'%', high, low, ..] => Some((vec![hex(*high)? << 4 | hex(*low)?], 3)),
        [b'+', ..] => Some((vec![plus], 1)),
        _ => None,
    })
}

/// Decodes `\uXXXX`, and drops other backslashes.
fn without_backslashes(text: &[u8]) -> Bytes {
    replaced(text, |rest| match rest {
        [b'\\', b'u', digits @ ..] if number(digits.get(..4)?, 16).is_some() => {
            Some((utf8(number(digits.get(..4)?, 16)?), 6))
        }
        [b'\\', ..] => Some((Vec::new(), 1)),
        _ => None,
    })
}

/// Decodes the character references that HTML encoders write.
fn without_references(text: &[u8]) -> Bytes {
    /// The longest is `&#x10ffff;`.
    const MAX_LEN: usize = 10;
    replaced(text, |rest| {
        let [b'&', inner @ ..] = rest else { return None };
        let end = inner.iter().take(MAX_LEN).position(|byte| *byte == b';')?;
        let inner = inner.get(..end)?;
        let character = match inner {
            [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
            [b'#', digits @ ..] => number(digits, 10)?,
            b"quot" => u32::from(b'"'),
            b"amp" => u32::from(b'&'),
            b"lt" => u32::from(b'<'),
            b"gt" => u32::from(b'>'),
            b"apos" => u32::from(b'\''),
            b"sol" => u32::from(b'/'),
            b"plus" => u32::from(b'+'),
            b"equals" => u32::from(b'='),
            b"nbsp" => u32::from(b' '),
            _ => return None,
        };
        Some((utf8(character), end + 2))
    })
}

/// Copies the string. If `escape` returns bytes and a length, they replace as many bytes of the
/// string.
fn replaced(text: &[u8], escape: impl Fn(&[u8]) -> Option<(Vec<u8>, usize)>) -> Bytes {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let [byte, ..] = rest {
        let (bytes, length) = escape(rest).unwrap_or_else(|| (vec![*byte], 1));
        out.extend_from_slice(&bytes);
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16)?.try_into().ok()
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

fn utf8(character: u32) -> Vec<u8> {
    char::from_u32(character).map(|character| character.to_string().into_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_found(text: &str, plain: &str) -> bool {
        decoded(text).iter().any(|found| found.as_slice() == plain.as_bytes())
    }

    #[test]
    fn escapes_are_undone_and_others_copied() {
        // FR-D9
        for text in
            ["a/\"b", "a%2F%22b", "A%2f\"B", r#"a\/\"b"#, r"a\u002f\u0022b", "a&#47;&quot;b", "a&sol;&#x22;b"]
        {
            assert!(is_found(text, "a/\"b"), "{text}");
        }
        assert!(is_found("a+b", "a b") && is_found("a+b", "a+b"));
        for text in ["100%", "%zz", "%2", "&;", "&unknown;", "&#;", "&#x110000", "a&"] {
            assert!(is_found(text, text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_decoded_without_panic(text in "([%&;#x+\\\\ua-f0-9é]|quot|amp){0,40}") {
            prop_assert_eq!(decoded(&text).len(), 6);
        }
    }
}
