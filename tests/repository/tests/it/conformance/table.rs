//! The tables of docs/generated/conformance.md, as text and as rows. Other text is not changed.

use std::collections::{BTreeMap, BTreeSet};

use super::OPEN;
use super::ids::is_row;

pub(crate) struct Table {
    lines: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// A row: `| id | where | what is asked | tests | remark |`.
pub(crate) struct Row {
    line: usize,
    pub(crate) id: String,
    pub(crate) tests: BTreeSet<String>,
    pub(crate) remark: String,
}

const TESTS: usize = 4;
const REMARK: usize = 5;

impl Table {
    pub(crate) fn parse(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let rows = lines.iter().enumerate().filter_map(|(line, text)| Row::parse(line, text)).collect();
        Self { lines, rows }
    }

    /// Returns the text with other tests in the rows. A row with tests is no longer open.
    pub(crate) fn with_tests(mut self, tests_of_rows: &BTreeMap<String, BTreeSet<String>>) -> String {
        for row in &self.rows {
            let tests = tests_of_rows.get(&row.id).into_iter().flatten().map(|test| format!("`{test}`"));
            let tests = tests.collect::<Vec<_>>().join(", ");
            let line = &mut self.lines[row.line];
            let cells = line.split('|').enumerate().map(|(position, cell)| match position {
                TESTS if tests.is_empty() => " ".to_owned(),
                TESTS => format!(" {tests} "),
                REMARK if !tests.is_empty() && cell.trim().starts_with(OPEN) => " ".to_owned(),
                _ => cell.to_owned(),
            });
            *line = cells.collect::<Vec<_>>().join("|");
        }
        self.lines.join("\n") + "\n"
    }
}

impl Row {
    fn parse(line: usize, text: &str) -> Option<Self> {
        let cells: Vec<&str> = text.split('|').map(str::trim).collect();
        let id = *cells.get(1)?;
        if !(text.starts_with("| ") && is_row(id)) {
            return None;
        }
        assert_eq!(
            cells.len(),
            REMARK + 2,
            "docs/generated/conformance.md, line {}: expected 5 cells: {text}",
            line + 1
        );
        let tests =
            cells[TESTS].split(", ").map(|test| test.trim_matches('`')).filter(|test| !test.is_empty());
        Some(Self {
            line,
            id: id.to_owned(),
            tests: tests.map(str::to_owned).collect(),
            remark: cells[REMARK].to_owned(),
        })
    }
}
