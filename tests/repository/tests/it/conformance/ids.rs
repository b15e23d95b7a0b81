//! The ids of rows: their form, and the rows of each list.

use std::ops::RangeInclusive;

/// Lists whose rows are known, so that a row cannot be lost. They are the second part of the
/// checklist and the field reports.
const LISTS: [(&str, RangeInclusive<u8>); 16] = [
    ("DP", 1..=45),
    ("DP", 50..=53),
    ("MT", 1..=15),
    ("IN", 1..=22),
    ("JR", 1..=7),
    ("SU", 1..=8),
    ("SL", 1..=17),
    ("RV", 1..=9),
    ("FW", 1..=17),
    ("ML", 1..=5),
    ("FA", 1..=22),
    ("FR-A", 1..=18),
    ("FR-B", 1..=13),
    ("FR-C", 1..=14),
    ("FR-D", 1..=10),
    ("FR-E", 1..=5),
];

/// The prefix of the ids of field reports. The checklist has an `A12` of its own.
const FIELD: &str = "FR-";

/// Returns the ids of the lists whose rows are known.
pub(crate) fn known() -> impl Iterator<Item = String> {
    LISTS.into_iter().flat_map(|(prefix, numbers)| {
        let width = if prefix.starts_with(FIELD) { 1 } else { 2 };
        numbers.map(move |number| format!("{prefix}{number:0width$}"))
    })
}

/// Returns whether this has the form of an id: `A03`, `DP12` or `FR-B4`.
pub(crate) fn is_row(id: &str) -> bool {
    let (prefix, number) = id.split_at(id.find(|c: char| c.is_ascii_digit()).unwrap_or(id.len()));
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_listed = LISTS.iter().any(|(known, _)| *known == prefix);
    digits
        && match prefix.as_bytes() {
            [b'A'..=b'H'] => number.len() == 2,
            _ if prefix.starts_with(FIELD) => is_listed && number.len() <= 2 && !number.starts_with('0'),
            _ => is_listed && number.len() == 2,
        }
}

/// Returns the list that a row is in: `A`, `DP` or `FR-B`.
pub(crate) fn list(id: &str) -> &str {
    id.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// Returns the ids at the beginning of a comment such as `A03, DP05: and a remark`. Ids of other
/// lists, such as `W7`, may stand among them.
pub(crate) fn rows(comment: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for part in comment.split(", ") {
        let id = part.split([':', ' ']).next().unwrap_or_default();
        if is_row(id) {
            rows.push(id.to_owned());
        } else if !is_of_another_list(id) {
            break;
        }
        if id != part {
            break;
        }
    }
    rows
}

fn is_of_another_list(id: &str) -> bool {
    matches!(id.as_bytes(), [b'A'..=b'Z', b'0'..=b'9'] | [b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9'])
}

/// Returns whether a comment begins with ids in a form that is misread. Examples are `A01-A19`,
/// which is a range, and `FR-A1, A2`, whose second id lacks its prefix.
pub(crate) fn is_misleading(comment: &str) -> bool {
    let longest =
        (3..=6).rev().filter_map(|length| comment.split_at_checked(length)).find(|(id, _)| is_row(id));
    let Some((_, rest)) = longest else { return comment.starts_with(FIELD) };
    if !rest.is_empty() && !rest.starts_with([',', ':', ' ']) {
        return true;
    }
    let ids = comment.split([':', ' ', ',']).map(str::trim).filter(|part| !part.is_empty());
    let ids: Vec<&str> = ids.take_while(|id| is_row(id) || is_of_another_list(id)).collect();
    let first_field = ids.iter().position(|id| id.starts_with(FIELD));
    first_field.is_some_and(|first| ids.iter().skip(first).any(|id| !id.starts_with(FIELD)))
}

#[test]
fn ids_differ_from_other_words() {
    for id in ["A01", "H06", "DP53", "FR-A1", "FR-C14"] {
        assert!(is_row(id), "{id}");
    }
    for id in
        ["", "A1", "A001", "I01", "W7", "DP1", "XX01", "FR-A", "FR-A01", "FR-F1", "FR-A123", "A0x", "01"]
    {
        assert!(!is_row(id), "{id}");
    }
    let known: Vec<String> = known().collect();
    assert!(known.iter().all(|id| is_row(id)));
    assert_eq!(known.iter().filter(|id| id.starts_with(FIELD)).count(), 60);
    assert_eq!((list("FR-A12"), list("DP01"), list("A01")), ("FR-A", "DP", "A"));
}

#[test]
fn ids_that_would_be_misread_are_reported() {
    for comment in [
        "A01-A19, A22",
        "A012",
        "FR-A1-A3",
        "FR-A1, A2: both",
        "FR-A01",
        "FR-X1",
        "FR-A1/A2",
        "A01, FR-A1, A2",
    ] {
        assert!(is_misleading(comment), "{comment}");
    }
    for comment in [
        "A01, A02: and more",
        "FR-A1, FR-A12: both",
        "A01, FR-A1",
        "FR-E1: a name such as A1",
        "FR-A1 Ab",
        "W7, A03",
        "text",
        "\u{e4}\u{e4}\u{e4}",
    ] {
        assert!(!is_misleading(comment), "{comment}");
    }
    assert_eq!(rows("A01, W7, FR-A12: and A03"), ["A01", "FR-A12"]);
}
