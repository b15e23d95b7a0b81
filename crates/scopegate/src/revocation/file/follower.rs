//! Makes the entries of a source the entries of a file at each call. It knows no runtime.
//!
//! - An added line is effective at once.
//! - A removed line is withdrawn when the file was the same twice, because a program may be writing
//!   it anew.
//! - While a line is malformed, nothing is withdrawn: it may be the line of any entry.
//! - If the file cannot be read, all entries stay.

use std::io;
use std::path::Path;

use crate::revocation::error::RevocationError;
use crate::revocation::file::contents::{Contents, Malformed, Reading};
use crate::revocation::source::{MAX_LISTED, RevocationSource};

#[derive(Default)]
pub(crate) struct Follower {
    contents: Option<Contents>,
    /// The file has to be the same at the next call, before lines that are gone are withdrawn.
    is_unconfirmed: bool,
    /// Why entries of the file are not stored.
    not_stored: Option<RevocationError>,
    /// The malformed lines that were logged.
    reported: Malformed,
}

/// Why the source is not complete.
#[derive(Debug)]
pub(crate) enum FollowError {
    Io(io::Error),
    NotStored(RevocationError),
}

impl From<io::Error> for FollowError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for FollowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => std::fmt::Display::fmt(error, f),
            Self::NotStored(error) => std::fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for FollowError {}

impl Follower {
    /// Reads the changes. Blocks.
    pub(crate) fn poll(
        &mut self,
        path: &Path,
        max_len: u64,
        source: &RevocationSource,
    ) -> Result<(), FollowError> {
        let (store, now) = (&source.shared.store, source.shared.clock.now().into());
        store.sweep_a_little(now);
        let is_first = self.contents.is_none();
        let retry = self.not_stored.is_some() && store.has_room(now);
        match Contents::read(path, max_len, retry, &mut self.contents, source)? {
            Reading::Unchanged if self.is_unconfirmed => self.confirm(path, max_len, source)?,
            Reading::Unchanged => {}
            Reading::Appended(placed) => {
                self.is_unconfirmed |= self.has_unfinished_line();
                if let Err(error) = source.add(placed) {
                    self.not_stored = Some(error);
                }
            }
            Reading::Whole(placed) => {
                // Entries may be there already if the reader of the file had to begin anew.
                self.is_unconfirmed |=
                    !is_first || store.len_of(source.state.id) > 0 || self.has_unfinished_line();
                self.not_stored = source.add(placed).err();
            }
        }
        self.report(source);
        self.not_stored.map_or(Ok(()), |error| Err(FollowError::NotStored(error)))
    }

    /// The file was the same twice, so no program is writing it.
    fn confirm(&mut self, path: &Path, max_len: u64, source: &RevocationSource) -> Result<(), FollowError> {
        let before = self.contents.take();
        let read = Contents::read(path, max_len, true, &mut self.contents, source);
        let (Ok(Reading::Whole(placed)), Some(contents)) = (&read, &self.contents) else {
            self.contents = before;
            return read.map(|_| ()).map_err(Into::into);
        };
        let is_same = before.is_some_and(|before| contents.is_same(&before));
        let is_malformed = contents.malformed.count > 0 || contents.unfinished.is_some();
        self.is_unconfirmed = !is_same;
        let placed = placed.clone();
        let stored = if is_same && !is_malformed { source.replace(placed) } else { source.add(placed) };
        self.not_stored = stored.err();
        Ok(())
    }

    fn has_unfinished_line(&self) -> bool {
        self.contents.as_ref().is_some_and(|contents| contents.unfinished.is_some())
    }

    /// Logs the malformed lines that were not logged before.
    fn report(&mut self, source: &RevocationSource) {
        let Some(contents) = &self.contents else { return };
        let mut malformed = contents.malformed.clone();
        // Otherwise the line may be being written.
        if let (false, Some((line, error))) = (self.is_unconfirmed, &contents.unfinished) {
            malformed.add(*line, error.clone());
        }
        if malformed == self.reported {
            return;
        }
        for (line, error) in &malformed.first {
            if !self.reported.first.contains(&(*line, error.clone())) {
                tracing::error!(source = source.name(), line, %error, "malformed revocation, line ignored");
            }
        }
        if malformed.count > MAX_LISTED {
            let (source, lines) = (source.name(), malformed.count);
            tracing::error!(source, lines, "many malformed revocations, the first 10 are logged");
        }
        let listed = malformed.first.iter().map(|(line, error)| format!("line {line}: {error}"));
        source.malformed(malformed.count, listed);
        self.reported = malformed;
    }
}

#[cfg(test)]
mod tests;
