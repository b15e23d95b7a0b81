//! Encodes names and values of a form (`application/x-www-form-urlencoded`).

/// `application/x-www-form-urlencoded` (RFC 6749 Appendix B).
pub(crate) fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(byte.into()),
            b' ' => out.push('+'),
            _ => out.extend(['%', hex(byte >> 4), hex(byte & 0xF)]),
        }
    }
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_a_few_characters_is_escaped() {
        let encoded = |text| {
            let mut out = String::new();
            push_encoded(&mut out, text);
            out
        };
        assert_eq!(encoded("aZ09*-._"), "aZ09*-._");
        assert_eq!(encoded("a b&c=d+é~\n"), "a+b%26c%3Dd%2B%C3%A9%7E%0A");
    }
}
