//! The scope grammar (RFC 6749 §3.3), for both configurations and requests.
//!
//! The scopes of a client are in `config/client.rs`.

/// Returns whether a string is one scope-token: one or more of `%x21 / %x23-5B / %x5D-7E`, which is
/// printable ASCII without space, `"` and `\`.
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

/// Returns the scope-tokens of a `scope` parameter in the requested order, without repetitions.
/// Returns `None` if the string is not tokens separated by exactly one space.
pub(crate) fn parse(text: &str) -> Option<Vec<&str>> {
    let mut tokens = Vec::new();
    for token in text.split(' ') {
        if !is_scope_token(token) {
            return None;
        }
        if !tokens.contains(&token) {
            tokens.push(token);
        }
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_tokens_are_separated_by_exactly_one_space() {
        assert_eq!(parse("a https://b/c a"), Some(vec!["a", "https://b/c"]));
        for text in ["", " ", " a", "a ", "a  b", "a\tb", "a\nb"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn scope_alphabet_is_exactly_that_of_rfc_6749() {
        for code in 0..=0xFF_u8 {
            let expected = code == 0x21 || (0x23..=0x5B).contains(&code) || (0x5D..=0x7E).contains(&code);
            assert_eq!(is_scope_token(&char::from(code).to_string()), expected, "{code:#x}");
        }
    }
}
