//! The counts as a table.

use std::fmt::Write as _;

use super::markers::{Counts, Limit, MARKERS};
use super::{File, is_rust};

/// The aim for all files together, outside of tables.
pub(super) const MAX_COMMAS: f64 = 0.5;

/// The limit of one file, which can have more lists than others. No file of axum or tower-http is
/// above it.
pub(super) const MAX_COMMAS_IN_A_FILE: f64 = 0.8;

/// Returns a table of the markers in doc comments and in Markdown, as Markdown.
pub fn table(files: &[File]) -> String {
    let (mut doc_comments, mut pages) = (Counts::default(), Counts::default());
    for file in files {
        let counts = if is_rust(&file.path) { &mut doc_comments } else { &mut pages };
        counts.merge(&file.counts);
    }
    let mut table = format!(
        "{} words of doc comments, {} words of Markdown\n\n\
         | marker | doc comments | per 1,000 | Markdown | per 1,000 | aim |\n\
         | --- | ---: | ---: | ---: | ---: | --- |\n",
        doc_comments.words, pages.words
    );
    for (index, marker) in MARKERS.iter().enumerate() {
        let aim = match marker.limit {
            Limit::PerThousand(aim) => format!("at most {aim}"),
            Limit::AtLeast(aim) => format!("above {aim}, not enforced"),
        };
        let [own, other] = [&doc_comments, &pages].map(|counts| {
            let rate = f64::from(counts.of[index]) * 1000.0 / f64::from(counts.words.max(1));
            format!("{} | {rate:.1}", counts.of[index])
        });
        let _ = writeln!(table, "| {} | {own} | {other} | {aim} |", marker.name);
    }
    let [own, other] = [&doc_comments, &pages]
        .map(|counts| format!("{} | {:.2}", counts.commas, counts.commas_per_sentence()));
    let _ = writeln!(
        table,
        "| commas, per sentence | {own} | {other} | at most {MAX_COMMAS}; at most {MAX_COMMAS_IN_A_FILE} in a file |"
    );
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_a_row_for_each_marker() {
        let files = [
            File::new("a.rs", "/// Returns it, if nobody waits.\nfn a() {}\n"),
            File::new("b.md", "You hear it. You wait."),
        ];
        let table = table(&files);
        for row in [
            "5 words of doc comments, 5 words of Markdown",
            "| nobody, somebody, anybody, everybody | 1 | 200.0 | 0 | 0.0 | at most 0 |",
            "| hear, heard, is told | 0 | 0.0 | 1 | 200.0 | at most 0 |",
            "| you, your | 0 | 0.0 | 2 | 400.0 | above 2, not enforced |",
            "| commas, per sentence | 1 | 1.00 | 0 | 0.00 | at most 0.5; at most 0.8 in a file |",
        ] {
            assert!(table.contains(row), "{row}\n{table}");
        }
    }
}
