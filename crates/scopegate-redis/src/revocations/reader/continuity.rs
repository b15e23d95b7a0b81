//! Does the server still have the changes that this process knows?

use redis::Cmd;
use scopegate::RevocationSource;
use tokio::time::Instant;

use crate::error::RedisError;
use crate::revocations::change::{StreamEntry, link};
use crate::revocations::reader::{Applied, RELOAD_PAUSE, Reader};
use crate::revocations::state::{Lineage, Mark, State};

impl Reader {
    /// Compares the server's data with a change. A loss is noted.
    pub(super) fn lineage(
        &mut self,
        applied: Option<Applied>,
        state: &State,
        stored: Option<Mark>,
        source: &RevocationSource,
    ) -> Result<Lineage, RedisError> {
        let lineage = match (self.has_generation(state)?, applied) {
            (false, _) => Lineage::Other,
            (true, None) => Lineage::Same,
            (true, Some(applied)) => applied.point.lineage(state.last, stored),
        };
        if lineage == Lineage::Other {
            self.note_loss(source);
        }
        Ok(lineage)
    }

    /// Returns whether the data is of the known generation, and takes the one it is of.
    ///
    /// # Errors
    /// Returns an error if the server has no data. One without any publication may have lost it
    /// before this process started.
    pub(super) fn has_generation(&mut self, state: &State) -> Result<bool, RedisError> {
        match (&self.generation, &state.generation) {
            (Some(_), None) => Err(RedisError::Lost { key: self.keys.entries.clone() }),
            (None, None) => Err(RedisError::NothingPublished { key: self.keys.entries.clone() }),
            (Some(known), Some(found)) if known != found => {
                self.generation = Some(found.clone());
                Ok(false)
            }
            (None | Some(_), Some(found)) => {
                self.generation = Some(found.clone());
                Ok(true)
            }
        }
    }

    /// Reads the change with this id.
    pub(super) fn change_at(&self, applied: Option<&Applied>) -> Cmd {
        let id = applied.map_or("0-0", |applied| &applied.id);
        let mut change = redis::cmd("XREVRANGE");
        change.arg(&self.keys.stream).arg(id).arg(id).arg("COUNT").arg(1);
        change
    }

    pub(super) fn note_gap(&mut self, source: &RevocationSource) {
        tracing::info!(source = source.name(), "changes of revocations were missed, reading the snapshot");
        self.cursor = None;
    }

    pub(super) fn note_loss(&mut self, source: &RevocationSource) {
        tracing::error!(
            source = source.name(),
            "the server lost revocations, keeping the entries of this process"
        );
        self.keep_all(source, "the server lost revocations");
        self.applied = None;
        self.cursor = None;
    }

    pub(super) fn note_unknown(&mut self, source: &RevocationSource) {
        if !self.keeps_all {
            tracing::warn!(
                source = source.name(),
                "the server may have lost revocations, keeping the entries of this process"
            );
            self.keep_all(source, "the server may have lost revocations");
        }
    }

    fn keep_all(&mut self, source: &RevocationSource, reason: &str) {
        self.keeps_all = true;
        source.degraded(format!("{reason}; entries end or are withdrawn by name until the next start"));
    }

    /// Reads the snapshot again if it would mend something: entries are missing, because the clock
    /// was ahead, or malformed ones may have been corrected.
    pub(super) fn reload_if_useful(&mut self, source: &RevocationSource) {
        let is_incomplete = source.is_incomplete();
        self.left_incomplete &= is_incomplete;
        let is_due = self.reload_at.is_some_and(|at| Instant::now() >= at);
        if !(is_due || is_incomplete && !self.left_incomplete) {
            return;
        }
        let reason = if is_incomplete { "the clock was ahead" } else { "some were malformed" };
        tracing::info!(source = source.name(), reason, "reading the snapshot of revocations again");
        self.cursor = None;
    }

    /// Plans another snapshot if this one has not mended everything. All instances may have the same
    /// reason, so they take different times.
    pub(super) fn plan_reload(&mut self, source: &RevocationSource) {
        self.left_incomplete = source.is_incomplete();
        self.reload_at = None;
        if self.left_incomplete || !self.malformed.is_empty() {
            self.reload_later();
        }
    }

    pub(super) fn reload_later(&mut self) {
        let pause = RELOAD_PAUSE.mul_f64(1.0 + fastrand::f64());
        self.reload_at.get_or_insert(Instant::now() + pause);
    }
}

/// Returns the mark of a change that was read by its id.
pub(super) fn mark_at(entries: &[StreamEntry]) -> Option<Mark> {
    let (_, fields) = entries.first()?;
    Some(link(fields).ok()?.mark)
}
