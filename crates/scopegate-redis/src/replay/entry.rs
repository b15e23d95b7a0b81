//! The entry of a used proof: the commands that write it, and that find its writer.

use std::time::Duration;

use redis::Cmd;
use scopegate::{ProofUse, ReplayStoreError};

use crate::error::RedisError;
use crate::replay::opened::Opened;
use crate::replay::reason;

/// What one call writes.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) number: u64,
    pub(super) retention: Duration,
}

impl Entry {
    /// Writes the entry, if there is none.
    pub(super) async fn insert(&self, opened: &Opened) -> Result<ProofUse, RedisError> {
        let mut command = redis::cmd("SET");
        let retention = u64::try_from(self.retention.as_millis()).unwrap_or(u64::MAX / 2).saturating_add(1);
        command.arg(&self.key).arg(self.number).arg("NX").arg("PX").arg(retention);
        let response: Option<String> = opened.connection.concurrent_command(&command).await?;
        let used = match response.as_deref() {
            Some("OK") => ProofUse::First,
            None => ProofUse::Repeated,
            Some(_) => return Err(RedisError::UnexpectedResponse { expected: "`OK` or nothing" }),
        };
        opened.was_of_use();
        Ok(used)
    }

    /// Decides after two commands. If one of them has found an entry, the other may have written
    /// it.
    pub(super) async fn verdict(
        &self,
        used: ProofUse,
        opened: &Opened,
    ) -> Result<ProofUse, ReplayStoreError> {
        if used == ProofUse::First {
            return Ok(ProofUse::First);
        }
        let stored = opened.connection.concurrent_command(&Cmd::get(&self.key)).await;
        match stored.map_err(|error| reason(&error))? {
            Some(number) if number == self.number.to_string() => Ok(ProofUse::First),
            Some::<String>(_) => Ok(ProofUse::Repeated),
            None => {
                let expected = "the entry that `SET` has found";
                Err(reason(&RedisError::UnexpectedResponse { expected }))
            }
        }
    }
}
