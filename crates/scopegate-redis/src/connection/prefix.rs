//! The prefix of the server's keys.

use crate::error::RedisError;

/// Checks a prefix. Braces would change the slot of a key in a cluster.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), RedisError> {
    let is_prefix = (1..=100).contains(&prefix.len())
        && !prefix.contains(|c: char| c == '{' || c == '}' || c.is_control());
    if is_prefix {
        return Ok(());
    }
    let (setting, expected) = ("key prefix", "1 to 100 characters without braces");
    Err(RedisError::OutOfRange { setting, expected, found: format!("{prefix:?}") })
}
