//! Does the server still have the changes that this process knows?

use redis::Cmd;
use scopegate::RevocationSource;

use crate::error::RedisError;
use crate::revocations::change::{StreamEntry, link};
use crate::revocations::reader::{Applied, Reader};
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
    /// Returns an error if the server had data, and has none.
    pub(super) fn has_generation(&mut self, state: &State) -> Result<bool, RedisError> {
        match (&self.generation, &state.generation) {
            (Some(_), None) => Err(RedisError::Lost { key: self.keys.entries.clone() }),
            (Some(known), Some(found)) if known != found => {
                self.generation = Some(found.clone());
                Ok(false)
            }
            (None | Some(_), found) => {
                self.generation.clone_from(found);
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
        self.keeps_all = true;
        self.applied = None;
        self.cursor = None;
    }

    pub(super) fn note_unknown(&mut self, source: &RevocationSource) {
        if !self.keeps_all {
            tracing::warn!(
                source = source.name(),
                "the server may have lost revocations, keeping the entries of this process"
            );
        }
        self.keeps_all = true;
    }
}

/// Returns the mark of a change that was read by its id.
pub(super) fn mark_at(entries: &[StreamEntry]) -> Option<Mark> {
    let (_, fields) = entries.first()?;
    Some(link(fields).ok()?.mark)
}
