//! Checks claims of the README: its numbers, badges, pictures and statuses.
//!
//! `tests/system/readme.rs` compares its code with programs that run.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use repository_tests::checkout::root;
use toml::Table;

use crate::conformance::rust_files;
use crate::links::read;

/// Included, because the benchmarks are a separate workspace. Its unit tests run here, too.
#[allow(dead_code, clippy::print_stdout, clippy::print_stderr, reason = "`main` prints the chart")]
#[path = "../../../../benches/chart.rs"]
mod chart;

/// Returns the text from this heading to the next one.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let start = page.split(&format!("\n## {heading}\n")).nth(1);
    start.unwrap_or_else(|| panic!("there is no heading {heading}")).split("\n## ").next().unwrap()
}

#[test]
fn chart_is_drawn_from_the_tables() {
    let drawn = chart::draw(&read("docs/generated/performance.md")).unwrap();
    assert_eq!(read("docs/img/performance.svg"), drawn, "run scripts/bench chart");
}

/// Returns the words before this unit, such as `0.9` of `0.9 µs`.
fn amounts<'a>(text: &'a str, unit: &str) -> Vec<&'a str> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| pair[1].trim_end_matches([',', '.']) == unit);
    pairs.map(|pair| pair[0]).collect()
}

#[test]
fn performance_claims_are_measured() {
    let (readme, page) = (read("README.md"), read("docs/generated/performance.md"));
    let svg = chart::draw(&page).unwrap();
    let performance = section(&readme, "Performance");
    let claims = amounts(performance, "µs");
    assert_eq!(claims.len(), 5, "{claims:?}");
    for claim in claims {
        assert!(svg.contains(&format!(">{claim} µs<")), "the chart does not have {claim} µs");
    }

    let nanoseconds = |row: &str| -> f64 {
        let row = page.lines().find(|line| line.starts_with(&format!("| {row} |"))).unwrap();
        row.split('|').nth(5).unwrap().trim().replace(',', "").parse().unwrap()
    };
    let added = nanoseconds("scopegate: good token") - nanoseconds("no-op: good token");
    assert_eq!(amounts(&readme, "µs")[0], format!("{:.1}", added / 1000.0));

    // The bounds are those of the other crates, and their number is that of the bars.
    let peers: Vec<f64> = svg
        .lines()
        .take_while(|line| !line.contains("Requests per second"))
        .filter(|line| line.contains(r#"class="peer""#))
        .map(|line| line.rsplit_once(" µs").unwrap().0.rsplit_once('>').unwrap().1.parse().unwrap())
        .collect();
    assert!(peers.len() == 7 && performance.contains("Seven other crates"), "{peers:?}");
    let [least, most] = [f64::min, f64::max].map(|of| peers.iter().copied().reduce(of).unwrap());
    assert!(performance.contains(&format!("between {least:.1} µs and {most:.1} µs")), "{least} {most}");
}

#[test]
fn badges_match_the_manifest() {
    let manifest = read("Cargo.toml").parse::<Table>().unwrap();
    let package = &manifest["workspace"]["package"];
    let lints = &manifest["workspace"]["lints"]["rust"];
    let readme = read("README.md");
    for (badge, value) in [
        ("msrv", format!("Rust: {} or newer", package["rust-version"].as_str().unwrap())),
        ("license", format!("license: {}", package["license"].as_str().unwrap())),
        (
            "unsafe",
            format!("unsafe: {}", lints["unsafe_code"].as_str().unwrap().replace("forbid", "forbidden")),
        ),
    ] {
        let svg = read(format!("docs/img/{badge}.svg"));
        assert!(svg.contains(&format!("<title>{value}</title>")), "{badge}: {value}");
        let shown = value.split_once(": ").unwrap().1;
        assert!(svg.contains(&format!(">{shown}</text>")), "{badge}: {shown}");
        assert!(readme.contains(&format!("(docs/img/{badge}.svg)")), "{badge} is not in the README");
    }
}

/// Counts the test functions in the Rust files of a folder.
fn count_tests(folder: &str) -> usize {
    let is_test = |line: &&str| line.trim() == "#[test]" || line.trim().starts_with("#[tokio::test");
    let count = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().filter(is_test).count();
    rust_files(&root().join(folder)).iter().map(count).sum()
}

#[test]
fn badge_has_number_of_tests() {
    let count: usize = ["crates", "examples", "tests"].map(count_tests).iter().sum();
    let svg = read("docs/img/tests.svg");
    let title = svg.split_once("<title>tests: ").unwrap().1;
    let (shown, _) = title.split_once(" or more</title>").unwrap();
    let number: usize = shown.replace(',', "").parse().unwrap();
    assert!(number <= count && count < number + 500, "{number} shown, {count} counted");
    assert!(svg.contains(&format!(">{shown} or more</text>")));
    assert!(read("README.md").contains(&format!("![tests: {shown} or more](docs/img/tests.svg)")));
}

#[test]
fn responses_have_every_status_of_decisions() {
    let source = read("crates/scopegate/src/decision.rs");
    let rows = source.lines().filter_map(|line| line.strip_prefix("/// | `"));
    let statuses: BTreeSet<&str> =
        rows.filter_map(|row| row.split(" | ").nth(2)).filter(|status| status.len() == 3).collect();
    assert_eq!(statuses, BTreeSet::from(["400", "401", "403", "500", "503"]));
    let readme = read("README.md");
    let responses = section(&readme, "Responses");
    for status in statuses {
        assert!(responses.contains(&format!("| `{status}`")), "the README does not have `{status}`");
    }
}

#[test]
fn amount_is_the_word_before_its_unit() {
    assert_eq!(amounts("adds 0.3 µs, then 15 µs. But 3 s", "µs"), ["0.3", "15"]);
}

#[test]
fn section_ends_at_the_next_heading() {
    assert_eq!(section("# a\n\n## b\nc\n\n## d\ne\n", "b"), "c\n");
}
