//! The reader: the snapshot first, then each change of the stream by its number.
//!
//! Numbers are consecutive. A reader that misses one reads the snapshot again: the stream was
//! trimmed. If a number comes again, or the generation is another one, the server has lost data.
//! Then the reader keeps its entries, and no snapshot withdraws anything any more.

use std::time::Duration;

use redis::Cmd;
use scopegate::{Revocation, RevocationSource, WeakRevocationSource};

use crate::connection::Redis;
use crate::connection::open::Connection;
use crate::error::RedisError;
use crate::revocations::change::{Operation, StreamEntry, Streams, number, operation};
use crate::revocations::malformed::Malformed;
use crate::revocations::{Keys, snapshot};

/// At most as many changes are read at once. Writers reject more than 16 KiB for one.
const BATCH: usize = 256;

/// A read waits for changes for as long. Then the reader checks that it has missed none.
const BLOCK: Duration = Duration::from_secs(1);

pub(crate) struct Reader {
    redis: Redis,
    keys: Keys,
    /// A connection that is already open.
    pub(crate) connection: Option<Connection>,
    /// The data that the entries are from. `None` if the server had none.
    generation: Option<String>,
    /// `None` if the snapshot has to be read.
    position: Option<Position>,
    /// Whether the server lost data that this process still has.
    has_lost_data: bool,
    malformed: Malformed,
}

/// The last change that was applied.
#[derive(Clone, Debug)]
struct Position {
    id: String,
    number: u64,
}

/// The fields `generation` and `sequence`.
type State = (Option<String>, Option<u64>);

impl Reader {
    pub(crate) fn new(redis: Redis, keys: Keys) -> Self {
        Self {
            redis,
            keys,
            connection: None,
            generation: None,
            position: None,
            has_lost_data: false,
            malformed: Malformed::default(),
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
            while self.position.is_some() {
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
        loop {
            if self.position.is_none() {
                self.read_snapshot(connection, source).await?;
            }
            self.catch_up(connection, source).await?;
            if self.position.is_some() {
                source.synced();
                return Ok(());
            }
        }
    }

    /// Waits for changes, and applies them. Returns `None` if the store is gone.
    async fn wait(
        &mut self,
        connection: &mut Connection,
        source: &WeakRevocationSource,
    ) -> Result<Option<()>, RedisError> {
        let Some(position) = &self.position else { return Ok(Some(())) };
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(BATCH).arg("BLOCK").arg(BLOCK.as_millis().to_string());
        command.arg("STREAMS").arg(&self.keys.stream).arg(&position.id);
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
        if self.position.is_some() {
            source.synced();
        }
        Ok(Some(()))
    }

    async fn read_snapshot(
        &mut self,
        connection: &mut Connection,
        source: &RevocationSource,
    ) -> Result<(), RedisError> {
        let mut last = redis::cmd("XREVRANGE");
        last.arg(&self.keys.stream).arg("+").arg("-").arg("COUNT").arg(1);
        let ((generation, sequence), last): (State, Vec<StreamEntry>) =
            connection.transaction([self.read_state(), last]).await?;
        self.compare_generation(generation, source)?;
        let (all, malformed) = snapshot::read(connection, &self.keys, source).await?;
        // A malformed entry may be any entry.
        let is_complete = malformed.is_empty() && !self.has_lost_data;
        let stored = if is_complete { all.replace_all() } else { all.revoke_all() };
        malformed.report(source);
        self.malformed = malformed;
        stored.map_err(|source| RedisError::NotStored { source })?;
        // All ids of later changes are greater, also those of a stream that is empty now.
        let id = last.into_iter().next().map_or_else(|| "0-0".to_owned(), |(id, _)| id);
        self.position = Some(Position { id, number: sequence.unwrap_or(0) });
        Ok(())
    }

    /// Applies all changes after the position. If some are missing, there is no position any more.
    async fn catch_up(
        &mut self,
        connection: &mut Connection,
        source: &RevocationSource,
    ) -> Result<(), RedisError> {
        while let Some(position) = &self.position {
            let mut changes = redis::cmd("XREAD");
            changes.arg("COUNT").arg(BATCH).arg("STREAMS").arg(&self.keys.stream).arg(&position.id);
            let (streams, (generation, sequence)): (Streams, State) =
                connection.transaction([changes, self.read_state()]).await?;
            self.compare_generation(generation, source)?;
            let entries = entries_of(streams);
            let is_last = entries.len() < BATCH;
            self.apply(entries, source)?;
            let Some(position) = &self.position else { return Ok(()) };
            if is_last {
                match position.number.cmp(&sequence.unwrap_or(0)) {
                    std::cmp::Ordering::Equal => {}
                    std::cmp::Ordering::Less => self.note_gap(source),
                    std::cmp::Ordering::Greater => self.note_loss(source),
                }
                return Ok(());
            }
        }
        Ok(())
    }

    /// Applies changes in their order.
    fn apply(&mut self, entries: Vec<StreamEntry>, source: &RevocationSource) -> Result<(), RedisError> {
        let Some(mut position) = self.position.take() else { return Ok(()) };
        let (mut revoked, mut malformed) = (Vec::new(), false);
        let mut missing = None;
        for (id, fields) in entries {
            match number(&fields) {
                // It is none of the numbered changes, so the snapshot does not have it.
                Err(error) => {
                    self.malformed.add(source, &id, error);
                    malformed = true;
                    position.id = id;
                    continue;
                }
                Ok(number) if number == position.number + 1 => position.number = number,
                Ok(number) => {
                    missing = Some(number);
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
            position.id = id;
        }
        store(&mut revoked, source)?;
        if malformed {
            self.malformed.report(source);
        }
        match missing {
            None => self.position = Some(position),
            Some(number) if number > position.number => self.note_gap(source),
            Some(_) => self.note_loss(source),
        }
        Ok(())
    }

    /// Returns an error if the server had data, and has none.
    fn compare_generation(
        &mut self,
        found: Option<String>,
        source: &RevocationSource,
    ) -> Result<(), RedisError> {
        match (&self.generation, found) {
            (None, found) => self.generation = found,
            (Some(_), None) => return Err(RedisError::Lost { key: self.keys.entries.clone() }),
            (Some(known), Some(found)) => {
                if *known != found {
                    self.note_loss(source);
                    self.generation = Some(found);
                }
            }
        }
        Ok(())
    }

    fn read_state(&self) -> Cmd {
        let mut state = redis::cmd("HMGET");
        state.arg(&self.keys.entries).arg("generation").arg("sequence");
        state
    }

    fn note_gap(&mut self, source: &RevocationSource) {
        tracing::info!(source = source.name(), "changes of revocations were missed, reading the snapshot");
        self.position = None;
    }

    fn note_loss(&mut self, source: &RevocationSource) {
        tracing::error!(
            source = source.name(),
            "the server lost revocations, keeping the entries of this process"
        );
        self.has_lost_data = true;
        self.position = None;
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
