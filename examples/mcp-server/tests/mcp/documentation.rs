//! Compares docs/mcp.md with the code and the table that are tested.

use crate::official_clients::EXPECTED;

const DOCUMENT: &str = include_str!("../../../../docs/mcp.md");

#[test]
fn documented_code_equals_server_code() {
    let (_, code) = include_str!("../../src/protected.rs").split_once("\n\n").unwrap();
    assert!(
        DOCUMENT.contains(&format!("```rust,no_run\n{code}```")),
        "docs/mcp.md and src/protected.rs differ"
    );
    let (_, code) = include_str!("../../src/whole_body.rs").split_once("\n\n").unwrap();
    let (code, _) = code.split_once("\n#[cfg(test)]").unwrap();
    assert!(
        DOCUMENT.contains(&format!("```rust,no_run\n{code}```")),
        "docs/mcp.md and src/whole_body.rs differ"
    );
}

#[test]
fn documented_table_equals_tested_table() {
    let (_, table) = DOCUMENT
        .split_once(
            "| client | issuer | is told | does | the server sees |\n| --- | --- | --- | --- | --- |\n",
        )
        .unwrap();
    let shown: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let tested: Vec<String> = EXPECTED.iter().map(|row| row.line(row.issuer)).collect();
    assert_eq!(shown, tested, "have docs/mcp.md say:\n{}", tested.join("\n"));
}
