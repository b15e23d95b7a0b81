//! The file itself: reading it, and the report of its mistakes.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::config::openapi::{self, Document};
use crate::config::problem::{self, Problem};
use crate::config::settings::{Config, MAX_FILE};
use crate::openapi::MAX_DOCUMENT;

/// The reason why a file has no configuration.
#[derive(Debug)]
pub(crate) struct Invalid {
    file: PathBuf,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    /// There is no text.
    Unreadable(Unreadable),
    Mistakes(Vec<Problem>),
}

/// The reason why a file has no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The message of the system.
    System(String),
    /// A byte at this place is not UTF-8.
    NotUtf8(Problem),
}

/// Reads a configuration.
pub(crate) fn read(file: &Path) -> Result<Config, Invalid> {
    parse(file, &source(file))
}

/// The text of a configuration, and the OpenAPI document that it names. A file that cannot be read is a
/// source too, so that a reload sees it like any other change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    text: Result<String, Unreadable>,
    document: Option<Document>,
}

/// Reads the text of a file, and the document that it names.
pub(crate) fn source(file: &Path) -> Source {
    let text = text(file, MAX_FILE);
    let path = text.as_ref().ok().and_then(|text| openapi::path_of(text, file));
    let document = path.map(|path| Document { text: self::text(&path, MAX_DOCUMENT) });
    Source { text, document }
}

/// Reads a text. A longer text than the limit is cut, and still longer than the limit.
fn text(file: &Path, max: usize) -> Result<String, Unreadable> {
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

/// Parses the texts of a file.
pub(crate) fn parse(file: &Path, source: &Source) -> Result<Config, Invalid> {
    let invalid = |reason| Invalid { file: file.to_owned(), reason };
    let text = source.text.as_ref().map_err(|error| invalid(Reason::Unreadable(error.clone())))?;
    Config::parse_with(text, source.document.as_ref()).map_err(|problems| invalid(Reason::Mistakes(problems)))
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

/// Writes one line for each mistake: `FILE:LINE:COLUMN: message`.
impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.reason {
            Reason::Unreadable(error) => writeln!(f, "{file}:{error}"),
            Reason::Mistakes(problems) => {
                problems.iter().try_for_each(|problem| writeln!(f, "{file}:{problem}"))
            }
        }
    }
}

impl std::error::Error for Invalid {}
