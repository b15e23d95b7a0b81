//! Reads a file of revocations, and only its new lines if it has only grown.

use std::fs::File;
use std::io::{self, BufRead, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::revocation::digest::{Digest, RunningDigest};
use crate::revocation::file::lines::{buffered, hash, read_line};
use crate::revocation::file::stamp::{self, Stamp};
use crate::revocation::issuers::{MAX_LISTED, NamedIssuers};
use crate::revocation::line::{LineError, MAX_LINE, parse};
use crate::revocation::source::RevocationSource;
use crate::revocation::store::collected::Collected;

/// Times of files have a granularity. A file that changed so recently may change again without
/// another time.
const RACY: Duration = Duration::from_secs(2);

/// Editors on Windows begin a file with it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    pub(crate) path: &'a Path,
    pub(crate) max_len: u64,
    pub(crate) at: Instant,
}

/// The lines that were read.
#[derive(Debug)]
pub(crate) enum Reading {
    /// The metadata is as it was, so the file was not read.
    Current,
    /// The content is as it was.
    Unchanged,
    /// The lines that were there are unchanged. These follow.
    Appended(Collected),
    /// All lines.
    Whole(Collected),
}

/// The state of a file when it was read last.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) stamp: Stamp,
    /// When a read found this stamp first, and last. The clock of the file may differ from ours.
    stamp_seen: Instant,
    read_at: Instant,
    /// Of the whole file.
    len: u64,
    digest: Digest,
    /// The part that ends with a line feed. The rest may be a line that is being written.
    complete: Part,
    complete_lines: usize,
    /// The malformed lines of that part: how many, and the first of them.
    pub(crate) malformed: Malformed,
    /// The line that may be being written, if it is malformed.
    pub(crate) unfinished: Option<(usize, LineError)>,
    /// The issuers of the lines.
    pub(crate) issuers: NamedIssuers,
    /// The file begins with the lines that it had before.
    pub(crate) has_grown: bool,
}

/// The beginning of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    len: u64,
    digest: Digest,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) count: usize,
    pub(crate) first: Vec<(usize, LineError)>,
}

impl Malformed {
    pub(crate) fn add(&mut self, line: usize, error: LineError) {
        self.count += 1;
        if self.first.len() < MAX_LISTED {
            self.first.push((line, error));
        }
    }
}

impl Contents {
    /// Reads the file, if it may have changed since `before`.
    ///
    /// # Errors
    /// Returns an error if it is not a regular file of at most `max_len` bytes that can be read.
    /// Then `before` is as it was.
    pub(crate) fn read(
        look: Look<'_>,
        before: &mut Option<Self>,
        source: &RevocationSource,
    ) -> io::Result<Reading> {
        let metadata = stamp::metadata(look.path)?;
        if before.as_ref().is_some_and(|before| before.is_current(&Stamp::new(&metadata))) {
            return Ok(Reading::Current);
        }
        let (mut file, stamp) = look.open(source)?;
        let Some(earlier) = before.as_mut() else {
            return Self::read_whole_of(look, file, stamp, before, source);
        };
        let mut reader = buffered(file.take(look.max_len));
        let Some(begun) = earlier.begins(&mut reader, source)? else {
            file = reader.into_inner().into_inner();
            return Self::read_whole_of(look, file, stamp, before, source);
        };
        let stamp_seen = earlier.seen(&stamp, look.at);
        if stamp.len == earlier.len {
            (earlier.stamp, earlier.stamp_seen, earlier.read_at) = (stamp, stamp_seen, look.at);
            return Ok(Reading::Unchanged);
        }
        file = reader.into_inner().into_inner();
        file.seek(SeekFrom::Start(earlier.complete.len))?;
        let mut next = Self { stamp, stamp_seen, read_at: look.at, unfinished: None, ..earlier.clone() };
        let mut collected = source.collected();
        let rest = look.max_len.saturating_sub(earlier.complete.len);
        next.read_lines(&mut buffered(file.take(rest)), begun, source, None, &mut collected)?;
        *before = Some(next);
        Ok(Reading::Appended(collected))
    }

