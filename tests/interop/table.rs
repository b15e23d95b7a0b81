//! Columns as a Markdown table, and the differences from the table on the page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::column::{Cell, Column};

pub(crate) struct Table {
    /// The name of its marks in the page, and its title.
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<Column>,
}

/// The position of a cell: its row, and the name of its column.
type Place<'a> = (&'a str, &'a str);

impl Table {
    /// Returns the table. A column that was not run has a note. Reasons for empty cells are below
    /// the table.
    pub(crate) fn markdown(&self) -> String {
        let names = self.columns.iter().map(|column| column.name.as_str());
        let mut lines = vec![row("check", names), row("---", self.columns.iter().map(|_| "---"))];
        let longest = self.columns.iter().max_by_key(|column| column.cells.len());
        for (at, (name, _)) in longest.into_iter().flat_map(|column| column.cells.iter().enumerate()) {
            lines.push(row(name, self.columns.iter().map(|column| column.text(at))));
        }
        let mut text = lines.join("\n") + "\n";
        let reasons = self.reasons();
        if !reasons.is_empty() {
            text += "\nEmpty cells (–):\n";
        }
        for (reason, places) in reasons {
            let _ = write!(text, "\n- {places}: {reason}.");
        }
        text
    }

    /// Returns the reasons for empty cells, each with the cells.
    fn reasons(&self) -> BTreeMap<&str, String> {
        let mut reasons: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for column in &self.columns {
            for (_, cell) in &column.cells {
                if let Cell::Cannot(why) = cell {
                    *reasons.entry(why.as_ref()).or_default().entry(&column.name).or_default() += 1;
                }
            }
        }
        let text = |columns: BTreeMap<&str, usize>| columns.into_keys().collect::<Vec<_>>().join(", ");
        reasons.into_iter().map(|(why, columns)| (why, text(columns))).collect()
    }

    /// Returns a message for each cell that differs from the page. Columns that were not run are
    /// skipped.
    pub(crate) fn differences(&self, page: &str) -> Vec<String> {
        let (kept, now) = (read(page), self.markdown());
        let now = read(&now);
        let not_run: Vec<&str> =
            self.columns.iter().filter(|c| c.not_run.is_some()).map(|c| c.name.as_str()).collect();
        let was_run = |place: &&Place<'_>| !not_run.contains(&place.1);
        let places = kept.keys().chain(now.keys().filter(|place| !kept.contains_key(*place)));
        let different = places.filter(was_run).filter(|place| kept.get(*place) != now.get(*place));
        different
            .map(|place| {
                let [kept, now] = [&kept, &now].map(|table| table.get(place).copied().unwrap_or("nothing"));
                format!("{}, {}: the page has {kept:?}, this run {now:?}", place.1, place.0)
            })
            .collect()
    }
}

impl Column {
    fn text(&self, at: usize) -> &str {
        match self.cells.get(at) {
            Some((_, Cell::Word(word))) => word,
            Some((_, Cell::Cannot(_))) => "–",
            Some((_, Cell::Failed(_))) => "FAILED",
            None if self.not_run.is_some() => "NOT RUN",
            None => "",
        }
    }
}

fn row<'a>(first: &str, cells: impl Iterator<Item = &'a str>) -> String {
    let mut text = format!("| {first} |");
    for cell in cells {
        let _ = write!(text, " {cell} |");
    }
    text
}

/// Parses a table, and returns its cells by row and column.
fn read(markdown: &str) -> BTreeMap<Place<'_>, &str> {
    let cells = |line| str::trim_matches(line, '|').split('|').map(str::trim);
    let mut lines = markdown.lines().filter(|line| line.starts_with('|'));
    let names: Vec<&str> = lines.next().into_iter().flat_map(cells).collect();
    let mut table = BTreeMap::new();
    for line in lines.skip(1) {
        let row = cells(line).next().unwrap_or_default();
        table.extend(names.iter().zip(cells(line)).skip(1).map(|(name, cell)| ((row, *name), cell)));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(word: &'static str) -> Table {
        let mut column = Column::new("a server");
        column.cells.push(("a check".to_owned(), Cell::Word(word)));
        column.cells.push(("another".to_owned(), Cell::Cannot("it has none".into())));
        Table { name: "servers", columns: vec![column, Column::not_run("a client", "not there")] }
    }

    #[test]
    fn table_names_columns_that_were_not_run() {
        let text = "| check | a server | a client |\n| --- | --- | --- |\n| a check | yes | NOT RUN |\n| another | – | NOT RUN |\n\n\
                    Empty cells (–):\n\n- a server: it has none.";
        assert_eq!(table("yes").markdown(), text);
    }

    #[test]
    fn changed_cell_is_named_if_column_was_run() {
        let kept = table("yes").markdown().replace("NOT RUN", "yes");
        assert!(table("yes").differences(&kept).is_empty());
        let expected = "a server, a check: the page has \"yes\", this run \"rejected\"";
        assert_eq!(table("rejected").differences(&kept), [expected]);
    }

    #[test]
    fn row_or_column_missing_on_page_is_named() {
        assert_eq!(table("yes").differences("").len(), 2);
        let further = table("yes").markdown() + "\n| a third | yes | yes |\n";
        assert!(!table("yes").differences(&further).is_empty());
    }
}
