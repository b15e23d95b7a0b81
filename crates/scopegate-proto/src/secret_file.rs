//! Reads secrets from small files, such as files that Kubernetes mounts and replaces at run time.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

/// Reads a small secret from a regular file.
///
/// If the file is longer than `limit` bytes, `read` returns `limit + 1` bytes, so that the caller
/// can reject it. The memory is wiped when the string is dropped, and no other copy remains.
///
/// This function blocks, possibly for long on a network file system. Call it where blocking is
/// allowed.
///
/// # Errors
/// Returns an error if the file cannot be read, is not a regular file, or is not UTF-8. No error
/// contains the content.
pub fn read(path: &Path, limit: usize) -> io::Result<Zeroizing<String>> {
    // Opening a named pipe would block until it has a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("expected a regular file"));
    }
    let file = File::open(path)?;
    // Allocated once, because a growing string leaves copies that are not wiped.
    let mut text = Zeroizing::new(String::with_capacity(limit + 2));
    file.take(limit as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_read_one_byte_past_limit() {
        // FR-A14, FR-D5
        let path = std::env::temp_dir().join(format!("scopegate-secret-{}", std::process::id()));
        for (content, expected) in [("", ""), ("a\n", "a\n"), ("abcd", "abcd"), ("abcdef", "abcde")] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read(&path, 4).unwrap().as_str(), expected);
        }
        std::fs::write(&path, b"s3cret\xff").unwrap();
        let error = read(&path, 100).unwrap_err();
        assert!(error.kind() == io::ErrorKind::InvalidData && !error.to_string().contains("s3cret"));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(&path, 4).unwrap_err().kind(), io::ErrorKind::NotFound);
        let directory = read(&std::env::temp_dir(), 4).unwrap_err();
        assert_eq!(directory.to_string(), "expected a regular file");
    }
}
