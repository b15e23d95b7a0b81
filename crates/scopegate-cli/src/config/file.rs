//! The file itself: reading it, and the report of its mistakes.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::config::problem::Problem;
use crate::config::settings::{Config, MAX_FILE};

/// The reason why a file has no configuration.
#[derive(Debug)]
pub(crate) struct Invalid {
    file: PathBuf,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Unreadable(io::Error),
    Mistakes(Vec<Problem>),
}

/// Reads a configuration.
pub(crate) fn read(file: &Path) -> Result<Config, Invalid> {
    parse(file, &text(file)?)
}

/// Reads the text of a file. A longer file than the limit is cut, and then rejected by
/// [`Config::parse`].
pub(crate) fn text(file: &Path) -> Result<String, Invalid> {
    let mut text = String::new();
    let limit = u64::try_from(MAX_FILE + 1).unwrap_or(u64::MAX);
    let read = File::open(file).and_then(|open| open.take(limit).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Invalid { file: file.to_owned(), reason: Reason::Unreadable(error) }),
    }
}

/// Parses the text of a file.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Config, Invalid> {
    Config::parse(text)
        .map_err(|problems| Invalid { file: file.to_owned(), reason: Reason::Mistakes(problems) })
}

/// Writes one line for each mistake: `FILE:LINE:COLUMN: message`.
impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.reason {
            Reason::Unreadable(error) => writeln!(f, "{file}: cannot read file: {error}"),
            Reason::Mistakes(problems) => {
                problems.iter().try_for_each(|problem| writeln!(f, "{file}:{problem}"))
            }
        }
    }
}

impl std::error::Error for Invalid {}
