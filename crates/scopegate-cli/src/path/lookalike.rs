//! Characters beyond ASCII that some backends read as a delimiter.
//!
//! Unicode normalization (NFC and NFKC) maps `／` to a slash, and so do the best-fit tables of Windows for
//! programs with a code page. A path with such a character would have more segments there.

/// Characters that are read as `/`, `\` or `;`.
const DELIMITERS: [char; 8] = [
    '\u{ff0f}', // full-width solidus (NFKC)
    '\u{2044}', // fraction slash (best fit)
    '\u{2215}', // division slash (best fit)
    '\u{ff3c}', // full-width reverse solidus (NFKC)
    '\u{fe68}', // small reverse solidus (NFKC)
    '\u{2216}', // set minus (best fit)
    '\u{37e}',  // Greek question mark (NFC)
    '\u{ff1b}', // full-width semicolon (NFKC)
];

/// Returns whether a decoded segment has a second reading.
pub(super) fn is_ambiguous(segment: &str) -> bool {
    !segment.is_ascii() && (segment.contains(DELIMITERS) || is_dot_segment(segment))
}

/// Returns whether NFKC maps a segment to `.` or `..`.
fn is_dot_segment(segment: &str) -> bool {
    let dots = segment.chars().map(|character| match character {
        '.' | '\u{ff0e}' | '\u{fe52}' | '\u{2024}' => Some(1),
        '\u{2025}' => Some(2),
        _ => None,
    });
    matches!(dots.sum::<Option<usize>>(), Some(1 | 2))
}

#[cfg(test)]
mod tests {
    use crate::path::{Ambiguous, JudgedPath};

    fn parse(segment: &str) -> Option<Ambiguous> {
        let encoded = segment.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'.' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        });
        JudgedPath::parse(format!("/files/{}", encoded.collect::<String>()).as_bytes()).err()
    }

    #[test]
    fn character_that_is_read_as_delimiter_is_ambiguous() {
        // FW02
        for character in super::DELIMITERS {
            assert_eq!(parse(&format!("a{character}b")), Some(Ambiguous::LookAlike), "{character:?}");
        }
        for text in ["a\u{ff1f}", "\u{e9}", "\u{65e5}\u{672c}", "\u{ff41}", "\u{a5}", "a\u{2026}"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn dots_that_are_read_as_dot_segment_are_ambiguous() {
        // FW02
        for text in ["\u{ff0e}", "\u{ff0e}\u{ff0e}", ".\u{ff0e}", "\u{2025}", "\u{2024}\u{fe52}"] {
            assert_eq!(parse(text), Some(Ambiguous::LookAlike), "{text}");
        }
        for text in ["a\u{ff0e}", "\u{ff0e}\u{ff0e}\u{ff0e}", "\u{2025}.", "\u{2026}"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
