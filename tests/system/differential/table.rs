//! The Markdown table at the end of a run.

use std::fmt::Write as _;

use crate::comparison::Comparison;

/// Returns the table. `what` is the title of its number of cases, and `explained` has the number of explained disagreements for each comparison.
pub(crate) fn text(what: &str, comparisons: &[Comparison<'_>], explained: &[usize]) -> String {
    let mut text = format!(
        "| implementation | {what} | both accept | both reject | only we reject | only it rejects | explained |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for (one, explained) in comparisons.iter().zip(explained) {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {explained} |",
            one.peer.name,
            one.cases(),
            one.count(true, true),
            one.count(false, false),
            one.count(false, true),
            one.count(true, false),
        )
        .expect("a string can be written to");
    }
    text
}
