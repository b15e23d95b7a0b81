//! Malformed entries: counted, and the first of them described.

use std::fmt::Display;

use scopegate::RevocationSource;

/// The first 10 are described.
const MAX_LISTED: usize = 10;

/// The malformed entries since the snapshot was read.
#[derive(Debug, Default)]
pub(crate) struct Malformed {
    count: usize,
    first: Vec<String>,
}

impl Malformed {
    /// Logs an entry by its position, which contains no name of a subject.
    pub(crate) fn add(&mut self, source: &RevocationSource, entry: &str, error: impl Display) {
        self.count += 1;
        if self.first.len() < MAX_LISTED {
            tracing::error!(source = source.name(), entry, %error, "malformed revocation, entry ignored");
            self.first.push(format!("{entry}: {error}"));
        } else if self.count == MAX_LISTED + 1 {
            tracing::error!(source = source.name(), "many malformed revocations, the first 10 are logged");
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Shows them in the status.
    pub(crate) fn report(&self, source: &RevocationSource) {
        source.malformed(self.count, self.first.iter().cloned());
    }
}
