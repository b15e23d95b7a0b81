//! The text of a file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::config::problem::{self, Problem};

/// The reason why a file has no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The message of the system.
    System(String),
    /// A byte at this place is not UTF-8.
    NotUtf8(Problem),
}

/// Reads a text. A longer text than the limit is cut, and still longer than the limit.
pub(super) fn read(file: &Path, max: usize) -> Result<String, Unreadable> {
    let bytes = bytes(file, max).map_err(|error| Unreadable::System(error.to_string()))?;
    if bytes.len() > max {
        // The cut may be inside of a character.
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).map_err(|error| Unreadable::NotUtf8(problem::not_utf8(&error)))
}

fn bytes(file: &Path, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max + 1).unwrap_or(u64::MAX);
    File::open(file).and_then(|open| open.take(limit).read_to_end(&mut bytes))?;
    Ok(bytes)
}

/// Shows ` cannot read file: …`, or `LINE:COLUMN: message`.
impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => write!(f, " cannot read file: {error}"),
            Self::NotUtf8(problem) => problem.fmt(f),
        }
    }
}
