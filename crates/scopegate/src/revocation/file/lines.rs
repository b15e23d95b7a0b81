//! Reads a file line by line, and hashes its bytes.

use std::io::{self, BufRead, BufReader};

use crate::revocation::digest::RunningDigest;
use crate::revocation::line::MAX_LINE;

pub(super) fn buffered<R: io::Read>(reader: R) -> BufReader<R> {
    BufReader::with_capacity(64 * 1024, reader)
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ReadLine {
    pub(super) len: u64,
    /// It ends with a line feed.
    pub(super) is_complete: bool,
}

/// Reads to the next line feed. Keeps at most one byte more than the longest line.
pub(super) fn read_line(
    reader: &mut impl BufRead,
    line: &mut Vec<u8>,
    digest: &mut RunningDigest,
) -> io::Result<ReadLine> {
    line.clear();
    let mut len = 0;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = memchr::memchr(b'\n', available);
        let taken = end.map_or(available, |end| available.get(..=end).unwrap_or(available));
        digest.update(taken);
        let kept = taken.len().min((MAX_LINE + 1).saturating_sub(line.len()));
        line.extend_from_slice(taken.get(..kept).unwrap_or(taken));
        let taken = taken.len();
        reader.consume(taken);
        len += taken as u64;
        if end.is_some() || taken == 0 {
            return Ok(ReadLine { len, is_complete: end.is_some() });
        }
    }
}

/// Hashes as many bytes. Returns whether there are as many.
pub(super) fn hash(digest: &mut RunningDigest, reader: &mut impl BufRead, mut len: u64) -> io::Result<bool> {
    while len > 0 {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(false);
        }
        let taken = usize::try_from(len).unwrap_or(usize::MAX).min(available.len());
        digest.update(available.get(..taken).unwrap_or(available));
        reader.consume(taken);
        len -= taken as u64;
    }
    Ok(true)
}
