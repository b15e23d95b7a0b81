//! Opens a file of revocations without waiting, and notices by its metadata that it has changed.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// The metadata of a file. If it is the same, the content is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) len: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    identity: Identity,
}

/// No program can set these.
#[cfg(unix)]
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    number: u64,
    /// The number of its names.
    links: u64,
    /// The time of its last change.
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn new(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            identity: {
                use std::os::unix::fs::MetadataExt as _;
                Identity {
                    device: metadata.dev(),
                    number: metadata.ino(),
                    links: metadata.nlink(),
                    changed: (metadata.ctime(), metadata.ctime_nsec()),
                }
            },
        }
    }

    /// Returns whether the file has no name any more, and is open or mounted still. Its path leads
    /// to it, and the file that has replaced it is elsewhere.
    pub(crate) fn is_detached(&self) -> bool {
        #[cfg(unix)]
        let detached = self.identity.links == 0;
        #[cfg(not(unix))]
        let detached = false;
        detached
    }
}

/// Returns the metadata of a regular file.
pub(crate) fn metadata(path: &Path) -> io::Result<Metadata> {
    regular(std::fs::metadata(path)?)
}

/// Opens a regular file.
///
/// A pipe may take its place at any time, so the opened file is checked too. To open a pipe does
/// not wait for a writer.
pub(crate) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    if let Some(flag) = NON_BLOCKING {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flag);
    }
    let file = options.open(path)?;
    let metadata = regular(file.metadata()?)?;
    Ok((file, metadata))
}

fn regular(metadata: Metadata) -> io::Result<Metadata> {
    if metadata.is_file() { Ok(metadata) } else { Err(io::Error::other("expected a regular file")) }
}

/// `O_NONBLOCK`, which the standard library does not have. `None` on platforms with other numbers.
#[cfg(unix)]
const NON_BLOCKING: Option<i32> = if cfg!(all(
    any(target_os = "linux", target_os = "android"),
    not(any(
        target_arch = "mips",
        target_arch = "mips32r6",
        target_arch = "mips64",
        target_arch = "mips64r6",
        target_arch = "sparc",
        target_arch = "sparc64",
    )),
)) {
    Some(0o4000)
} else if cfg!(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
)) {
    Some(0x4)
} else {
    None
};

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;
    use std::time::Duration;
    use std::{fs, thread};

    use super::*;

    #[test]
    fn pipe_is_opened_without_waiting_and_rejected() {
        let path = std::env::temp_dir().join(format!("scopegate-pipe-{}", std::process::id()));
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(metadata(&path).unwrap_err().to_string(), "expected a regular file");
        let (sender, receiver) = mpsc::channel();
        let opened = path.clone();
        thread::spawn(move || sender.send(open(&opened).map(|_| ()).map_err(|error| error.to_string())));
        let result = receiver.recv_timeout(Duration::from_secs(60));
        fs::remove_file(&path).unwrap();
        assert_eq!(result.unwrap(), Err("expected a regular file".to_owned()));
    }
}
