//! Compares docs/reference/mcp-clients.md with the tested runs.

use crate::official_clients::EXPECTED;

const PAGE: &str = include_str!("../../../../docs/reference/mcp-clients.md");

#[test]
fn page_has_the_tested_runs() {
    let (_, table) = PAGE
        .split_once(
            "| client | issuer | configured with | result | the server sees |\n| --- | --- | --- | --- | --- |\n",
        )
        .unwrap();
    let shown: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let tested: Vec<String> = EXPECTED.iter().map(|row| row.line(row.issuer)).collect();
    assert_eq!(shown, tested, "the rows for docs/reference/mcp-clients.md:\n{}", tested.join("\n"));
}
