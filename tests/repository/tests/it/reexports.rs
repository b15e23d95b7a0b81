//! Users of `scopegate-axum` do not need `scopegate` as a dependency: are its items re-exported?

use std::collections::BTreeSet;

use repository_tests::checkout::root;

/// `scopegate_axum` has types of its own with these names.
const REPLACED: [&str; 1] = ["Claims"];

/// Returns the names of the items that a crate's `lib.rs` re-exports.
fn reexports(of: &str, from: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(format!("crates/{of}/src/lib.rs"))).unwrap();
    let statements = text.split("\npub use ").skip(1).map(|rest| rest.split(';').next().unwrap());
    let of_crate = statements.filter_map(|statement| statement.strip_prefix(from));
    of_crate.flat_map(names).map(ToOwned::to_owned).collect()
}

/// Returns the names of `path::{A, B}`, or of `path::A`.
fn names(statement: &str) -> Vec<&str> {
    let last = statement.rsplit("::").next().unwrap();
    last.trim_matches(['{', '}', ' ', '\n'])
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn items_of_verifier_are_reexported_by_axum() {
    let verifier = reexports("scopegate", "");
    assert!(verifier.len() > 60, "{}", verifier.len());
    let axum = reexports("scopegate-axum", "scopegate::");
    let is_missing = |name: &&String| !axum.contains(*name) && !REPLACED.contains(&name.as_str());
    let missing: Vec<_> = verifier.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "scopegate-axum does not re-export {missing:?}");
}

#[test]
fn lists_and_single_names_are_read() {
    assert_eq!(names("a::b::C"), ["C"]);
    assert_eq!(names("scopegate::{\n    A, B,\n    c,\n}"), ["A", "B", "c"]);
    assert_eq!(names("{A, B}"), ["A", "B"]);
}
