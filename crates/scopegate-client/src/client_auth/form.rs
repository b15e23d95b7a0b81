//! The encoding of names and values of a form (`application/x-www-form-urlencoded`).

use url::form_urlencoded::byte_serialize;

/// Appends the encoded string (RFC 6749 Appendix B). If `out` has the capacity, no copy of a secret
/// is left behind.
pub(crate) fn push_encoded(out: &mut String, text: &str) {
    byte_serialize(text.as_bytes()).for_each(|part| out.push_str(part));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_are_percent_encoded() {
        let encoded = |text| {
            let mut out = String::new();
            push_encoded(&mut out, text);
            out
        };
        assert_eq!(encoded("aZ09*-._"), "aZ09*-._");
        assert_eq!(encoded("a b&c=d+é~\n"), "a+b%26c%3Dd%2B%C3%A9%7E%0A");
    }
}
