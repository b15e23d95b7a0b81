//! The file itself: reading it, and the report of its mistakes.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::config::beside::Beside;
use crate::config::openapi::{self, Document};
use crate::config::problem::{Needed, Problem, Unavailable};
use crate::config::settings::{Config, MAX_FILE};
use crate::config::text::{self, Unreadable};
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

/// Reads a configuration.
pub(crate) fn read(file: &Path) -> Result<Config, Invalid> {
    parse(file, &source(file))
}

/// The text of a configuration, with the contents of the files that it names. A file that cannot be read
/// is a source too, so that a reload sees it like any other change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    text: Result<String, Unreadable>,
    document: Option<Document>,
    beside: Beside,
}

/// Reads the text of a file, and the files that it names.
pub(crate) fn source(file: &Path) -> Source {
    let text = text::read(file, MAX_FILE);
    let path = text.as_ref().ok().and_then(|text| openapi::path_of(text, file));
    let document = path.map(|path| Document { text: text::read(&path, MAX_DOCUMENT) });
    let beside = text.as_ref().map(|text| Beside::of(text, file)).unwrap_or_default();
    Source { text, document, beside }
}

/// Parses the texts of a file. The configuration may lack secrets, which it lists.
fn parse(file: &Path, source: &Source) -> Result<Config, Invalid> {
    let invalid = |reason| Invalid { file: file.to_owned(), reason };
    let text = source.text.as_ref().map_err(|error| invalid(Reason::Unreadable(error.clone())))?;
    Config::parse_with(text, source.document.as_ref(), &source.beside)
        .map_err(|problems| invalid(Reason::Mistakes(problems)))
}

/// Parses the texts of a file for a service that runs, or that starts. It needs the secrets.
pub(crate) fn parse_whole(file: &Path, source: &Source, is_start: bool) -> Result<Config, Invalid> {
    let config = parse(file, source)?;
    let needed = |unavailable: &&Unavailable| is_start || unavailable.needed == Needed::Always;
    let problems: Vec<Problem> =
        config.unavailable.iter().filter(needed).map(|unavailable| unavailable.problem.clone()).collect();
    if problems.is_empty() {
        return Ok(config);
    }
    Err(Invalid { file: file.to_owned(), reason: Reason::Mistakes(problems) })
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
