//! The file itself: reading it, and the report of its mistakes.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::contents;
use crate::config::files::Files;
use crate::config::openapi::{self, Document};
use crate::config::problem::Problem;
use crate::config::secrets::Secrets;
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
    Unreadable(io::Error),
    Mistakes(Vec<Problem>),
}

/// Reads a configuration.
pub(crate) fn read(file: &Path) -> Result<Config, Invalid> {
    parse(file, &source(file)?)
}

/// The text of a configuration, and the files that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    text: String,
    files: Files,
}

/// Reads the text of a file, and the files that it names. A longer text than the limit is cut, and
/// then rejected by [`parse`].
pub(crate) fn source(file: &Path) -> Result<Source, Invalid> {
    let text = contents::read(file, MAX_FILE);
    let text = text.map_err(|error| Invalid { file: file.to_owned(), reason: Reason::Unreadable(error) })?;
    let document = openapi::path_of(&text, file).map(|path| {
        let text = contents::read(&path, MAX_DOCUMENT).map_err(|error| error.to_string());
        Document { text }
    });
    let files = Files { document, secrets: Secrets::read(&text, file) };
    Ok(Source { text, files })
}

/// Parses the texts of a file.
pub(crate) fn parse(file: &Path, source: &Source) -> Result<Config, Invalid> {
    Config::parse_with(&source.text, &source.files)
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
