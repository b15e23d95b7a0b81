//! The snapshot becomes the reader's entries, if it is whole and has the changes that are known.

use scopegate::RevocationSource;

use crate::connection::open::Connection;
use crate::error::RedisError;
use crate::revocations::change::StreamEntry;
use crate::revocations::reader::continuity::mark_at;
use crate::revocations::reader::{Applied, Reader};
use crate::revocations::snapshot;
use crate::revocations::state::{Lineage, State, StateFields};

impl Reader {
    /// Reads the snapshot. If the data did not stay the same meanwhile, nothing is withdrawn, and
    /// the snapshot has to be read again.
    pub(super) async fn load(
        &mut self,
        connection: &mut Connection,
        source: &RevocationSource,
    ) -> Result<(), RedisError> {
        let mut newest = redis::cmd("XREVRANGE");
        newest.arg(&self.keys.stream).arg("+").arg("-").arg("COUNT").arg(1);
        let commands = [State::command(&self.keys), newest, self.change_at(self.applied.as_ref())];
        let (state, newest, own): (StateFields, Vec<StreamEntry>, Vec<StreamEntry>) =
            connection.transaction(commands).await?;
        let before = State::parse(state)?;
        let lineage = self.lineage(self.applied.clone(), &before, mark_at(&own), source)?;
        let known = self.applied.as_ref().and_then(|applied| applied.point.mark);
        let read = snapshot::read(connection, &self.keys, source, known).await?;

        // All ids of later changes are greater, also those of a stream that is empty now.
        let id = newest.into_iter().next().map_or_else(|| "0-0".to_owned(), |(id, _)| id);
        let loaded = Applied { id, point: before.last };
        let mut count = redis::cmd("HLEN");
        count.arg(&self.keys.entries);
        let commands = [State::command(&self.keys), self.change_at(Some(&loaded)), count];
        let (state, own, fields): (StateFields, Vec<StreamEntry>, u64) =
            connection.transaction(commands).await?;
        let after = State::parse(state)?;
        let stayed = self.lineage(Some(loaded.clone()), &after, mark_at(&own), source);
        read.malformed.report(source);
        self.malformed = read.malformed;
        // Each change adds one field at most.
        let changes = after.last.number.saturating_sub(before.last.number);
        if !matches!(stayed, Ok(Lineage::Same)) || read.fields.saturating_add(changes) < fields {
            let stored = read.all.revoke_all();
            stayed?;
            return stored.map_err(|source| RedisError::NotStored { source });
        }
        if lineage == Lineage::Unknown && !read.has_known_mark {
            self.note_unknown(source);
        }
        // A malformed entry may be any entry.
        let withdraws = self.malformed.is_empty() && !self.keeps_all;
        let stored = if withdraws { read.all.replace_all() } else { read.all.revoke_all() };
        stored.map_err(|source| RedisError::NotStored { source })?;
        self.cursor = Some(loaded.id.clone());
        self.applied = Some(loaded);
        self.plan_reload(source);
        Ok(())
    }
}
