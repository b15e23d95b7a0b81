//! The snapshot: all entries, read page by page.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use scopegate::{InvalidRevocation, Revocation, RevocationReplacement, RevocationSource};

use crate::connection::open::Connection;
use crate::error::RedisError;
use crate::revocations::Keys;
use crate::revocations::malformed::Malformed;
use crate::revocations::state::Mark;

/// About as many entries are in a page.
const PAGE: usize = 500;

/// Fields of the hash that are no entries.
const STATE: [&[u8]; 3] = [b"generation", b"sequence", b"mark"];

/// The entries that were read.
pub(crate) struct Snapshot {
    pub(crate) all: RevocationReplacement,
    pub(crate) malformed: Malformed,
    /// The number of different fields, with the fields of the state.
    pub(crate) fields: u64,
    /// Whether an entry has the mark of the known change.
    pub(crate) has_known_mark: bool,
}

/// Reads all entries that were there from the beginning to the end. Others may be missing, and are
/// changes of the stream.
pub(crate) async fn read(
    connection: &mut Connection,
    keys: &Keys,
    source: &RevocationSource,
    known: Option<Mark>,
) -> Result<Snapshot, RedisError> {
    let (mut all, mut malformed) = (source.replacement(), Malformed::default());
    let (mut fields, mut has_known_mark) = (Fields::default(), false);
    let mut cursor = 0;
    loop {
        let mut page = redis::cmd("HSCAN");
        page.arg(&keys.entries).arg(cursor).arg("COUNT").arg(PAGE);
        let (next, page): (u64, Vec<Vec<u8>>) = connection.command(&page).await?;
        for pair in page.chunks_exact(2) {
            let [field, value] = pair else { continue };
            fields.add(field);
            if STATE.contains(&&**field) {
                continue;
            }
            match entry(value) {
                Ok((mark, revocation)) => {
                    has_known_mark |= known == Some(mark);
                    all.add(&revocation);
                }
                Err(error) => malformed.add(source, &position(field), error),
            }
        }
        cursor = next;
        if cursor == 0 {
            return Ok(Snapshot { all, malformed, fields: fields.count(), has_known_mark });
        }
    }
}

/// Reads the mark of the entry's last change, and the revocation.
fn entry(value: &[u8]) -> Result<(Mark, Revocation), EntryError> {
    let (mark, json) = value.split_at_checked(16).ok_or(EntryError::NoMark)?;
    let (mark, json) = Mark::parse(mark).zip(json.strip_prefix(b" ")).ok_or(EntryError::NoMark)?;
    Ok((mark, Revocation::from_json(json).map_err(EntryError::Json)?))
}

/// Why an entry is malformed.
#[derive(Debug)]
enum EntryError {
    NoMark,
    Json(InvalidRevocation),
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMark => f.write_str("expected a mark of 16 hexadecimal digits, found none"),
            Self::Json(error) => fmt::Display::fmt(error, f),
        }
    }
}

/// Counts different fields by their hashes: a page may repeat fields of pages before. Equal hashes
/// of different fields would only cause another snapshot.
#[derive(Default)]
struct Fields {
    hashes: Vec<u64>,
    /// The length at which repeated ones are removed.
    sort_at: usize,
    hasher: RandomState,
}

impl Fields {
    fn add(&mut self, field: &[u8]) {
        // A server that repeats its pages for ever takes no more memory.
        if self.hashes.len() >= self.sort_at {
            self.sort();
            self.sort_at = (2 * self.hashes.len()).max(1_024);
        }
        self.hashes.push(self.hasher.hash_one(field));
    }

    fn count(mut self) -> u64 {
        self.sort();
        self.hashes.len() as u64
    }

    fn sort(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
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
    fn repeated_fields_count_once() {
        let mut fields = Fields::default();
        for round in 0..1_000 {
            (0..1_000_u64).for_each(|field| fields.add(&field.to_le_bytes()));
            assert!(fields.hashes.len() <= 2_000, "{round}");
        }
        assert_eq!(fields.count(), 1_000);
    }

    #[test]
    fn entry_has_mark_and_revocation() {
        let json = r#"{"iss":"i","sid":"s"}"#;
        let (mark, revocation) = entry(format!("00000000000000ff {json}").as_bytes()).unwrap();
        assert_eq!((Some(mark), &*revocation.to_json()), (Mark::parse(b"00000000000000ff"), json));
        for malformed in ["", json, "00000000000000ff", &format!("00000000000000ff{json}")] {
            let error = entry(malformed.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, "expected a mark of 16 hexadecimal digits, found none", "{malformed}");
        }
        assert!(matches!(entry(b"00000000000000ff {}"), Err(EntryError::Json(_))));
    }

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
