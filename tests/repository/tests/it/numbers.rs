//! Checks that each number in README.md, SECURITY.md and docs/reference/limits.md has a test that
//! exists.
//!
//! docs/reference/numbers.md lists the words around each number and its tests. A row of a table
//! needs no entry if its last cell names tests. docs/generated/limits.md has the measurements of
//! scripts/limits. One test compares them with the documented factors.

mod prose;

use std::fs;

use repository_tests::checkout::root;

use crate::test_functions::TestFunctions;
use prose::{Page, numbers};

/// The pages, each with the heading at which the checked part ends.
const PAGES: [(&str, &str); 3] = [
    ("README.md", "\n## License"),
    ("SECURITY.md", "\n## Reporting"),
    ("docs/reference/limits.md", "\n## Measurements"),
];

const LIST: &str = "docs/reference/numbers.md";

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Returns the rows of docs/reference/numbers.md: a page, words of it, and their tests.
fn listed(list: &str) -> Vec<[&str; 3]> {
    let rows = list.lines().filter(|line| line.starts_with("| ") && line.contains("::"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        cells.try_into().unwrap_or_else(|_| panic!("{LIST}: expected 3 cells: {row}"))
    })
    .collect()
}

#[test]
fn each_number_is_held_by_a_test() {
    // FR-E4
    let list = read(LIST);
    let rows = listed(&list);
    let mut problems = Vec::new();
    for (file, end) in PAGES {
        let page = Page::read(read(file).split(end).next().unwrap());
        problems.extend(page.held_by.iter().flat_map(|cell| not_held(cell)));
        let words: Vec<&str> =
            rows.iter().filter(|[page, ..]| *page == file).map(|[_, words, _]| *words).collect();
        problems.extend(unheld(&page.prose, &words).into_iter().map(|problem| format!("{file}: {problem}")));
    }
    problems.extend(rows.iter().flat_map(|[_, _, held_by]| not_held(held_by)));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Returns the listed words that the prose lacks, and the numbers that no words cover.
fn unheld(prose: &str, words: &[&str]) -> Vec<String> {
    let mut rest = prose.to_owned();
    let mut problems = Vec::new();
    for words in words {
        if rest.contains(words) {
            rest = rest.replace(words, " ~ ");
        } else {
            problems.push(format!("{LIST} has {words:?}, which does not stand there"));
        }
    }
    problems.extend(
        numbers(&rest).map(|number| format!("no test holds the number in {number:?}: add it to {LIST}")),
    );
    problems
}

/// Returns the names without a test or constant, in a cell such as `` `a/b.rs::name`,
/// `a/c.rs::LIMIT = 5` ``.
fn not_held(cell: &str) -> Vec<String> {
    let names: Vec<&str> = cell.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect();
    let problems = names.iter().filter_map(|name| {
        let (file, item) = name.split_once("::").unwrap();
        let Ok(source) = fs::read_to_string(root().join(file)) else {
            return Some(format!("{name}: there is no such file"));
        };
        let exists = match item.split_once(" = ") {
            Some((constant, value)) => has_constant(&source, constant, value),
            None => TestFunctions::read(&source).run(item),
        };
        (!exists).then(|| format!("{name}: there is no such test or constant"))
    });
    let mut problems: Vec<String> = problems.collect();
    if names.is_empty() {
        problems.push(format!("{cell:?} names no test"));
    }
    problems
}

fn has_constant(source: &str, name: &str, value: &str) -> bool {
    let declared = format!("const {name}: ");
    let mut lines = source.lines().filter_map(|line| line.split_once(&declared)?.1.split_once(" = "));
    lines.any(|(_, found)| found.trim_end_matches(';') == value)
}

/// Returns the maximum of the last column of the measured table, for rows whose name matches: the
/// time relative to one signature check.
fn most(limits: &str, fits: impl Fn(&str) -> bool) -> f64 {
    let rows = limits.lines().filter(|line| line.starts_with("| ") && line.split('|').count() == 9);
    let factors = rows.filter_map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        Some((cells[1], cells[7].parse::<f64>().ok()?))
    });
    factors.filter(|(name, _)| fits(name)).map(|(_, factor)| factor).fold(0.0, f64::max)
}

#[test]
fn measured_factors_are_within_the_documented_ones() {
    // FR-E4
    let limits = read("docs/generated/limits.md");
    let of_key = |name: &str| name.contains("for a key of");
    let of_issuer = |name: &str| {
        name.starts_with("signed")
            || name.contains("KiB of ") && !name.contains('[')
            || name.contains("RSA-8192")
            || name.starts_with("the same")
    };
    let lacking = |name: &str| name.contains("lacking");
    for (name, found, documented) in [
        ("a stranger's token", most(&limits, |name| !of_key(name) && !of_issuer(name)), 5.0),
        ("a signed token", most(&limits, |name| name.starts_with("signed") && !lacking(name)), 6.0),
        ("a signed token without the required scope", most(&limits, lacking), 18.0),
        ("a key of 4,096 bits", most(&limits, |name| name.contains("4,096 bits")), 4.0),
        ("a key of 8,192 bits", most(&limits, |name| name.contains("8,192 bits [")), 14.0),
        ("an exponent of 33 bits", most(&limits, |name| name.contains("exponent")), 35.0),
    ] {
        assert!(found > 0.0 && found <= documented, "{name}: measured {found}, documented {documented}");
    }
}

#[test]
fn number_without_a_test_is_found() {
    let page = "At most 16 KiB, and 300 s. RFC 6750 §3.1 and §4.4 (ES256, HTTP/1.1) answer 401 or 503.";
    assert_eq!(unheld(page, &["At most 16 KiB", "300 s"]), [""; 0]);
    assert_eq!(unheld(page, &["At most 16 KiB"]).len(), 1);
    assert_eq!(unheld(page, &["At most 16 KiB", "300 s", "200 s"]).len(), 1);
    assert_eq!(unheld("as much as four checks", &[]).len(), 1);
}

#[test]
fn missing_test_or_constant_is_found() {
    let here = "tests/repository/tests/it/numbers.rs";
    let cell = |item: &str| format!("`{here}::{item}`");
    assert_eq!(not_held(&cell("number_without_a_test_is_found")), [""; 0]);
    assert_eq!(not_held(&cell("LIST = \"docs/reference/numbers.md\"")), [""; 0]);
    for item in ["no_such_test", "LIST = 5", "unheld"] {
        assert_eq!(not_held(&cell(item)).len(), 1, "{item}");
    }
    assert_eq!(not_held("`no/such/file.rs::x`").len(), 1);
    assert_eq!(not_held("soon").len(), 1);
}
