//! An OpenAPI document as rules: which paths, methods and scopes does it have?
//!
//! A document with a part that the service cannot enforce is rejected as a whole.

mod document;
mod path;
mod security;
mod yaml;

use std::fmt;

use http::Method;

use crate::openapi::yaml::Node;
use crate::routes::access::Access;

/// Maximum size of a document in bytes.
pub(crate) const MAX_DOCUMENT: usize = 8 * 1024 * 1024;

/// Maximum number of mistakes that are listed.
const MAX_MISTAKES: usize = 50;

/// The methods of one path.
#[derive(Debug)]
pub(crate) struct Operations {
    /// The path in the syntax of routes, below the public URL.
    pub(crate) path: String,
    pub(crate) methods: Vec<(Method, Access)>,
    pub(crate) place: Place,
}

/// A place of the document. Line and column begin at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A mistake with its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) place: Place,
    pub(crate) message: String,
}

/// Reads the routes of a document below this prefix, in YAML or JSON.
///
/// # Errors
/// Returns the mistakes in the order of the document.
pub(crate) fn read(text: &str, prefix: &str) -> Result<Vec<Operations>, Vec<Mistake>> {
    let root = yaml::parse(text).map_err(|mistake| vec![mistake])?;
    let mut mistakes = Mistakes(Vec::new());
    let operations = document::read(&root, prefix, &mut mistakes);
    if mistakes.0.is_empty() { Ok(operations) } else { Err(mistakes.sorted()) }
}

/// The mistakes of one document.
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Adds a mistake at this place. Further ones than the limit are dropped.
    fn add(&mut self, place: Place, message: impl fmt::Display) {
        if self.0.len() < MAX_MISTAKES {
            self.0.push(Mistake { place, message: message.to_string() });
        }
    }

    fn expected(&mut self, node: &Node, expected: impl fmt::Display) {
        self.add(node.place, format_args!("expected {expected}, found {}", node.kind()));
    }

    fn sorted(mut self) -> Vec<Mistake> {
        self.0.sort_by_key(|mistake| (mistake.place.line, mistake.place.column));
        self.0
    }
}

/// Shows `LINE:COLUMN`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Shows `LINE:COLUMN: message`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

#[cfg(test)]
mod tests;
