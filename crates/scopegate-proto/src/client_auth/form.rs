//! The encoding of names and values of a form (`application/x-www-form-urlencoded`).

use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// Writes names and values as a form (RFC 6749 Appendix B). It may contain a secret, so it is
/// zeroized and allocated once.
pub fn form<'a>(pairs: &[(&'a str, &'a str)]) -> Zeroizing<String> {
    let capacity = pairs.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut form = Zeroizing::new(String::with_capacity(capacity));
    for (position, (name, value)) in pairs.iter().enumerate() {
        if position > 0 {
            form.push('&');
        }
        push_encoded(&mut form, name);
        form.push('=');
        push_encoded(&mut form, value);
    }
    form
}

/// Appends the encoded string (RFC 6749 Appendix B). If `out` has the capacity, no copy of a secret
/// is left behind.
pub(crate) fn push_encoded(out: &mut String, text: &str) {
    byte_serialize(text.as_bytes()).for_each(|part| out.push_str(part));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_joined_in_order() {
        assert_eq!(form(&[]).as_str(), "");
        assert_eq!(form(&[("a", "b c"), ("d&", "")]).as_str(), "a=b+c&d%26=");
    }

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
