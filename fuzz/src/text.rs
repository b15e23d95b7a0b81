//! What must hold of every text that goes to a log.

/// A message shows at most three of a token's values, each cut to 80 characters, of which the worst are printed as ten.
pub(crate) const MESSAGE: usize = 4 * 1024;

/// It fits on a line, and nothing in it can end the line, colour it or turn it around.
pub(crate) fn assert_fit_for_a_log(text: &str, limit: usize) {
    assert!(text.len() <= limit, "{} bytes: {:?}", text.len(), text.get(..200));
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(odd), "a control character: {text:?}");
}

/// No part of this token is in the text. A short part may be there by chance, as one that is a word of ours, and one that
/// the token itself has as a value may be shown as that value.
pub(crate) fn assert_without_token(text: &str, token: &str, values: &[&[u8]]) {
    let is_base64url = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let telling = |part: &&str| part.len() >= LONGEST_WORD && part.chars().all(is_base64url);
    for part in token.split('.').filter(telling) {
        let is_a_value = || values.iter().any(|value| contains(value, part.as_bytes()));
        assert!(!text.contains(part) || is_a_value(), "it shows {part:?}: {text}");
    }
}

/// Longer than the names of our errors, such as `UnacceptableAlgorithm`, which the fuzzer finds out.
const LONGEST_WORD: usize = 24;

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
