//! The prose of a page, and the numbers in it.

/// The prose of a Markdown page.
pub(super) struct Page {
    /// The prose in one line, with single spaces.
    pub(super) prose: String,
    /// The last cell of each row of a table, if it names tests.
    pub(super) held_by: Vec<String>,
}

impl Page {
    pub(super) fn read(text: &str) -> Self {
        let (mut prose, mut held_by, mut in_code) = (Vec::new(), Vec::new(), false);
        for line in text.lines() {
            if line.starts_with("```") {
                in_code = !in_code;
            } else if !in_code {
                match line.trim_end_matches([' ', '|']).rsplit_once('|') {
                    Some((_, last)) if line.starts_with('|') && last.contains("::") => {
                        held_by.push(last.trim().to_owned());
                    }
                    _ => prose.push(without_ordinal(line)),
                }
            }
        }
        let prose = prose.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        Self { prose, held_by }
    }
}

/// Returns a line without the number of a list item.
fn without_ordinal(line: &str) -> &str {
    match line.trim_start().split_once(". ") {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => line,
    }
}

/// Returns the numbers in prose, each with the words around it. Names such as `ES256` and `RFC 6750
/// §3` are not numbers, and neither are status codes.
pub(super) fn numbers(prose: &str) -> impl Iterator<Item = String> {
    let words: Vec<&str> = prose.split(' ').collect();
    let around = |at: usize| words[at.saturating_sub(3)..words.len().min(at + 4)].join(" ");
    let found: Vec<String> = (0..words.len()).filter(|at| is_number(&words, *at)).map(around).collect();
    found.into_iter()
}

fn is_number(words: &[&str], at: usize) -> bool {
    let bare = |at: usize| {
        words.get(at).map_or("", |word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '§'))
    };
    let (word, before, after) = (bare(at), bare(at.wrapping_sub(1)), bare(at + 1));
    if WORDS.contains(&word.to_lowercase().as_str()) {
        return true;
    }
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let is_name = word.starts_with(|c: char| c.is_alphabetic() || c == '§');
    let is_reference = ["RFC", "Debian", "OAuth"].contains(&before);
    let is_status = word.len() == 3 && word.starts_with(['2', '4', '5']) && !UNITS.contains(&after);
    has_digit && !is_name && !is_reference && !is_status
}

const WORDS: [&str; 11] =
    ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "hundred", "thousand"];

const UNITS: [&str; 9] = ["s", "ms", "h", "min", "minutes", "hours", "KiB", "MiB", "bits"];

#[test]
fn names_references_and_status_codes_are_no_numbers() {
    for prose in [
        "RFC 6750 §5.3",
        "ES256 and ES384, HTTP/1.1",
        "status 200, 401 and 503",
        "(RFC 9068, §2)",
        "OAuth 2.0",
    ] {
        assert_eq!(numbers(prose).collect::<Vec<_>>(), [""; 0], "{prose}");
    }
    for prose in
        ["16 KiB", "500 ms", "300 s", "4,096 bits", "1024 waiting", "in ten minutes", "0.5 %", "12,000"]
    {
        assert_eq!(numbers(prose).count(), 1, "{prose}");
    }
}

#[test]
fn page_has_prose_and_rows_with_tests() {
    let page = Page::read(
        "1. At most\n5 s\n\n| bound | held by |\n| --- | --- |\n| 7 | `a.rs::b` |\n| 9 | |\n```\n11\n```\n",
    );
    assert_eq!(page.held_by, ["`a.rs::b`"]);
    assert_eq!(numbers(&page.prose).count(), 2, "{}", page.prose);
}
