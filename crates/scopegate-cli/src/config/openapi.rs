//! `openapi`: the routes of an OpenAPI document.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::config::problem::Problems;
use crate::config::public_url::PublicUrl;
use crate::config::reader::Text;
use crate::config::text::Unreadable;
use crate::openapi;
use crate::routes::route::Route;
use crate::routes::table::Table;

/// An OpenAPI document beside the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    pub(super) text: Result<String, Unreadable>,
}

#[cfg(fuzzing)]
impl Document {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: Ok(text.to_owned()) }
    }
}

/// Returns the path of the document that a configuration names. A relative path begins at the file.
pub(super) fn path_of(text: &str, file: &Path) -> Option<PathBuf> {
    // Most files have no such key, and need not be parsed for it.
    if !text.contains("openapi") {
        return None;
    }
    let (table, _) = DeTable::parse_recoverable(text);
    match table.get_ref().get("openapi")?.get_ref() {
        DeValue::String(name) => Some(file.parent().unwrap_or_else(|| Path::new("")).join(&**name)),
        _ => None,
    }
}

/// Returns the routes of the document at the host of `public_url`.
pub(super) fn routes(
    name: &Text<'_>,
    document: Option<&Document>,
    public_url: &PublicUrl,
    max: usize,
    known: &mut Table<()>,
    problems: &mut Problems<'_>,
) -> Vec<Route> {
    let mut report = |message: std::fmt::Arguments<'_>| add(name, &name.span, message, problems);
    let text = match document.map(|document| &document.text) {
        Some(Ok(text)) => text,
        Some(Err(error)) => {
            report(format_args!("{error}"));
            return Vec::new();
        }
        None => {
            report(format_args!(" cannot read file"));
            return Vec::new();
        }
    };
    let operations = match openapi::read(text, public_url.prefix()) {
        Ok(operations) => operations,
        Err(mistakes) => {
            for mistake in mistakes {
                report(format_args!("{mistake}"));
            }
            return Vec::new();
        }
    };
    let host = public_url.host();
    let mut routes = Vec::new();
    for openapi::Operations { path, methods, place } in operations {
        if routes.len() == max {
            report(format_args!("{place}: expected at most {max} paths, found more"));
            break;
        }
        if let Err(error) = known.insert(host, &path, ()) {
            report(format_args!(
                "{place}: expected another path than that of an earlier one, found {path:?}: {error}"
            ));
        }
        routes.push(Route { hosts: vec![host.to_owned()], path, methods });
    }
    routes
}

/// Adds a mistake in the document at the place of its name.
fn add(name: &Text<'_>, span: &Range<usize>, message: std::fmt::Arguments<'_>, problems: &mut Problems<'_>) {
    problems.add(span, format_args!("{}:{message}", name.text.escape_debug()));
}
