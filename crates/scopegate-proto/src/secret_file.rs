//! Secrets in small files, which Kubernetes and others mount and replace while a program runs. The form of a
//! secret is checked elsewhere.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

/// Reads a small secret from a regular file. Returns one byte more than `limit` if the file is longer, so
/// that the caller notices it.
///
/// It blocks, and a network file system may block for long: call it where blocking is allowed. The
/// memory is wiped when the string is dropped, and no copy is left behind.
///
/// # Errors
/// Returns an error if the file cannot be read, is not a regular file, or is not UTF-8. No error contains
/// the content.
pub fn read(path: &Path, limit: usize) -> io::Result<Zeroizing<String>> {
    // Opening a pipe would block until it has a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("expected a regular file"));
    }
    let file = File::open(path)?;
    // Allocated once: a string that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(limit + 2));
    file.take(limit as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_file_is_read_up_to_one_byte_over_the_limit() {
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
