//! The files and environment variables that the configuration file names: secrets, and lists of tenants.

use std::collections::BTreeMap;
use std::env::VarError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scopegate_proto::secret_file;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use crate::config::problem::{Needed, Problems};
use crate::config::reader::Text;
use crate::config::text;

/// Maximum size of a secret in bytes. A key with its chain of certificates has some kilobytes.
const MAX_SECRET: usize = 64 * 1024;
/// Maximum number of secrets: two for each issuer.
const MAX_SECRETS: usize = 2_000;

/// The keys at the top of the file that name a secret.
const OF_SERVICE: [&str; 2] = ["dpop_nonce_key_file", "replay_store_password_file"];
/// The key of `[revocations]` that names a secret.
const OF_REVOCATIONS: &str = "redis_password_file";
/// The keys of `[issuer.introspection]` that name a secret.
const FILES: [&str; 3] = ["client_secret_file", "private_key_file", "certificate_file"];
const VARIABLES: [&str; 1] = ["client_secret_env"];
/// The key of `[[issuer]]` that names a list of tenants.
const LIST: &str = "tenants_file";
/// Maximum number of lists: one for each issuer.
const MAX_LISTS: usize = 1_000;
/// Maximum size of a list in bytes.
const MAX_LIST: usize = 1024 * 1024;

/// A secret. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretText(Arc<Zeroizing<String>>);

/// The result of reading a secret.
pub(super) enum Found {
    Secret(SecretText),
    /// It cannot be read here.
    Unavailable,
}

/// The reason why there is no secret. It never has the name of the place, which may be a secret that was
/// written there by mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unread {
    /// It cannot be read here. It may be readable on another machine.
    Here(String),
    /// It is no secret anywhere.
    Invalid(String),
}

/// The place of a secret, as the file names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    File(String),
    Variable(String),
}

/// The contents of the files and variables that a configuration names. Equal values have equal
/// contents. No other part of the configuration looks at this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// The folder of the file. `None` for a text that is no file: then no file is looked at.
    folder: Option<PathBuf>,
    /// Each secret, or the reason why it cannot be read here.
    secrets: BTreeMap<Place, Result<SecretText, Unread>>,
    /// Each list of tenants, or the reason why it cannot be read.
    lists: BTreeMap<String, Result<String, String>>,
}

