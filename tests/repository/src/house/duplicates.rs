//! Duplicate code: runs of at least [`RUN`] code lines that are equal in two files. Product code is
//! compared with product code, and test code with test code, in all folders.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{Lines, Part};

const RUN: usize = 6;

/// Counts the duplicate lines of each folder.
pub(crate) fn mark(folders: &mut [Lines]) {
    mark_parts(folders.iter_mut().map(|lines| &mut lines.product).collect());
    mark_parts(folders.iter_mut().map(|lines| &mut lines.tests).collect());
}

fn mark_parts(parts: Vec<&mut Part>) {
    let mut files_of_run: BTreeMap<Vec<String>, BTreeSet<(usize, usize)>> = BTreeMap::new();
    for (part_at, part) in parts.iter().enumerate() {
        for (file_at, file) in part.files.iter().enumerate() {
            for run in file.windows(RUN) {
                files_of_run.entry(run.to_vec()).or_default().insert((part_at, file_at));
            }
        }
    }
    for part in parts {
        for file in &part.files {
            let mut marked = BTreeSet::new();
            for (at, run) in file.windows(RUN).enumerate() {
                if files_of_run[run].len() > 1 {
                    marked.extend(at..at + RUN);
                }
            }
            part.duplicated += marked.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duplicated(files: &[&[&str]]) -> Vec<usize> {
        let folder = |file: &&[&str]| Lines {
            product: Part {
                files: vec![file.iter().map(|line| (*line).to_owned()).collect()],
                duplicated: 0,
            },
            tests: Part::default(),
        };
        let mut folders: Vec<Lines> = files.iter().map(folder).collect();
        mark(&mut folders);
        folders.iter().map(|folder| folder.product.duplicated).collect()
    }

    #[test]
    fn run_of_six_lines_counts_in_both_files() {
        let run = ["a", "b", "c", "d", "e", "f"];
        let longer = ["x", "a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(duplicated(&[&run, &longer, &["a"]]), [6, 6, 0]);
        assert_eq!(duplicated(&[&longer, &longer]), [8, 8]);
    }

    #[test]
    fn shorter_or_single_run_is_not_counted() {
        assert_eq!(duplicated(&[&["a", "b", "c", "d", "e", "f"], &["a", "b", "c", "d", "e", "x"]]), [0, 0]);
        let twice = ["a", "b", "c", "d", "e", "f", "a", "b", "c", "d", "e", "f"];
        assert_eq!(duplicated(&[&twice]), [0]);
    }
}
