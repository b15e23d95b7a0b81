//! OpenAPI documents of the program `scopegate`. The first line of an input is the prefix of the API,
//! and the rest is the document.

use scopegate_cli_fuzzing::{self as program, Operations, Rule};
use serde_json::Value;

use crate::text::assert_placed;
use crate::verdicts;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (prefix, document) = text.split_once('\n').unwrap_or(("", text));
    let prefix = if prefix.starts_with('/') && program::is_path(prefix) { prefix } else { "" };
    let found = program::openapi(document, prefix);
    verdicts::count(&found);
    assert_eq!(found, program::openapi(document, prefix), "two results for one document");
    match found {
        Ok(operations) => assert_agrees(&operations, document),
        Err(mistakes) => {
            // YAML has three line breaks.
            let document = document.replace("\r\n", "\n");
            let lines: Vec<&str> = document.split(['\n', '\r']).collect();
            assert_placed(&mistakes, &lines);
        }
    }
}

/// Asserts that each path can be requested, and that a document in JSON has as many operations, and as
/// many public ones, by serde_json's reading.
fn assert_agrees(operations: &[Operations], document: &str) {
    for Operations { path, rules } in operations {
        assert!(program::is_path(path), "no request has this path: {path:?}");
        let is_double = |at: usize| rules.iter().skip(at + 1).any(|(other, _)| *other == rules[at].0);
        assert!(!(0..rules.len()).any(is_double), "{rules:?}");
    }
    let Ok(Value::Object(root)) = serde_json::from_str(document) else { return };
    let all = operations.iter().flat_map(|operations| &operations.rules);
    let public = all.clone().filter(|(_, rule)| *rule == Rule::Public).count();
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
