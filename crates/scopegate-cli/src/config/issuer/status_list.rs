//! The rule of an issuer for status lists.

use scopegate::StatusList;

use crate::config::problem::Problems;
use crate::config::reader::Reader;

/// Reads the rule for status lists.
pub(super) fn read(table: &mut Reader<'_>, problems: &mut Problems<'_>) -> Option<StatusList> {
    let rule = table.string("status_list", problems);
    let origins = table.one_or_more("status_list_origin", problems);
    let rules = match rule.as_ref().map(|rule| rule.text) {
        None => None,
        Some("optional") => Some(StatusList::optional()),
        Some("required") => Some(StatusList::required()),
        Some(other) => {
            let span = rule.map_or(0..0, |rule| rule.span);
            problems.add(&span, format_args!("expected \"optional\" or \"required\", found {other:?}"));
            return None;
        }
    };
    if rules.is_none() && origins.is_some() {
        problems.add(&table.key_span("status_list_origin"), "expected `status_list` beside it, found none");
    }
    let origins = origins.unwrap_or_default();
    rules.map(|rules| origins.iter().fold(rules, |rules, origin| rules.origin(origin.text)))
}
