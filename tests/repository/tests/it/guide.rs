//! Checks that each chapter of the guide is listed, and that its code is compiled.

mod defaults;
mod names;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::links::{normal, pages, read, targets};

const GUIDE: &str = "docs/guide";

/// The file with one item for each chapter with Rust code.
const COMPILED: &str = "crates/scopegate-axum/src/guide.rs";

/// The words after the fence of each code block.
fn languages(page: &str) -> Vec<&str> {
    let fences = page.lines().filter_map(|line| line.trim_start().strip_prefix("```"));
    fences.step_by(2).collect()
}

#[test]
fn summary_lists_each_chapter_once() {
    let summary = read("docs/guide/SUMMARY.md");
    let listed: Vec<PathBuf> = targets(&summary).iter().map(|target| Path::new(GUIDE).join(target)).collect();
    let unique: BTreeSet<PathBuf> = listed.iter().cloned().collect();
    assert_eq!(unique.len(), listed.len(), "a chapter is listed twice");
    let mut chapters = pages(Path::new(GUIDE));
    assert!(chapters.remove(Path::new("docs/guide/SUMMARY.md")));
    assert_eq!(unique, chapters);
}

/// Two levels down, as `target/book` is, so that a link from the root leads to the same file in
/// both.
#[test]
fn external_links_of_guide_begin_at_root() {
    for path in pages(Path::new(GUIDE)) {
        let up = "../".repeat(path.components().count() - 1);
        for target in targets(&read(&path)) {
            let file = normal(&path.parent().unwrap().join(target.split('#').next().unwrap()));
            let inside = target.contains("://") || file.starts_with(GUIDE);
            assert!(
                inside || target.starts_with(&up),
                "{}: {target} does not begin with {up}",
                path.display()
            );
        }
    }
}

#[test]
fn rust_code_is_compiled() {
    let compiled = read(COMPILED);
    for path in pages(Path::new(GUIDE)) {
        let page = read(&path);
        let languages = languages(&page);
        let rust = languages.iter().any(|language| language.starts_with("rust"));
        let included = compiled.contains(&format!("include_str!(\"../../../{}\")", path.display()));
        assert_eq!(rust, included, "{}: with Rust code, and in {COMPILED}", path.display());
        for language in languages {
            assert!(!language.contains("ignore"), "{}: {language} is not compiled", path.display());
            // A block without a language would be compiled as Rust.
            assert!(!language.is_empty(), "{}: a code block has no language", path.display());
        }
    }
    assert!(read("crates/scopegate-axum/src/lib.rs").contains("\nmod guide;\n"));
}
