//! Does the server evict keys? An evicted proof would be accepted again.

use std::sync::atomic::{AtomicBool, Ordering};

use scopegate::Excerpt;

use crate::connection::open::Connection;
use crate::error::RedisError;

/// Whether the server may remove keys before they expire.
#[derive(Debug, PartialEq, Eq)]
enum Eviction<'a> {
    Never,
    By(&'a str),
    /// The server does not say.
    Unknown,
}

/// Rejects a server that evicts keys, or warns once. If the server does not permit `INFO`, it warns.
///
/// This is the first command on a connection, so a server that does not respond is found too.
pub(super) async fn check_eviction(
    connection: &mut Connection,
    allows_eviction: bool,
    has_warned: &AtomicBool,
) -> Result<(), RedisError> {
    let mut command = redis::cmd("INFO");
    command.arg("memory");
    let info: String = match connection.command(&command).await {
        Ok(info) => info,
        // A user without the permission, and a proxy or a service without the command.
        Err(RedisError::Rejected { code, .. }) if code == "NOPERM" || code == "ERR" => String::new(),
        Err(error) => return Err(error),
    };
    let policy = match eviction(&info) {
        Eviction::Never => return Ok(()),
        Eviction::By(policy) if !allows_eviction => {
            return Err(RedisError::EvictsKeys { policy: Excerpt::new(policy) });
        }
        Eviction::By(policy) => Excerpt::new(policy),
        Eviction::Unknown => Excerpt::new("unknown"),
    };
    if !has_warned.swap(true, Ordering::Relaxed) {
        tracing::warn!(%policy, "used DPoP proofs may be evicted, and accepted again");
    }
    Ok(())
}

fn eviction(info: &str) -> Eviction<'_> {
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    match (field("maxmemory").map(str::trim), field("maxmemory_policy").map(str::trim)) {
        (Some("0"), _) | (_, Some("noeviction")) => Eviction::Never,
        (_, Some(policy)) => Eviction::By(policy),
        (_, None) => Eviction::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_counts_with_a_limit_only() {
        let info = |limit: &str, policy: &str| {
            format!("# Memory\r\nmaxmemory:{limit}\r\nmaxmemory_human:1M\r\nmaxmemory_policy:{policy}\r\n")
        };
        assert_eq!(eviction(&info("0", "allkeys-lru")), Eviction::Never);
        assert_eq!(eviction(&info("1048576", "noeviction")), Eviction::Never);
        assert_eq!(eviction(&info("1048576", "volatile-ttl")), Eviction::By("volatile-ttl"));
        assert_eq!(eviction("maxmemory_policy:allkeys-lru\n"), Eviction::By("allkeys-lru"));
        for unknown in ["", "maxmemory:1048576\r\n", "maxmemory_policies:noeviction\r\n"] {
            assert_eq!(eviction(unknown), Eviction::Unknown, "{unknown}");
        }
    }
}
