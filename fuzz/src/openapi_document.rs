//! OpenAPI documents of the program `scopegate`. The first line of an input is the prefix of the API,
//! and the rest is the document.

use serde_json::Value;

use crate::openapi::{self, Mistake, Operations};
use crate::routes::access::Access;
use crate::routes::pattern;
use crate::text::assert_fit_for_a_log;
use crate::verdicts;

/// Maximum number of mistakes.
const MAX_MISTAKES: usize = 50;
/// A message shows one value of the document. An escaped character takes up to ten.
const MESSAGE: usize = 64 * 1024;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (prefix, document) = text.split_once('\n').unwrap_or(("", text));
    let prefix = if prefix.starts_with('/') && pattern::check(prefix).is_ok() { prefix } else { "" };
    let found = openapi::read(document, prefix);
    verdicts::count(&found);
    let again = openapi::read(document, prefix);
    assert_eq!(format!("{found:?}"), format!("{again:?}"), "two results for one document");
    match found {
        Ok(operations) => assert_agrees(&operations, document),
        Err(mistakes) => assert_placed(&mistakes, document),
    }
}

/// Asserts that each path can be requested, and that a document in JSON has as many operations, and as
/// many public ones, by serde_json's reading.
fn assert_agrees(operations: &[Operations], document: &str) {
    for Operations { path, methods, .. } in operations {
        assert_eq!(pattern::check(path), Ok(()), "no request has this path");
        let is_double = |at: usize| methods.iter().skip(at + 1).any(|(other, _)| *other == methods[at].0);
        assert!(!(0..methods.len()).any(is_double), "{methods:?}");
    }
    let Ok(Value::Object(root)) = serde_json::from_str(document) else { return };
    let all = operations.iter().flat_map(|operations| &operations.methods);
    let public = all.clone().filter(|(_, access)| *access == Access::Public).count();
    let paths = root.get("paths").and_then(Value::as_object).expect("the map of paths");
    let items = paths.iter().filter(|(path, _)| !path.starts_with("x-"));
    let items: Vec<_> = items.map(|(_, item)| item.as_object().expect("a map")).collect();
    let read: Vec<_> =
        items.iter().flat_map(|item| METHODS.iter().filter_map(|name| item.get(*name))).collect();
    let is_public = |operation: &&Value| {
        let security = operation.get("security").or_else(|| root.get("security"));
        let security = security.and_then(Value::as_array).expect("security of each operation");
        security.iter().all(|one| one.as_object().is_some_and(serde_json::Map::is_empty))
    };
    let public_ones = read.iter().copied().filter(is_public).count();
    assert_eq!((operations.len(), all.count(), public), (items.len(), read.len(), public_ones));
}

/// Asserts that each mistake has a place in the document. YAML has more line breaks than `\n`.
fn assert_placed(mistakes: &[Mistake], document: &str) {
    assert!((1..=MAX_MISTAKES).contains(&mistakes.len()), "{} mistakes", mistakes.len());
    let breaks = document.chars().filter(|one| matches!(one, '\n' | '\r')).count();
    let length = document.chars().count();
    for mistake in mistakes {
        let shown = mistake.to_string();
        let mut parts = shown.splitn(3, ':');
        let mut number = || parts.next().and_then(|part| part.parse::<usize>().ok()).expect("a place");
        let (line, column) = (number(), number());
        assert!((1..=breaks + 1).contains(&line), "no such line: {shown}");
        assert!((1..=length + 1).contains(&column), "no such column: {shown}");
        assert_fit_for_a_log(&shown, MESSAGE);
    }
}
