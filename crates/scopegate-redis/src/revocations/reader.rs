//! The reader: the snapshot first, then each change of the stream by its number.
//!
//! Numbers are consecutive. A reader that misses one reads the snapshot again: the stream was
//! trimmed. Each change has the mark of the change before. If that is another one, a number comes
//! again, or the generation is another one, the server has lost data. Then the reader keeps its
//! entries, and no snapshot withdraws anything any more.

mod continuity;
mod load;

use std::cmp::Ordering;
use std::time::Duration;

use scopegate::{Revocation, RevocationSource, WeakRevocationSource};
use tokio::time::{Instant, timeout};

use crate::connection::Redis;
use crate::connection::open::Connection;
use crate::error::RedisError;
use crate::revocations::Keys;
use crate::revocations::change::{Link, Operation, StreamEntry, Streams, link, operation};
use crate::revocations::malformed::Malformed;
use crate::revocations::state::{Lineage, Point, State, StateFields};

/// At most as many changes are read at once. Writers reject more than 16 KiB for one.
const BATCH: usize = 256;

/// A read waits for changes for as long. Then the reader checks that it has missed none.
pub(crate) const BLOCK: Duration = Duration::from_secs(1);

/// Reading everything that is missing takes no longer. A snapshot of the largest store takes about
/// one minute.
const SYNC_LIMIT: Duration = Duration::from_secs(600);

/// As many snapshots are read in a row, if the data changes faster than it can be read.
const MAX_SNAPSHOTS: usize = 10;

/// The snapshot is read again after one to two of these times, if the last one left malformed or
/// missing entries.
const RELOAD_PAUSE: Duration = Duration::from_secs(600);

pub(crate) struct Reader {
    redis: Redis,
    keys: Keys,
    /// A connection that is already open.
    pub(crate) connection: Option<Connection>,
    /// The data that the entries are from. `None` if the server had none.
    generation: Option<String>,
    /// The last change that was applied, or that the snapshot contained. It stays while another
    /// snapshot is read. `None` before the first snapshot and after a loss.
    applied: Option<Applied>,
    /// The id of the stream's entry that was read last. `None` if the snapshot has to be read.
    cursor: Option<String>,
    /// Whether no snapshot withdraws anything, because the server lost data that this process still
    /// has.
    keeps_all: bool,
    malformed: Malformed,
    /// Whether entries were missing after the last snapshot, because the clock was ahead.
    left_incomplete: bool,
    /// When the snapshot is read again.
    reload_at: Option<Instant>,
    sync_limit: Duration,
}

/// A change, and its id in the stream.
#[derive(Clone, Debug)]
struct Applied {
    id: String,
    point: Point,
}

impl Reader {
    pub(crate) fn new(redis: Redis, keys: Keys) -> Self {
        Self {
            redis,
            keys,
            connection: None,
            generation: None,
            applied: None,
            cursor: None,
            keeps_all: false,
            malformed: Malformed::default(),
            left_incomplete: false,
            reload_at: None,
            sync_limit: SYNC_LIMIT,
        }
    }

