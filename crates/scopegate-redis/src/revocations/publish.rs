//! The writer: one script stores a change in the snapshot and in the stream.

use std::time::SystemTime;

use scopegate::Revocation;
use tokio::time::timeout;

use crate::connection::open::Connection;
use crate::error::RedisError;
use crate::revocations::RedisRevocations;

/// It is sent each time. The server compiles it once.
const SCRIPT: &str = include_str!("publish.lua");

/// The server executes one script at a time.
const CHANGES_PER_SCRIPT: usize = 250;

#[derive(Clone, Copy)]
pub(crate) enum Change {
    Revoke,
    Withdraw,
}

impl Change {
    fn name(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Withdraw => "withdraw",
        }
    }
}

/// Two publications are merged by the later times. Each of the two may be 11 digits longer.
const ROOM_FOR_TIMES: usize = 22;

/// Returns the JSON form, if a reader accepts it, also with other times.
pub(crate) fn line(revocation: &Revocation) -> Result<String, RedisError> {
    let line = revocation.to_json();
    match Revocation::from_json(format!("{line}{:ROOM_FOR_TIMES$}", "").as_bytes()) {
        Ok(_) => Ok(line),
        Err(source) => Err(RedisError::InvalidRevocation { source }),
    }
}

impl RedisRevocations {
    /// Stores changes in steps. Calls take turns for each step, so a short call does not wait for
    /// the end of a long one.
    pub(crate) async fn write(&self, change: Change, lines: Vec<String>) -> Result<(), RedisError> {
        self.check()?;
        let mut steps: Vec<&[String]> = lines.chunks(CHANGES_PER_SCRIPT).collect();
        if steps.is_empty() {
            steps.push(&[]);
        }
        for step in steps {
            let mut kept = self.within_limit(async { Ok(self.writer.lock().await) }).await?;
            self.within_limit(self.write_step(&mut kept, change, step)).await?;
        }
        Ok(())
    }

    /// Stores the changes of one step. A lost connection is replaced once.
    async fn write_step(
        &self,
        kept: &mut Option<Connection>,
        change: Change,
        lines: &[String],
    ) -> Result<(), RedisError> {
        // A connection is given back after a response only.
        let mut connection = match kept.take() {
            None => Connection::open(&self.redis).await?,
            Some(mut connection) => {
                // A withdrawal is not repeated: it may have been executed, and another process may
                // have published the entry since. So an empty step finds a lost connection.
                let first = if matches!(change, Change::Withdraw) { &[] } else { lines };
                match self.run(&mut connection, change, first).await {
                    Err(error) if error.is_of_connection() => Connection::open(&self.redis).await?,
                    result => {
                        result?;
                        if first.len() == lines.len() {
                            *kept = Some(connection);
                            return Ok(());
                        }
                        connection
                    }
                }
            }
        };
        self.run(&mut connection, change, lines).await?;
        *kept = Some(connection);
        Ok(())
    }

    async fn run(
        &self,
        connection: &mut Connection,
        change: Change,
        lines: &[String],
    ) -> Result<(), RedisError> {
        let keys = self.keys();
        let mut command = redis::cmd("EVAL");
        command.arg(SCRIPT).arg(3).arg(&keys.entries).arg(&keys.ends).arg(&keys.stream);
        // It tells apart the data before and after a loss, so it need not be secret.
        command.arg(format!("{:032x}", fastrand::u128(..))).arg(self.stream_length);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        command.arg(now.as_secs());
        for line in lines {
            command.arg(change.name()).arg(line);
        }
        let (sequence, removed): (Option<u64>, u64) = connection.command(&command).await?;
        if removed > 0 {
            tracing::info!(removed, prefix = self.prefix, "ended revocations were removed from the server");
        }
        sequence
            .map(|_| ())
            .ok_or(RedisError::UnexpectedResponse { expected: "the number of the last change" })
    }

    /// The limit is that of one step: to connect, to send changes, and once more.
    async fn within_limit<T>(
        &self,
        step: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let limit = self.redis.limit_of_step();
        let address = self.redis.address().to_owned();
        timeout(limit, step).await.unwrap_or(Err(RedisError::Timeout { address, limit }))
    }
}
