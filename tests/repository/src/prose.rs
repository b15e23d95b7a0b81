//! The wording of the documentation, measured: doc comments, and Markdown without code.
//!
//! Some habits make sentences hard to read. Each is a *marker*, counted per 1,000 words and
//! compared with the aim of `docs/STYLE.md`. A marker with an upper aim is enforced in each file. A
//! marker with a lower aim is only reported, because authors would fill a quota of words.
//!
//! The markers find only some problems. Reading a page aloud finds more.

mod extract;
mod markers;
mod report;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use self::extract::{markdown, rust};
use self::markers::{Counts, Limit, MARKERS};
pub use self::report::table;

/// Files that are still to be rewritten, one path per line. A file that meets the aims must leave
/// the list.
pub const NOT_YET: &str = include_str!("prose/not_yet.txt");

/// The path of that list in the checkout.
pub const NOT_YET_FILE: &str = "tests/repository/src/prose/not_yet.txt";

/// Folders without prose of ours, and generated tables.
const SKIPPED: [&str; 5] = ["target", "node_modules", "corpus", "docs/api", "docs/generated"];

/// A file and its counts.
#[derive(Debug)]
pub struct File {
    /// The path relative to the folder that was read.
    pub path: String,
    counts: Counts,
}

/// Reads every Rust and Markdown file in this folder.
///
/// # Panics
///
/// Panics if a file or a folder cannot be read.
pub fn read(folder: &Path) -> Vec<File> {
    let mut paths = Vec::new();
    collect(folder, folder, &mut paths);
    paths.sort();
    let files = paths.into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        File::new(&relative(folder, &path), &text)
    });
    files.filter(|file| file.counts.words > 0).collect()
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let skipped = SKIPPED.iter().any(|skipped| *skipped == name || *skipped == relative(root, &path));
        if skipped || name.starts_with('.') || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            found.push(path);
        }
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/")
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        let blocks = if is_rust(path) { rust(text) } else { markdown(text) };
        let mut counts = Counts::default();
        for block in &blocks {
            counts.add(block);
        }
        Self { path: path.to_owned(), counts }
    }

    /// Returns the markers of this file that are above their aims.
    fn above(&self) -> Vec<String> {
        let above = MARKERS.iter().enumerate().filter_map(|(index, marker)| {
            let Limit::PerThousand(aim) = marker.limit else { return None };
            let count = self.counts.of[index];
            let is_above = f64::from(count) * 1000.0 > aim * f64::from(self.counts.words);
            is_above.then(|| format!("{count} × {}", marker.name))
        });
        let mut above: Vec<String> = above.collect();
        let commas = self.counts.commas_per_sentence();
        // A few sentences are not a habit.
        if self.counts.sentences >= 8 && commas > report::MAX_COMMAS_IN_A_FILE {
            above.push(format!("{commas:.1} commas per sentence"));
        }
        above
    }
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// Returns the files that break the rules: above an aim and not listed, or listed without reason.
pub fn problems(files: &[File], not_yet: &str) -> Vec<String> {
    let listed: BTreeSet<&str> = not_yet.lines().collect();
    let mut problems = Vec::new();
    for file in files {
        let above = file.above();
        match (above.is_empty(), listed.contains(file.path.as_str())) {
            (false, false) => problems.push(format!("{}: {}", file.path, above.join(", "))),
            (true, true) => {
                problems.push(format!("{} meets the aims: remove it from {NOT_YET_FILE}", file.path));
            }
            _ => {}
        }
    }
    let exists = |path: &str| files.iter().any(|file| file.path == path);
    let gone = listed.into_iter().filter(|path| !exists(path));
    problems.extend(gone.map(|path| format!("{path} has no prose: remove it from {NOT_YET_FILE}")));
    // The total includes listed files, so it is checked only when the list is empty.
    let mut all = Counts::default();
    for file in files {
        all.merge(&file.counts);
    }
    if not_yet.is_empty() && all.commas_per_sentence() > report::MAX_COMMAS {
        problems.push(format!("all files: {:.2} commas per sentence", all.commas_per_sentence()));
    }
    problems
}

/// Returns the list without files that meet the aims, or are gone. It never grows.
pub fn shrunk(files: &[File], not_yet: &str) -> String {
    let still = |path: &&str| files.iter().any(|file| file.path == **path && !file.above().is_empty());
    not_yet.split_inclusive('\n').filter(|line| still(&line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<File> {
        [
            ("a.md", "Returns a token."),
            ("b.md", "Nobody reads it."),
            ("c.rs", "/// Whoever has it.\nfn c() {}\n"),
        ]
        .map(|(path, text)| File::new(path, text))
        .into()
    }

    #[test]
    fn file_above_an_aim_is_reported_unless_listed() {
        let names = |problems: Vec<String>| -> Vec<String> {
            problems.iter().map(|problem| problem[..4].to_owned()).collect()
        };
        assert_eq!(names(problems(&files(), "")), ["b.md", "c.rs"]);
        assert_eq!(names(problems(&files(), "b.md\n")), ["c.rs"]);
        assert_eq!(problems(&files(), "b.md\nc.rs\n"), [""; 0]);
    }

    #[test]
    fn listed_file_that_meets_the_aims_is_reported() {
        for listed in ["a.md", "gone.md"] {
            let problems = problems(&files(), &format!("{listed}\nb.md\nc.rs\n"));
            assert!(problems.len() == 1 && problems[0].starts_with(listed), "{problems:?}");
        }
    }

    #[test]
    fn commas_of_all_files_are_limited() {
        let file = |path: &str, text: &str| File::new(path, text);
        let many = || file("a.md", "One, two. Three.");
        assert_eq!(problems(&[many()], ""), [""; 0]);
        assert_eq!(problems(&[many(), file("b.md", "Four, five.")], "").len(), 1);
        let listed = [many(), file("b.md", "Four, five, nobody.")];
        assert_eq!(problems(&listed, "b.md\n"), [""; 0]);
    }

    #[test]
    fn commas_of_one_file_are_limited() {
        let text = |commas: usize| "One, two. ".repeat(commas) + &"Three. ".repeat(10 - commas);
        assert_eq!(File::new("a.md", &text(8)).above(), [""; 0]);
        assert_eq!(File::new("a.md", &text(9)).above(), ["0.9 commas per sentence"]);
    }

    #[test]
    fn list_only_shrinks() {
        assert_eq!(shrunk(&files(), "a.md\nb.md\ngone.md\n"), "b.md\n");
    }
}