    /// Connects if it has to, and reads until the connection fails or the store is gone.
    pub(crate) async fn run(&mut self, source: &WeakRevocationSource) -> Result<(), RedisError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.redis).await?,
        };
        loop {
            {
                let Some(source) = source.upgrade() else { return Ok(()) };
                self.sync(&mut connection, &source).await?;
            }
            while self.cursor.is_some() {
                let Some(()) = self.wait(&mut connection, source).await? else { return Ok(()) };
            }
        }
    }

    /// Reads everything that is missing.
    pub(crate) async fn sync(
        &mut self,
        connection: &mut Connection,
        source: &RevocationSource,
    ) -> Result<(), RedisError> {
        let limit = self.sync_limit;
        let synced = timeout(limit, self.read_all(connection, source)).await;
        let address = self.redis.address().to_owned();
        synced.unwrap_or(Err(RedisError::Timeout { address, limit }))
    }

    async fn read_all(
        &mut self,
        connection: &mut Connection,
        source: &RevocationSource,
    ) -> Result<(), RedisError> {
        for _ in 0..MAX_SNAPSHOTS {
            if self.cursor.is_none() {
                self.load(connection, source).await?;
            }
            self.catch_up(connection, source).await?;
            if self.cursor.is_some() {
                source.synced();
                return Ok(());
            }
        }
        Err(RedisError::UnexpectedResponse { expected: "data that does not change faster than it is read" })
    }

    /// Waits for changes, and applies them. Returns `None` if the store is gone.
    async fn wait(
        &mut self,
        connection: &mut Connection,
        source: &WeakRevocationSource,
    ) -> Result<Option<()>, RedisError> {
        let Some(cursor) = &self.cursor else { return Ok(Some(())) };
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(BATCH).arg("BLOCK").arg(BLOCK.as_millis().to_string());
        command.arg("STREAMS").arg(&self.keys.stream).arg(cursor);
        let streams: Streams = connection.blocking_command(&command, BLOCK).await?;
        let Some(source) = source.upgrade() else { return Ok(None) };
        let entries = entries_of(streams);
        let count = entries.len();
        if count > 0 {
            self.apply(entries, &source)?;
        }
        if count == 0 || count == BATCH {
            self.catch_up(connection, &source).await?;
        }
        if self.cursor.is_some() {
            source.synced();
            self.reload_if_useful(&source);
        }
        Ok(Some(()))
    }

    /// Applies all changes after the cursor. If some are missing, there is no cursor any more.
    async fn catch_up(
        &mut self,
        connection: &mut Connection,
        source: &RevocationSource,
    ) -> Result<(), RedisError> {
        while let Some(cursor) = &self.cursor {
            let mut changes = redis::cmd("XREAD");
            changes.arg("COUNT").arg(BATCH).arg("STREAMS").arg(&self.keys.stream).arg(cursor);
            let (streams, state): (Streams, StateFields) =
                connection.transaction([changes, State::command(&self.keys)]).await?;
            let state = State::parse(state)?;
            if !self.has_generation(&state)? {
                self.note_loss(source);
            }
            let entries = entries_of(streams);
            let is_last = entries.len() < BATCH;
            self.apply(entries, source)?;
            let applied = self.applied.as_ref().map(|applied| applied.point);
            if let (true, Some(_), Some(applied)) = (is_last, &self.cursor, applied) {
                match applied.lineage(state.last, None) {
                    Lineage::Other => self.note_loss(source),
                    Lineage::Same | Lineage::Unknown if applied != state.last => self.note_gap(source),
                    Lineage::Same | Lineage::Unknown => {}
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// Applies changes in their order.
    fn apply(&mut self, entries: Vec<StreamEntry>, source: &RevocationSource) -> Result<(), RedisError> {
        let (Some(mut cursor), Some(mut applied)) = (self.cursor.take(), self.applied.clone()) else {
            return Ok(());
        };
        let (mut revoked, mut malformed) = (Vec::new(), false);
        let mut other = None;
        for (id, fields) in entries {
            match link(&fields) {
                // It is none of the numbered changes, so the snapshot does not have it.
                Err(error) => {
                    self.malformed.add(source, &id, error);
                    malformed = true;
                    cursor = id;
                    continue;
                }
                Ok(Link { number, mark, after })
                    if number == next(&applied) && after == applied.point.mark =>
                {
                    applied = Applied { id: id.clone(), point: Point { number, mark: Some(mark) } };
                }
                Ok(link) => {
                    other = Some(link.number);
                    break;
                }
            }
            match operation(&fields) {
                Ok(Operation::Revoke(revocation)) => revoked.push(revocation),
                Ok(Operation::Withdraw(revocation)) => {
                    store(&mut revoked, source)?;
                    source.withdraw(&revocation);
                }
                Err(error) => {
                    self.malformed.add(source, &id, error);
                    malformed = true;
                }
            }
            cursor = id;
        }
        store(&mut revoked, source)?;
        if malformed {
            self.malformed.report(source);
            self.reload_later();
        }
        let next = next(&applied);
        self.applied = Some(applied);
        match other.map(|number| number.cmp(&next)) {
            None => self.cursor = Some(cursor),
            Some(Ordering::Greater) => self.note_gap(source),
            // Its number was used before, or the change before it is another one.
            Some(Ordering::Less | Ordering::Equal) => self.note_loss(source),
        }
        Ok(())
    }
}

/// Stores revocations. If there is no room, the snapshot has to be read again.
fn store(revoked: &mut Vec<Revocation>, source: &RevocationSource) -> Result<(), RedisError> {
    if revoked.is_empty() {
        return Ok(());
    }
    source.revoke_all(revoked.drain(..)).map_err(|source| RedisError::NotStored { source })
}

fn entries_of(streams: Streams) -> Vec<StreamEntry> {
    streams.into_iter().flatten().flat_map(|(_, entries)| entries).collect()
}

/// The largest number has no next one.
fn next(applied: &Applied) -> u64 {
    applied.point.number.saturating_add(1)
}

#[cfg(test)]
mod tests;
