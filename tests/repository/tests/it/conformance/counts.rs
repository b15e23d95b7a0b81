//! The progress of each list.

use std::collections::BTreeMap;

use super::REASONS;
use super::ids::list;
use super::table::Row;

/// Returns the number of rows with tests and with a reason, for each list.
pub(crate) fn counts(rows: &[Row]) -> String {
    let mut sections: BTreeMap<&str, [usize; 6]> = BTreeMap::new();
    for row in rows {
        let counts = sections.entry(list(&row.id)).or_default();
        let reason = REASONS.iter().position(|reason| row.remark.starts_with(reason));
        counts[if row.tests.is_empty() { reason.map_or(0, |reason| reason + 1) } else { 0 }] += 1;
    }
    let line = |(section, [tests, not_built, otherwise, documented, carried, open]): (&&str, &[usize; 6])| {
        format!(
            "{section}: {tests} with tests, {not_built} not built, {otherwise} decided otherwise, {documented} documented, \
             {carried} carried by other work, {open} open"
        )
    };
    sections.iter().map(line).collect::<Vec<_>>().join("\n")
}
