//! The contents of a file of bounded size.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads at most one byte more than the limit.
pub(super) fn read(file: &Path, max: usize) -> io::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(max + 1).unwrap_or(u64::MAX);
    File::open(file).and_then(|open| open.take(limit).read_to_string(&mut text))?;
    Ok(text)
}
