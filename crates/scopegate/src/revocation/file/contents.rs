//! Reads a file of revocations, and only its new lines if it has only grown.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::revocation::digest::{Digest, RunningDigest};
use crate::revocation::line::{LineError, MAX_LINE, parse};
use crate::revocation::source::{MAX_LISTED, RevocationSource};
use crate::revocation::store::Placed;

/// Times of files have a granularity. A file that changed so recently may change again without
/// another time.
const RACY: Duration = Duration::from_secs(2);

/// The lines that were read.
#[derive(Debug)]
pub(crate) enum Reading {
    /// The file is as it was.
    Unchanged,
    /// The lines that were there are unchanged. These follow.
    Appended(Vec<Placed>),
    /// All lines.
    Whole(Vec<Placed>),
}

/// The state of a file when it was read last.
#[derive(Debug)]
pub(crate) struct Contents {
    stamp: Stamp,
    read_at: SystemTime,
    /// Of the whole file.
    len: u64,
    digest: Digest,
    /// The part that ends with a line feed. The rest may be a line that is being written.
    complete_len: u64,
    complete_lines: usize,
    /// The malformed lines of that part: how many, and the first of them.
    pub(crate) malformed: Malformed,
    /// The line that may be being written, if it is malformed.
    pub(crate) unfinished: Option<(usize, LineError)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) count: usize,
    pub(crate) first: Vec<(usize, LineError)>,
}

/// The metadata of a file. If it is the same, the content is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    /// The device, the file's number on it, and the time of its last change, which no program can
    /// set.
    #[cfg(unix)]
    identity: (u64, u64, i64, i64),
}

impl Stamp {
    fn new(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            identity: {
                use std::os::unix::fs::MetadataExt as _;
                (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
            },
        }
    }
}

impl Stamp {
    /// When the content may have changed last.
    fn changed_at(&self) -> Option<SystemTime> {
        #[cfg(unix)]
        let changed =
            u64::try_from(self.identity.2).ok().map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        #[cfg(not(unix))]
        let changed = self.modified;
        self.modified.max(changed)
    }
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
        path: &Path,
        max_len: u64,
        whole: bool,
        before: &mut Option<Self>,
        source: &RevocationSource,
    ) -> io::Result<Reading> {
        // Opening a pipe would block until it has a writer.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("expected a regular file"));
        }
        let current = before.as_ref().filter(|before| !whole && before.is_current(&metadata));
        if current.is_some() {
            return Ok(Reading::Unchanged);
        }
        let file = File::open(path)?;
        let (stamp, read_at) = (Stamp::new(&file.metadata()?), SystemTime::now());
        if stamp.len > max_len {
            return Err(io::Error::other(format!("expected at most {max_len} bytes, found {}", stamp.len)));
        }
        if stamp.len == 0 && source.shared.store.len_of(source.state.id) > 0 {
            // A program truncates the file, or a full disk cuts it. It must not withdraw everything.
            return Err(io::Error::other("the file is empty; an empty line would withdraw all entries"));
        }
        let mut reader = BufReader::with_capacity(64 * 1024, file.take(max_len));
        if !whole
            && let Some(earlier) = before.as_mut()
            && let Some(begun) = earlier.begins(&mut reader, source)?
        {
            if stamp.len == earlier.len {
                (earlier.stamp, earlier.read_at) = (stamp, read_at);
                return Ok(Reading::Unchanged);
            }
            reader.get_mut().set_limit(max_len);
            reader.get_mut().get_mut().seek(SeekFrom::Start(earlier.complete_len))?;
            let mut reader = BufReader::with_capacity(64 * 1024, reader.into_inner());
            let mut next =
                Self { stamp, read_at, unfinished: None, malformed: earlier.malformed.clone(), ..*earlier };
            let placed = next.read_lines(&mut reader, begun, source)?;
            *before = Some(next);
            return Ok(Reading::Appended(placed));
        }
        reader.get_mut().set_limit(max_len);
        reader.get_mut().get_mut().seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(64 * 1024, reader.into_inner());
        let begun = source.shared.store.key.running();
        let mut next = Self {
            stamp,
            read_at,
            len: 0,
            digest: begun.clone().finish(),
            complete_len: 0,
            complete_lines: 0,
            malformed: Malformed::default(),
            unfinished: None,
        };
        let placed = next.read_lines(&mut reader, begun, source)?;
        *before = Some(next);
        Ok(Reading::Whole(placed))
    }

    /// Whether both files have the same lines.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    fn is_current(&self, metadata: &Metadata) -> bool {
        let stamp = Stamp::new(metadata);
        stamp == self.stamp
            && stamp
                .changed_at()
                .is_some_and(|at| self.read_at.duration_since(at).is_ok_and(|age| age > RACY))
    }

    /// Returns whether a file begins with all that this one has, as the digest of its complete
    /// lines.
    fn begins(
        &self,
        reader: &mut impl BufRead,
        source: &RevocationSource,
    ) -> io::Result<Option<RunningDigest>> {
        let mut digest = source.shared.store.key.running();
        let complete = hash(&mut digest, reader, self.complete_len)?;
        let begun = digest.clone();
        let all = complete && hash(&mut digest, reader, self.len - self.complete_len)?;
        Ok((all && digest.finish() == self.digest).then_some(begun))
    }

    /// Reads the lines that follow the complete ones.
    fn read_lines(
        &mut self,
        reader: &mut impl BufRead,
        mut digest: RunningDigest,
        source: &RevocationSource,
    ) -> io::Result<Vec<Placed>> {
        let (mut placed, mut line) = (Vec::new(), Vec::new());
        self.len = self.complete_len;
        loop {
            let read = read_line(reader, &mut line, &mut digest)?;
            self.len += read.len;
            if read.len == 0 {
                break;
            }
            let number = self.complete_lines + 1;
            let parsed = if read.len > MAX_LINE as u64 {
                Err(LineError::TooLong)
            } else if line.trim_ascii().is_empty() {
                Ok(None)
            } else {
                parse(&line).map(|target| Some(source.place(&target)))
            };
            match parsed {
                Ok(target) => placed.extend(target),
                Err(error) if read.is_complete => self.malformed.add(number, error),
                Err(error) => self.unfinished = Some((number, error)),
            }
            if read.is_complete {
                (self.complete_len, self.complete_lines) = (self.len, number);
            }
        }
        self.digest = digest.finish();
        Ok(placed)
    }
}

struct ReadLine {
    len: u64,
    /// It ends with a line feed.
    is_complete: bool,
}

/// Reads to the next line feed. Keeps at most one byte more than the longest line.
fn read_line(
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
fn hash(digest: &mut RunningDigest, reader: &mut impl BufRead, mut len: u64) -> io::Result<bool> {
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

#[cfg(test)]
mod tests;
