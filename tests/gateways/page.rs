//! `docs/generated/gateways.md`: one table, with a row for each check and a column for each gateway.

use std::collections::BTreeMap;

use crate::trouble::Trouble;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/generated/gateways.md");

const HEAD: &str = "# Gateways: the table

`scripts/gateways --write` writes this page. [Gateways](../guide/gateways.md) explains the rows. Each gateway runs with its
configuration of `deploy/`, the decision service, the local issuer, and a backend that responds with the request that it sees.
";

/// A column: the gateway with its version, and a text for each row.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) cells: Vec<(&'static str, String)>,
}

/// Returns the table.
pub(crate) fn table(columns: &[Column]) -> String {
    let row = |first: &str, cells: Vec<&str>| format!("| {first} | {} |\n", cells.join(" | "));
    let mut text = row("check", columns.iter().map(|column| column.name).collect());
    text += &row("---", columns.iter().map(|_| "---").collect());
    text += &row("version", columns.iter().map(|column| column.version.as_str()).collect());
    let rows = columns.first().map(|column| column.cells.iter()).into_iter().flatten();
    for (at, (name, _)) in rows.enumerate() {
        let cell = |column: &'_ Column| column.cells.get(at).map_or("", |(_, text)| text.as_str()).to_owned();
        let cells: Vec<String> = columns.iter().map(cell).collect();
        text += &row(name, cells.iter().map(String::as_str).collect());
    }
    text
}

pub(crate) fn write(columns: &[Column]) -> Result<(), Trouble> {
    Ok(std::fs::write(FILE, format!("{HEAD}\n{}", table(columns)))?)
}

/// Returns a line for each cell that differs from the page. Versions may differ.
pub(crate) fn differences(columns: &[Column]) -> Result<Vec<String>, Trouble> {
    let page = std::fs::read_to_string(FILE)?;
    let page = cells(&page);
    let all = columns.iter().flat_map(|column| {
        column.cells.iter().filter_map(|(row, now)| {
            let before = page.get(&((*row).to_owned(), column.name.to_owned()));
            let is_same = before == Some(now);
            (!is_same).then(|| format!("{}: {row}: {now}, on the page: {before:?}", column.name))
        })
    });
    Ok(all.collect())
}

/// Returns the cells of the table, each by its row and its column.
fn cells(page: &str) -> BTreeMap<(String, String), String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let mut lines = lines.map(|line| line.split(" | ").map(str::to_owned).collect::<Vec<_>>());
    let names = lines.next().unwrap_or_default();
    let mut all = BTreeMap::new();
    for line in lines {
        let Some((row, texts)) = line.split_first() else { continue };
        let pairs = names.iter().skip(1).zip(texts);
        all.extend(pairs.map(|(name, text)| ((row.clone(), name.clone()), text.clone())));
    }
    all
}

#[test]
fn cells_of_a_table_are_found() {
    let column = Column { name: "nginx", version: "1.22.1".to_owned(), cells: vec![("a", "yes".to_owned())] };
    let found = cells(&table(&[column]));
    assert_eq!(found.get(&("a".to_owned(), "nginx".to_owned())).map(String::as_str), Some("yes"));
}
