//! The snapshot: all entries, read page by page.

use scopegate::{Revocation, RevocationReplacement, RevocationSource};

use crate::connection::open::Connection;
use crate::error::RedisError;
use crate::revocations::Keys;
use crate::revocations::malformed::Malformed;

/// About as many entries are in a page.
const PAGE: usize = 500;

/// Fields of the hash that are no entries.
const STATE: [&[u8]; 2] = [b"generation", b"sequence"];

/// Reads all entries that were there from the beginning to the end. Others may be missing, and are
/// changes of the stream.
pub(crate) async fn read(
    connection: &mut Connection,
    keys: &Keys,
    source: &RevocationSource,
) -> Result<(RevocationReplacement, Malformed), RedisError> {
    let (mut all, mut malformed) = (source.replacement(), Malformed::default());
    let mut cursor = 0;
    loop {
        let mut page = redis::cmd("HSCAN");
        page.arg(&keys.entries).arg(cursor).arg("COUNT").arg(PAGE);
        let (next, fields): (u64, Vec<Vec<u8>>) = connection.command(&page).await?;
        for pair in fields.chunks_exact(2) {
            let [field, json] = pair else { continue };
            if STATE.contains(&&**field) {
                continue;
            }
            match Revocation::from_json(json) {
                Ok(revocation) => all.add(&revocation),
                Err(error) => malformed.add(source, &position(field), error),
            }
        }
        cursor = next;
        if cursor == 0 {
            return Ok((all, malformed));
        }
    }
}

/// Describes an entry of the snapshot without its name: `jti 22 https://issuer.example …`.
fn position(field: &[u8]) -> String {
    let field = String::from_utf8_lossy(field);
    let mut parts = field.splitn(3, ' ');
    let (kind, len, rest) = (parts.next(), parts.next(), parts.next());
    let issuer = len.and_then(|len| rest?.get(..len.parse().ok()?));
    match (kind, issuer) {
        (Some(kind), Some(issuer)) => format!("snapshot, {} of {issuer:.200?}", kind.escape_debug()),
        _ => format!("snapshot, a field of {} bytes", field.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_has_no_name() {
        for (field, expected) in [
            ("sub 8 https://i user-1", "snapshot, sub of \"https://\""),
            ("sub 9 https://i user-1", "snapshot, sub of \"https://i\""),
            ("sub 99 https://i user-1", "snapshot, a field of 23 bytes"),
            ("user-1", "snapshot, a field of 6 bytes"),
            ("a\nb 1 i user-1", "snapshot, a\\nb of \"i\""),
        ] {
            assert_eq!(position(field.as_bytes()), expected);
        }
    }
}
