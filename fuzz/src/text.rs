//! Assertions about every text for a log.

use scopegate_cli_fuzzing::Message;

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

/// Maximum number of mistakes in a file that are listed.
const MAX_MISTAKES: usize = 50;
/// A mistake in a file shows one value of the file. An escaped character takes up to ten.
pub(crate) const MISTAKE: usize = 64 * 1024;

/// Asserts that each mistake has a place in the lines of its file, in their order, and fits on a line
/// of a log.
pub(crate) fn assert_placed(mistakes: &[Message], lines: &[&str]) {
    assert!((1..=MAX_MISTAKES).contains(&mistakes.len()), "{} mistakes", mistakes.len());
    assert!(mistakes.is_sorted_by_key(|mistake| (mistake.line, mistake.column)), "{mistakes:?}");
    for mistake in mistakes {
        let line = mistake.line.checked_sub(1).and_then(|at| lines.get(at));
        let width = line.unwrap_or_else(|| panic!("no such line: {mistake:?}")).chars().count();
        assert!((1..=width + 1).contains(&mistake.column), "no such column: {mistake:?}");
        assert_fit_for_a_log(&mistake.text, MISTAKE);
    }
}
