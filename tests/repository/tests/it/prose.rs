//! Checks that each rewritten file meets the aims of docs/STYLE.md.

use repository_tests::checkout::root;
use repository_tests::prose::{NOT_YET, problems, read};

#[test]
fn documentation_keeps_the_aims_of_the_style_guide() {
    let files = read(root());
    assert!(files.len() > 300, "the files are elsewhere than this test expects: {}", files.len());
    let problems = problems(&files, NOT_YET);
    assert!(problems.is_empty(), "see docs/STYLE.md, and run scripts/prose:\n- {}", problems.join("\n- "));
}

#[test]
fn list_of_files_is_sorted() {
    assert!(NOT_YET.lines().is_sorted_by(|a, b| a < b), "each path once, sorted, so that lists merge");
}