    /// Reads the whole file, even if it is as it was.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_whole(
        look: Look<'_>,
        before: &mut Option<Self>,
        source: &RevocationSource,
    ) -> io::Result<Reading> {
        stamp::metadata(look.path)?;
        let (file, stamp) = look.open(source)?;
        Self::read_whole_of(look, file, stamp, before, source)
    }

    fn read_whole_of(
        look: Look<'_>,
        mut file: File,
        stamp: Stamp,
        before: &mut Option<Self>,
        source: &RevocationSource,
    ) -> io::Result<Reading> {
        file.seek(SeekFrom::Start(0))?;
        let begun = source.shared.store.key.running();
        let nothing = Part { len: 0, digest: begun.clone().finish() };
        let earlier = before.as_ref();
        let mut next = Self {
            stamp_seen: earlier.map_or(look.at, |earlier| earlier.seen(&stamp, look.at)),
            stamp,
            read_at: look.at,
            len: 0,
            digest: nothing.digest,
            complete: nothing,
            complete_lines: 0,
            malformed: Malformed::default(),
            unfinished: None,
            issuers: NamedIssuers::default(),
            has_grown: earlier.is_some_and(|earlier| earlier.complete == nothing),
        };
        let expected = earlier.map(|earlier| earlier.complete);
        let mut collected = source.collected();
        let mut reader = buffered(file.take(look.max_len));
        next.read_lines(&mut reader, begun, source, expected, &mut collected)?;
        *before = Some(next);
        Ok(Reading::Whole(collected))
    }

    /// Whether both files have the same lines.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Whether the file has no line, not even an empty one.
    pub(crate) fn is_empty(&self) -> bool {
        self.complete_lines == 0 && self.len <= BYTE_ORDER_MARK.len() as u64 && self.unfinished.is_none()
    }

    /// Whether the file needs no reading. A change after the read has another stamp, because the
    /// stamp was old enough then.
    fn is_current(&self, stamp: &Stamp) -> bool {
        *stamp == self.stamp && self.read_at.saturating_duration_since(self.stamp_seen) > RACY
    }

    /// Returns when this stamp was found first.
    fn seen(&self, stamp: &Stamp, now: Instant) -> Instant {
        if *stamp == self.stamp { self.stamp_seen } else { now }
    }

    /// Returns whether a file begins with all that this one has, as the digest of its complete
    /// lines.
    fn begins(
        &self,
        reader: &mut impl BufRead,
        source: &RevocationSource,
    ) -> io::Result<Option<RunningDigest>> {
        let mut digest = source.shared.store.key.running();
        let complete = hash(&mut digest, reader, self.complete.len)?;
        let begun = digest.clone();
        let all = complete && hash(&mut digest, reader, self.len - self.complete.len)?;
        Ok((all && digest.finish() == self.digest).then_some(begun))
    }

    /// Reads the lines that follow the complete ones.
    fn read_lines(
        &mut self,
        reader: &mut impl BufRead,
        mut digest: RunningDigest,
        source: &RevocationSource,
        expected: Option<Part>,
        collected: &mut Collected,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        self.len = self.complete.len;
        loop {
            let before = digest.clone();
            let read = read_line(reader, &mut line, &mut digest)?;
            self.len += read.len;
            if read.len == 0 {
                self.complete.digest = before.finish();
                break;
            }
            let number = self.complete_lines + 1;
            let text = if number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&line) } else { &line };
            let parsed = if read.len > MAX_LINE as u64 {
                Err(LineError::TooLong)
            } else if text.trim_ascii().is_empty() {
                Ok(None)
            } else {
                parse(text).map(Some)
            };
            match parsed {
                Ok(None) => {}
                Ok(Some(target)) => {
                    self.issuers.add(&target.issuer);
                    collected.push(source.place(&target));
                }
                Err(error) if read.is_complete => self.malformed.add(number, error),
                Err(error) => self.unfinished = Some((number, error)),
            }
            if !read.is_complete {
                self.complete.digest = before.finish();
                break;
            }
            (self.complete.len, self.complete_lines) = (self.len, number);
            if let Some(expected) = expected.filter(|expected| expected.len == self.len) {
                self.has_grown = digest.clone().finish() == expected.digest;
            }
        }
        self.digest = digest.finish();
        Ok(())
    }
}

impl Look<'_> {
    fn open(self, source: &RevocationSource) -> io::Result<(File, Stamp)> {
        let max_len = self.max_len;
        let (mut file, metadata) = stamp::open(self.path)?;
        let stamp = Stamp::new(&metadata);
        if stamp.len > max_len {
            return Err(io::Error::other(format!("expected at most {max_len} bytes, found {}", stamp.len)));
        }
        if source.shared.store.len_of(source.state.id) > 0 && is_empty(&mut file, stamp.len)? {
            // A program truncates the file, or a full disk cuts it. It must not withdraw everything.
            return Err(io::Error::other("the file is empty; an empty line would withdraw all entries"));
        }
        Ok((file, stamp))
    }
}

/// Returns whether a file has nothing but a byte order mark.
fn is_empty(file: &mut File, len: u64) -> io::Result<bool> {
    if len > BYTE_ORDER_MARK.len() as u64 {
        return Ok(false);
    }
    let mut all = Vec::new();
    file.by_ref().take(BYTE_ORDER_MARK.len() as u64 + 1).read_to_end(&mut all)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(all.is_empty() || all == BYTE_ORDER_MARK)
}

#[cfg(test)]
mod tests;