impl SecretText {
    /// Removes line breaks at the end, which editors and `echo` add.
    fn new(text: &str) -> Self {
        Self(Arc::new(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
    }

    /// Reads a secret of a file.
    ///
    /// # Errors
    /// Returns the reason, without the name of the file.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        Self::of_file(file).map_err(|unread| match unread {
            Unread::Here(reason) | Unread::Invalid(reason) => reason,
        })
    }

    fn of_file(file: &Path) -> Result<Self, Unread> {
        let text = secret_file::read(file, MAX_SECRET).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => Unread::Invalid("the file is not UTF-8".to_owned()),
            _ => Unread::Here(format!("cannot read file: {error}")),
        })?;
        if text.len() > MAX_SECRET {
            return Err(Unread::Invalid(format!("the file has more than {MAX_SECRET} bytes")));
        }
        Ok(Self::new(&text))
    }

    /// Returns the secret, for the party that checks it only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "the file",
            Self::Variable(_) => "the environment variable",
        })
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Beside {
    /// Reads the files and variables that a configuration names. A relative path begins at the file.
    pub(super) fn of(text: &str, file: &Path) -> Self {
        let folder = file.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let mut beside = Self { folder: Some(folder), ..Self::default() };
        // Most files have no such key, and need not be parsed for it.
        if ["_file", "_env"].into_iter().any(|end| text.contains(end)) {
            let (table, _) = DeTable::parse_recoverable(text);
            let (places, lists) = named(table.get_ref());
            for place in places.into_iter().take(MAX_SECRETS) {
                let secret = beside.read_secret(&place);
                beside.secrets.insert(place, secret);
            }
            for name in lists.into_iter().take(MAX_LISTS) {
                let list = beside.read_list(&name);
                beside.lists.insert(name, list);
            }
        }
        beside
    }

    /// Returns the secret in a place that the file names. Reports it if it is empty, or cannot be read
    /// here.
    pub(super) fn secret(
        &self,
        place: &Place,
        name: &Text<'_>,
        problems: &mut Problems<'_>,
    ) -> Option<Found> {
        match self.read(place) {
            Err(Unread::Here(reason)) => {
                problems.defer(Needed::Always, &name.span, format_args!("no secret: {reason}"));
                Some(Found::Unavailable)
            }
            Err(Unread::Invalid(reason)) => {
                problems.add(&name.span, format_args!("expected a secret: {reason}"));
                None
            }
            Ok(secret) if secret.expose().trim().is_empty() => {
                problems.add(&name.span, format_args!("expected a secret: {place} is empty"));
                None
            }
            Ok(secret) => Some(Found::Secret(secret.clone())),
        }
    }

    /// Returns the secret in a file, as [`secret`](Self::secret).
    pub(super) fn secret_in_file(&self, name: &Text<'_>, problems: &mut Problems<'_>) -> Option<Found> {
        self.secret(&Place::File(name.text.to_owned()), name, problems)
    }

    /// Returns the path of a file that the verifier reads for each call. Reports a file that cannot be read
    /// here.
    pub(super) fn file_of_calls(&self, name: &Text<'_>, problems: &mut Problems<'_>) -> PathBuf {
        let path = self.path(name.text);
        if let Err(error) = self.look(|| secret_file::read(&path, MAX_SECRET).map(drop)) {
            problems.defer(Needed::AtStart, &name.span, format_args!("no secret: cannot read file: {error}"));
        }
        path
    }

    /// Reports a file that the service follows, if it is not here.
    pub(super) fn followed(&self, path: &Path, span: &Range<usize>, problems: &mut Problems<'_>) {
        if let Err(error) = self.look(|| path.metadata().map(drop)) {
            problems.defer(Needed::AtStart, span, format_args!("cannot read file: {error}"));
        }
    }

    fn look(&self, look: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.folder.is_some() { look() } else { Ok(()) }
    }

    fn read(&self, place: &Place) -> Result<&SecretText, Unread> {
        let found =
            self.secrets.get(place).ok_or_else(|| Unread::Invalid("there are too many".to_owned()))?;
        found.as_ref().map_err(Clone::clone)
    }

    /// Returns a list of tenants, or the reason why it cannot be read.
    pub(super) fn list(&self, name: &str) -> Result<&str, &str> {
        let found = self.lists.get(name).ok_or("there are too many")?;
        found.as_deref().map_err(String::as_str)
    }

    /// Returns the path of a file that the configuration names.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.as_deref().unwrap_or(Path::new("")).join(name)
    }

    fn read_list(&self, name: &str) -> Result<String, String> {
        let text = text::read(&self.path(name), MAX_LIST);
        let text = text.map_err(|error| error.to_string().trim_start().to_owned())?;
        if text.len() > MAX_LIST {
            return Err(format!("expected at most {MAX_LIST} bytes, found more"));
        }
        Ok(text)
    }

    fn read_secret(&self, place: &Place) -> Result<SecretText, Unread> {
        match place {
            Place::File(name) => SecretText::of_file(&self.path(name)),
            Place::Variable(name) => {
                if name.is_empty() || name.contains(['=', '\0']) {
                    return Err(Unread::Invalid("no environment variable has this name".to_owned()));
                }
                match std::env::var(name) {
                    Ok(text) => Ok(SecretText::new(&Zeroizing::new(text))),
                    Err(VarError::NotPresent) => {
                        Err(Unread::Here("the environment variable is not set".to_owned()))
                    }
                    Err(VarError::NotUnicode(_)) => {
                        Err(Unread::Invalid("the environment variable is not UTF-8".to_owned()))
                    }
                }
            }
        }
    }
}

