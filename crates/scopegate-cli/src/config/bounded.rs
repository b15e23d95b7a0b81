//! Text files of a bounded size.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a text. If it is longer than `max` bytes, it is cut to one byte more, so that the caller can
/// reject it.
pub(super) fn read(file: &Path, max: usize) -> io::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(max + 1).unwrap_or(u64::MAX);
    File::open(file).and_then(|open| open.take(limit).read_to_string(&mut text))?;
    Ok(text)
}
