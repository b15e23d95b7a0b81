//! The Markdown table at the end of a run.

use std::fmt::Write as _;

use crate::comparison::Comparison;

/// Returns the table. `explained` has the number of explained disagreements for each comparison.
pub(crate) fn text(comparisons: &[Comparison<'_>], explained: &[usize]) -> String {
    let mut text = String::from(
        "| implementation | tokens | both accept | both refuse | only we refuse | only it refuses | explained |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (one, explained) in comparisons.iter().zip(explained) {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {explained} |",
            one.peer.name,
            one.tokens(),
            one.count(true, true),
            one.count(false, false),
            one.count(false, true),
            one.count(true, false),
        )
        .expect("a string can be written to");
    }
    text
}
