//! The writer: one script stores a change in the snapshot and in the stream.

use scopegate::Revocation;
use tokio::time::timeout;

use crate::connection::open::Connection;
use crate::error::RedisError;
use crate::revocations::{Keys, RedisRevocations};

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

/// Returns the JSON form, if a reader accepts it.
pub(crate) fn line(revocation: &Revocation) -> Result<String, RedisError> {
    let line = revocation.to_json();
    match Revocation::from_json(line.as_bytes()) {
        Ok(_) => Ok(line),
        Err(source) => Err(RedisError::InvalidRevocation { source }),
    }
}

impl RedisRevocations {
    /// Stores changes. A lost connection is replaced once.
    pub(crate) async fn write(&self, change: Change, lines: Vec<String>) -> Result<(), RedisError> {
        self.check()?;
        // Callers take turns, so a call waits for the others, too.
        let limit = self.redis.limit_of_call();
        let written = timeout(limit, async {
            let mut kept = self.writer.lock().await;
            let mut steps: Vec<&[String]> = lines.chunks(CHANGES_PER_SCRIPT).collect();
            if steps.is_empty() {
                steps.push(&[]);
            }
            for step in steps {
                // A connection is given back after a response only.
                let (mut connection, is_reused) = match kept.take() {
                    Some(connection) => (connection, true),
                    None => (Connection::open(&self.redis).await?, false),
                };
                let mut result = run(&mut connection, &self.keys(), self.stream_length, change, step).await;
                if is_reused && result.as_ref().is_err_and(RedisError::is_of_connection) {
                    connection = Connection::open(&self.redis).await?;
                    result = run(&mut connection, &self.keys(), self.stream_length, change, step).await;
                }
                result?;
                *kept = Some(connection);
            }
            Ok(())
        });
        let address = self.redis.address().to_owned();
        written.await.unwrap_or(Err(RedisError::Timeout { address, limit }))
    }
}

async fn run(
    connection: &mut Connection,
    keys: &Keys,
    stream_length: usize,
    change: Change,
    lines: &[String],
) -> Result<(), RedisError> {
    let mut command = redis::cmd("EVAL");
    command.arg(SCRIPT).arg(3).arg(&keys.entries).arg(&keys.ends).arg(&keys.stream);
    // It tells apart the data before and after a loss, so it need not be secret.
    command.arg(format!("{:032x}", fastrand::u128(..))).arg(stream_length);
    for line in lines {
        command.arg(change.name()).arg(line);
    }
    let sequence: Option<u64> = connection.command(&command).await?;
    sequence.map(|_| ()).ok_or(RedisError::UnexpectedResponse { expected: "the number of the last change" })
}
