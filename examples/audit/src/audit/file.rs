//! The file: appended to, and reopened after a rotation. After a failed write, the next write
//! completes the line.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Lines that are written in order, also after a failure.
#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    /// Lines that are not completely written.
    pending: Vec<u8>,
    /// The number of bytes of these that are written.
    written: usize,
    /// The file ended within a line when it was opened. An earlier process was killed then.
    ends_in_line: bool,
    /// The last attempt to open the path again has failed.
    is_at_old_file: bool,
    news: Option<News>,
}

/// A change that the operator should see.
#[derive(Debug)]
pub(super) enum News {
    /// The path leads to another file, or to none, and cannot be opened.
    NotReopened(io::Error),
    Reopened,
}

impl AuditFile {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let (file, ends_in_line) = append_to(&path)?;
        let (pending, written) = (Vec::new(), 0);
        Ok(Self { path, file, pending, written, ends_in_line, is_at_old_file: false, news: None })
    }

    /// Returns the change since the last call.
    pub(super) fn take_news(&mut self) -> Option<News> {
        self.news.take()
    }

    pub(super) fn push(&mut self, line: &str) {
        self.pending.extend_from_slice(line.as_bytes());
    }

    /// Writes all lines. After an error, the next call continues where this one has ended.
    pub(super) fn write(&mut self) -> io::Result<()> {
        self.reopen_if_rotated()?;
        if self.ends_in_line {
            // The half line becomes a line of its own, and the next one stays readable.
            self.file.write_all(b"\n")?;
            self.ends_in_line = false;
        }
        while let Some(rest) = self.pending.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.pending.clear();
        self.written = 0;
        Ok(())
    }

    /// Waits until the lines are on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.file.metadata()?.is_file() { self.file.sync_all() } else { Ok(()) }
    }

    /// Opens the path again if another file is there, or none. If it cannot be opened, the lines go
    /// to the file that is open. Returns an error if that file was deleted, because they would be
    /// lost.
    fn reopen_if_rotated(&mut self) -> io::Result<()> {
        let open = self.file.metadata();
        let is_same = match (fs::metadata(&self.path), &open) {
            (Ok(at_path), Ok(open)) => identity(&at_path) == identity(open),
            _ => false,
        };
        if is_same {
            self.note(None);
            return Ok(());
        }
        match append_to(&self.path) {
            Ok((file, ends_in_line)) => {
                (self.file, self.ends_in_line) = (file, ends_in_line);
                // A line that was cut belongs into the new file as a whole.
                let done = self.pending.get(..self.written).unwrap_or_default();
                self.written = done.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                self.note(None);
                Ok(())
            }
            Err(error) if is_deleted(&open?) => Err(error),
            Err(error) => {
                self.note(Some(error));
                Ok(())
            }
        }
    }

    fn note(&mut self, failure: Option<io::Error>) {
        let was_at_old_file = std::mem::replace(&mut self.is_at_old_file, failure.is_some());
        match failure {
            Some(error) if !was_at_old_file => self.news = Some(News::NotReopened(error)),
            None if was_at_old_file => self.news = Some(News::Reopened),
            _ => {}
        }
    }
}

/// Opens a file for appending. Also returns whether it ends within a line.
fn append_to(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Names of subjects are personal data.
        options.mode(0o600);
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    let has_lines = metadata.is_file() && metadata.len() > 0;
    let ends_in_line = has_lines && last_byte(path)? != b'\n';
    Ok((file, ends_in_line))
}

fn last_byte(path: &Path) -> io::Result<u8> {
    let (mut file, mut last) = (File::open(path)?, [0]);
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last[0])
}

/// Returns whether no name leads to the open file.
#[cfg(unix)]
fn is_deleted(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.nlink() == 0
}

/// Other systems keep the name of an open file.
#[cfg(not(unix))]
fn is_deleted(_: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> impl PartialEq + use<> {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> impl PartialEq + use<> {
    metadata.created().ok()
}

#[cfg(test)]
mod tests;
