//! The characters of a token in an `Authorization` header.

/// Returns whether the bytes are `token68` of RFC 9110 §11.2: letters, digits and `-._~+/`, then
/// any number of `=`.
pub(crate) fn is_token68(text: &[u8]) -> bool {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = text.get(..text.len() - padding).unwrap_or_default();
    // Without an early exit, many characters can be compared at once.
    !body.is_empty() && body.iter().fold(true, |valid, byte| valid & is_token68_char(*byte))
}

fn is_token68_char(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}