#[cfg(fuzzing)]
impl Beside {
    /// Returns the contents of the places that a configuration names. Nothing is read.
    pub(crate) fn invented(text: &str, content: impl Fn(&str) -> Option<&'static str>) -> Self {
        let (table, _) = DeTable::parse_recoverable(text);
        let (places, lists) = named(table.get_ref());
        let secret = |place: Place| {
            let (Place::File(name) | Place::Variable(name)) = &place;
            let secret = content(name).map(SecretText::new);
            (place, secret.ok_or_else(|| Unread::Here("there is no such place".to_owned())))
        };
        let list = |name: String| {
            let list = content(&name).map(str::to_owned);
            (name, list.ok_or_else(|| "there is no such file".to_owned()))
        };
        let secrets = places.into_iter().take(MAX_SECRETS).map(secret).collect();
        let lists = lists.into_iter().take(MAX_LISTS).map(list).collect();
        Self { folder: None, secrets, lists }
    }
}

/// Returns the places of secrets, and the lists of tenants.
fn named(table: &DeTable<'_>) -> (Vec<Place>, Vec<String>) {
    let (mut places, mut lists) = (Vec::new(), Vec::new());
    places.extend(OF_SERVICE.iter().filter_map(|key| string(table, key)).map(Place::File));
    if let Some(DeValue::Table(revocations)) = table.get("revocations").map(Spanned::get_ref) {
        places.extend(string(revocations, OF_REVOCATIONS).map(Place::File));
    }
    let issuers = table.get("issuer").and_then(|value| value.get_ref().as_array());
    for issuer in issuers.into_iter().flat_map(|array| array.iter()) {
        let DeValue::Table(issuer) = issuer.get_ref() else { continue };
        lists.extend(string(issuer, LIST));
        let introspection = issuer.get("introspection").map(Spanned::get_ref);
        let Some(DeValue::Table(introspection)) = introspection else { continue };
        places.extend(FILES.iter().filter_map(|key| string(introspection, key)).map(Place::File));
        places.extend(VARIABLES.iter().filter_map(|key| string(introspection, key)).map(Place::Variable));
    }
    (places, lists)
}

fn string(table: &DeTable<'_>, key: &str) -> Option<String> {
    match table.get(key)?.get_ref() {
        DeValue::String(name) => Some(name.clone().into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_never_shown() {
        let secret = SecretText::new("s3cret\r\n");
        assert_eq!(secret.expose(), "s3cret");
        let place = Place::File("a".to_owned());
        let secrets = [(place, Ok(secret.clone()))].into();
        let beside = Beside { secrets, ..Beside::default() };
        for text in [format!("{secret:?}"), format!("{beside:?}")] {
            assert!(text.contains("[redacted]") && !text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn number_of_secrets_is_bounded() {
        let entry = |n: usize| format!("[[issuer]]\nintrospection = {{ client_secret_file = \"{n}\" }}\n");
        let text: String = (0..=MAX_SECRETS).map(entry).collect();
        let beside = Beside::of(&text, Path::new("missing/scopegate.toml"));
        assert_eq!(beside.secrets.len(), MAX_SECRETS);
        let last = Place::File(MAX_SECRETS.to_string());
        assert!(matches!(beside.read(&last), Err(Unread::Invalid(_))));
    }

    #[test]
    fn longest_secret_is_read() {
        let folder = std::env::temp_dir().join(format!("scopegate-cli-secret-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let text = "[[issuer]]\nintrospection = { client_secret_file = \"a\" }\n";
        for (length, is_read) in [(MAX_SECRET, true), (MAX_SECRET + 1, false)] {
            std::fs::write(folder.join("a"), "x".repeat(length)).unwrap();
            let beside = Beside::of(text, &folder.join("scopegate.toml"));
            assert_eq!(beside.read(&Place::File("a".to_owned())).is_ok(), is_read, "{length}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
