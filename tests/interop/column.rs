//! The cells of one server or client. The checks run one after the other, each with a time limit.

use std::borrow::Cow;
use std::time::Duration;

use crate::outcome::{Outcome, Trouble};

/// The time limit of a check, far longer than any check takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) cells: Vec<(String, Cell)>,
    /// The reason why no check was run.
    pub(crate) not_run: Option<String>,
}

pub(crate) enum Cell {
    Word(&'static str),
    Cannot(Cow<'static, str>),
    Failed(String),
}

impl Column {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), cells: Vec::new(), not_run: None }
    }

    pub(crate) fn not_run(name: &str, why: impl Into<String>) -> Self {
        Self { not_run: Some(why.into()), ..Self::new(name) }
    }

    /// Returns the column of a program that is installed and does not start. This is a failure.
    pub(crate) fn not_started(name: &str, trouble: &Trouble) -> Self {
        let cells = vec![("it starts".to_owned(), Cell::Failed(trouble.to_string()))];
        Self { cells, ..Self::new(name) }
    }

    /// Runs a check, and stores its result.
    pub(crate) async fn put(&mut self, row: impl Into<String>, check: impl Future<Output = Outcome>) {
        let cell = match tokio::time::timeout(PATIENCE, check).await {
            Ok(Ok(word)) => Cell::Word(word),
            Ok(Err(Trouble::Cannot(why))) => Cell::Cannot(why),
            Ok(Err(Trouble::Failed(what))) => Cell::Failed(what),
            Err(_) => Cell::Failed(format!("took more than {} s", PATIENCE.as_secs())),
        };
        self.cells.push((row.into(), cell));
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        self.cells.iter().filter_map(|(row, cell)| match cell {
            Cell::Failed(what) => Some(format!("{}: {row}: {what}", self.name)),
            Cell::Word(_) | Cell::Cannot(_) => None,
        })
    }

    pub(crate) fn why_not_run(&self) -> Option<String> {
        let why = self.not_run.as_ref()?;
        Some(format!("{}: {why}", self.name))
    }
}
