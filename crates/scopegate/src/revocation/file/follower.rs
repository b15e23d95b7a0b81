//! Makes the entries of a source the entries of a file at each call. It knows no runtime.
//!
//! - An added line is effective at once.
//! - A removed line is withdrawn when the file was the same twice, because a program may be writing
//!   it anew. A file that grows at each look is being written anew, or is a log. It is taken for a log
//!   after a minute.
//! - While a line is malformed, nothing is withdrawn: it may be the line of any entry.
//! - If the file cannot be read, all entries stay.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::revocation::error::RevocationError;
use crate::revocation::file::contents::{Contents, Look, Malformed, Reading};
use crate::revocation::file::stamp::{self, Stamp};
use crate::revocation::issuers::MAX_LISTED;
use crate::revocation::source::RevocationSource;

/// A program that writes the file anew for longer has to rename it.
const GROWN_LONG_ENOUGH: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Follower {
    contents: Option<Contents>,
    /// Since when the file has only grown. It has to be the same at the next call, before lines
    /// that are gone are withdrawn.
    unconfirmed: Option<Instant>,
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
    /// Its path leads to a file that was replaced or removed.
    Detached,
    /// The read has not ended after this time.
    Slow(Duration),
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
            Self::Slow(time) => write!(f, "reading takes longer than {} s", time.as_secs_f64()),
            Self::Detached => f.write_str(
                "the file was removed or replaced, but is still mounted; mount its directory instead",
            ),
        }
    }
}

impl std::error::Error for FollowError {}

impl Follower {
    /// Reads the changes. Blocks.
    pub(crate) fn poll(&mut self, look: Look<'_>, source: &RevocationSource) -> Result<(), FollowError> {
        let (store, now) = (&source.shared.store, source.shared.clock.now().into());
        store.sweep_a_little(now);
        // Ended lines are not stored in a crowded store. If the clock was ahead, they have not ended.
        let lacks_entries = store.lacks_entries(source.state.id, || now);
        let had_unfinished_line = self.has_unfinished_line();
        let is_first = self.contents.is_none();
        let had_entries = self.contents.is_some() || store.len_of(source.state.id) > 0;
        let reading = if lacks_entries || (self.not_stored.is_some() && store.has_room(now)) {
            Contents::read_whole(look, &mut self.contents, source)?
        } else {
            Contents::read(look, &mut self.contents, source)?
        };
        if is_first && self.contents.as_ref().is_some_and(Contents::is_empty) {
            tracing::warn!(source = source.name(), "file of revocations is empty, so none is effective");
        }
        match (reading, self.unconfirmed) {
            (Reading::Current | Reading::Unchanged, Some(_)) => self.confirm(look, source)?,
            (Reading::Current | Reading::Unchanged, None) => {}
            (Reading::Appended(lines), since) => {
                if had_unfinished_line || self.has_unfinished_line() {
                    self.unconfirmed = since.or(Some(look.at));
                }
                self.not_stored = source.add(lines).err().or(self.not_stored);
                if since.is_some_and(|since| look.at.duration_since(since) >= GROWN_LONG_ENOUGH) {
                    self.confirm(look, source)?;
                }
            }
            (Reading::Whole(lines), _) => {
                // Entries may be there already if the reader of the file had to begin anew.
                if had_entries || self.has_unfinished_line() {
                    self.unconfirmed = Some(look.at);
                }
                store.forget_removed(source.state.id);
                self.not_stored = source.add(lines).err();
            }
        }
        self.report(source);
        if let Some(error) = self.not_stored {
            return Err(FollowError::NotStored(error));
        }
        // A file that was replaced after it was opened has no name either, but its path has another file.
        let is_detached = self.contents.as_ref().is_some_and(|contents| contents.stamp.is_detached());
        if is_detached && Stamp::new(&stamp::metadata(look.path)?).is_detached() {
            return Err(FollowError::Detached);
        }
        Ok(())
    }

    /// Withdraws lines that are gone, if the file is the same once more, or has only grown for long
    /// enough: no program is writing it anew.
    fn confirm(&mut self, look: Look<'_>, source: &RevocationSource) -> Result<(), FollowError> {
        let before = self.contents.clone();
        let Reading::Whole(lines) = Contents::read_whole(look, &mut self.contents, source)? else {
            return Ok(());
        };
        let Some(contents) = &self.contents else { return Ok(()) };
        let has_grown_long = contents.has_grown
            && self.unconfirmed.is_some_and(|since| look.at.duration_since(since) >= GROWN_LONG_ENOUGH);
        let is_confirmed = has_grown_long || before.is_some_and(|before| contents.is_same(&before));
        let is_malformed = contents.malformed.count > 0 || contents.unfinished.is_some();
        self.unconfirmed = match self.unconfirmed {
            // The next look may find the last line complete.
            since if has_grown_long && contents.unfinished.is_some() => since,
            _ if is_confirmed => None,
            _ => Some(look.at),
        };
        let stored = if is_confirmed && !is_malformed { source.replace(lines) } else { source.add(lines) };
        self.not_stored = stored.err();
        Ok(())
    }

    fn has_unfinished_line(&self) -> bool {
        self.contents.as_ref().is_some_and(|contents| contents.unfinished.is_some())
    }

    /// Logs the malformed lines that were not logged before.
    fn report(&mut self, source: &RevocationSource) {
        let Some(contents) = &self.contents else { return };
        source.name_issuers(contents.issuers.clone());
        source.report_untrusted();
        let mut malformed = contents.malformed.clone();
        // Otherwise the line may be being written.
        if let (None, Some((line, error))) = (self.unconfirmed, &contents.unfinished) {
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
