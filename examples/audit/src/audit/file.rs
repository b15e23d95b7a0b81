//! The file: appended to, and reopened after a rotation. After a failed write, the next write
//! completes the line.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Lines that are written in order, also after a failure.
#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    /// Lines that are not completely written.
    pending: Vec<u8>,
    /// The number of bytes of these that are written.
    written: usize,
}

impl AuditFile {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = append_to(&path)?;
        Ok(Self { path, file, pending: Vec::new(), written: 0 })
    }

    pub(super) fn push(&mut self, line: &str) {
        self.pending.extend_from_slice(line.as_bytes());
    }

    /// Writes all lines. After an error, the next call continues where this one has ended.
    pub(super) fn write(&mut self) -> io::Result<()> {
        self.reopen_if_rotated();
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
    /// to the file that is open.
    fn reopen_if_rotated(&mut self) {
        let is_same = match (fs::metadata(&self.path), self.file.metadata()) {
            (Ok(at_path), Ok(open)) => identity(&at_path) == identity(&open),
            _ => false,
        };
        if is_same {
            return;
        }
        if let Ok(file) = append_to(&self.path) {
            self.file = file;
            // A line that was cut belongs into the new file as a whole.
            let done = self.pending.get(..self.written).unwrap_or_default();
            self.written = done.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        }
    }
}

fn append_to(path: &PathBuf) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Names of subjects are personal data.
        options.mode(0o600);
    }
    options.open(path)
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
mod tests {
    use super::*;

    #[test]
    fn cut_line_is_written_whole_after_rotation() -> io::Result<()> {
        let folder = std::env::temp_dir().join(format!("scopegate-audit-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let (path, old) = (folder.join("audit.jsonl"), folder.join("audit.jsonl.1"));
        let mut file = AuditFile::open(path.clone())?;
        file.push("first\n");
        file.push("second\n");
        // As after a write that has ended within the second line.
        file.file.write_all(b"first\nsec")?;
        file.written = 9;
        fs::rename(&path, &old)?;
        file.write()?;
        assert_eq!(
            (fs::read_to_string(&old)?, fs::read_to_string(&path)?),
            ("first\nsec".into(), "second\n".into())
        );

        file.push("third\n");
        file.file.write_all(b"thi")?;
        file.written = 3;
        file.write()?;
        assert_eq!(fs::read_to_string(&path)?, "second\nthird\n", "without rotation, the rest follows");
        fs::remove_dir_all(&folder)
    }
}
