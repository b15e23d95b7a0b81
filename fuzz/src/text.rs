//! Assertions about every text for a log.

/// Maximum length of a message. It shows at most three of a token's values, truncated to 80
/// characters each. An escaped character takes up to ten.
pub(crate) const MESSAGE: usize = 4 * 1024;

/// Asserts that a text fits on a line, and that no character can end, color or reverse the line.
pub(crate) fn assert_fit_for_a_log(text: &str, limit: usize) {
    assert!(text.len() <= limit, "{} bytes: {:?}", text.len(), text.get(..200));
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(odd), "a control character: {text:?}");
}

/// Asserts that no part of this token is in the text. A short part is ignored, because it may be a
/// word of the message. A part that is also a value in the token may be shown as that value.
pub(crate) fn assert_without_token(text: &str, token: &str, values: &[&[u8]]) {
    let is_base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let telling = |part: &&str| part.len() >= LONGEST_WORD && part.chars().all(is_base64url);
    for part in token.split('.').filter(telling) {
        let is_a_value = || values.iter().any(|value| contains(value, part.as_bytes()));
        assert!(!text.contains(part) || is_a_value(), "it shows {part:?}: {text}");
    }
}

/// Longer than the names of our errors, such as `UnacceptableAlgorithm`, which the fuzzer
/// discovers.
const LONGEST_WORD: usize = 24;

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
