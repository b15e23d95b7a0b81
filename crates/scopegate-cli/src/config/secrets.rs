//! Files with secrets that the configuration names.
//!
//! Their keys end in `_file`. They are read together with the configuration, so a changed secret is a
//! changed configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::config::contents;
use crate::config::problem::Problems;
use crate::config::reader::Text;

/// Maximum size of a file in bytes.
pub(super) const MAX_SECRET: usize = 64 * 1024;
/// Maximum number of files.
const MAX_FILES: usize = 2_000;

/// The contents of a file, without a line break at its end.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

/// The files, by their names in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Secrets(BTreeMap<String, Result<Secret, String>>);

impl Secret {
    /// Returns the secret. Don't show it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// Shows no secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secrets {
    /// Reads the files that a configuration names. A relative path begins at the folder of the
    /// configuration.
    pub(super) fn read(text: &str, file: &Path) -> Self {
        let mut secrets = Self::default();
        // Most files have no such key, and need not be parsed for it.
        if text.contains(SUFFIX) {
            let (table, _) = DeTable::parse_recoverable(text);
            secrets.read_table(table.get_ref(), file.parent().unwrap_or_else(|| Path::new("")));
        }
        secrets
    }

    fn read_table(&mut self, table: &DeTable<'_>, folder: &Path) {
        for (key, value) in table {
            match value.get_ref() {
                DeValue::String(name) if key.get_ref().ends_with(SUFFIX) && self.has_room_for(name) => {
                    self.0.insert(name.clone().into_owned(), secret(&folder.join(&**name)));
                }
                DeValue::Array(tables) => {
                    for table in tables.iter().filter_map(|table| table.get_ref().as_table()) {
                        self.read_table(table, folder);
                    }
                }
                _ => {}
            }
        }
    }

    /// Returns whether a file is still to be read.
    fn has_room_for(&self, name: &str) -> bool {
        self.0.len() < MAX_FILES && !self.0.contains_key(name)
    }

    /// Returns the secret in a file, and reports a file that has none at the place of its name.
    pub(super) fn get(&self, name: &Text<'_>, problems: &mut Problems<'_>) -> Option<&Secret> {
        let reason = match self.0.get(name.text) {
            Some(Ok(secret)) => return Some(secret),
            Some(Err(reason)) => reason.as_str(),
            None => "there are too many",
        };
        problems.add(&name.span, format_args!("{}: cannot read file: {reason}", name.text));
        None
    }
}

const SUFFIX: &str = "_file";

fn secret(path: &Path) -> Result<Secret, String> {
    let text = contents::read(path, MAX_SECRET).map_err(|error| error.to_string())?;
    if text.len() > MAX_SECRET {
        return Err(format!("expected at most {MAX_SECRET} bytes"));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let secret = line.strip_suffix('\r').unwrap_or(line);
    if secret.is_empty() { Err("it is empty".to_owned()) } else { Ok(Secret(secret.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("scopegate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn files_are_read_beside_the_configuration() {
        let folder = folder("secrets");
        for (name, text) in [("a", "one\n"), ("b", "two\r\n"), ("c", "three\n\n"), ("d", "\n")] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        std::fs::write(folder.join("long"), "x".repeat(MAX_SECRET + 1)).unwrap();
        std::fs::write(folder.join("longest"), "x".repeat(MAX_SECRET)).unwrap();
        let text = "a_file = \"a\"\n[[issuer]]\nb_file = \"b\"\nc_file = \"c\"\nd_file = \"d\"\n\
                    e_file = \"missing\"\nf_file = \"long\"\ng_file = \"longest\"\nother = \"a\"\n";
        let secrets = Secrets::read(text, &folder.join("scopegate.toml"));
        let found = |name: &str| secrets.0[name].as_ref().map(Secret::reveal).map_err(String::as_str);
        assert_eq!([found("a"), found("b"), found("c")], [Ok("one"), Ok("two"), Ok("three\n")]);
        assert_eq!(found("d"), Err("it is empty"));
        assert_eq!(found("long"), Err("expected at most 65536 bytes"));
        assert_eq!(found("longest").map(str::len), Ok(MAX_SECRET));
        assert!(found("missing").is_err());
        assert_eq!(secrets.0.len(), 7);
        assert!(!format!("{secrets:?}").contains("one"), "{secrets:?}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn number_of_files_is_bounded() {
        let lines = (0..=MAX_FILES).map(|number| format!("a{number}_file = \"{number}\"\n"));
        let text = lines.collect::<String>();
        let secrets = Secrets::read(&text, Path::new("missing/scopegate.toml"));
        assert_eq!(secrets.0.len(), MAX_FILES);
    }
}
