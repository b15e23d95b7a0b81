//! One server's or one client's cells: the checks are run one after the other, each within its time.

use std::borrow::Cow;
use std::time::Duration;

use crate::outcome::{Outcome, Trouble};

/// What no check comes near, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) cells: Vec<(String, Cell)>,
    /// Why nothing was run.
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

    /// Of something that is installed and does not start, which is a failure.
    pub(crate) fn not_started(name: &str, trouble: &Trouble) -> Self {
        let cells = vec![("it starts".to_owned(), Cell::Failed(trouble.to_string()))];
        Self { cells, ..Self::new(name) }
    }

    /// Runs a check and keeps what comes of it.
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
