//! Lists of signature algorithms.

use scopegate::Algorithm;

use crate::config::problem::Problems;
use crate::config::reader::Reader;

/// Reads a list of algorithms by their registered names. Returns `None` if the key is missing or has a mistake.
pub(super) fn read(
    table: &mut Reader<'_>,
    key: &'static str,
    problems: &mut Problems<'_>,
) -> Option<Vec<Algorithm>> {
    let mut algorithms = Vec::new();
    for name in table.strings(key, problems)? {
        match name.text.parse::<Algorithm>() {
            Ok(algorithm) => algorithms.push(algorithm),
            Err(error) => problems.add(&name.span, error),
        }
    }
    // An empty list was reported.
    (!algorithms.is_empty()).then_some(algorithms)
}
