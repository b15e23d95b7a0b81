//! `[revocations]`: files of revoked tokens, which the service follows.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use scopegate::{Clock, ConfigError, RevocationFile, Revocations, SystemClock};

use crate::config::beside::Beside;
use crate::config::problem::Problems;
use crate::config::reader::Reader;
use crate::config::trial;

/// Maximum number of files.
const MAX_FILES: usize = 16;
/// Maximum number of entries, as [`RevocationsBuilder`](scopegate::RevocationsBuilder) has it.
const MAX_CAPACITY: usize = 1 << 24;

/// The files of revoked tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevocationSettings {
    files: Vec<PathBuf>,
    max_feed_age: Option<Duration>,
    capacity: Option<usize>,
}

/// Reads the table.
pub(super) fn read(
    mut table: Reader<'_>,
    beside: &Beside,
    problems: &mut Problems<'_>,
) -> Option<RevocationSettings> {
    let before = problems.len();
    if !table.has("file") {
        problems.add(&table.span, "expected the key `file`, found none");
    }
    let texts = table.one_or_more("file", problems);
    let age = table.value_span("max_feed_age_secs");
    let max_feed_age = table.seconds("max_feed_age_secs", problems);
    let capacity = table.number("capacity", 1..=MAX_CAPACITY, problems);
    table.finish(problems);
    let texts = texts?;
    if let Some(further) = texts.get(MAX_FILES) {
        problems.add(&further.span, format_args!("expected at most {MAX_FILES} files, found more"));
    }
    for text in texts.iter().filter(|text| text.text.is_empty()) {
        problems.add(&text.span, "expected the path of a file, found none");
    }
    if problems.len() > before {
        return None;
    }
    let files: Vec<(PathBuf, Range<usize>)> =
        texts.into_iter().map(|text| (beside.path(text.text), text.span)).collect();
    let settings = RevocationSettings {
        files: files.iter().map(|(path, _)| path.clone()).collect(),
        max_feed_age,
        capacity,
    };
    for (path, span) in &files {
        if files.iter().filter(|(other, _)| other == path).count() > 1 {
            problems.add(span, "expected each file once");
        } else {
            beside.followed(path, span, problems);
        }
    }
    if problems.len() == before
        && let Err(error) = trial::aside(|| settings.follow_lazy(SystemClock).map(drop))
    {
        problems.add(&age.unwrap_or(table.span), error);
    }
    (problems.len() == before).then_some(settings)
}

impl RevocationSettings {
    /// Follows the files. Returns when each was read.
    ///
    /// # Errors
    /// Returns [`ConfigError::RevocationsNotRead`] if one cannot be read.
    pub(crate) async fn follow(&self, clock: impl Clock) -> Result<Revocations, ConfigError> {
        let revocations = self.empty(clock);
        for file in self.files() {
            revocations.follow_file(file).await?;
        }
        Ok(revocations)
    }

    /// Follows the files, and reads none of them yet.
    fn follow_lazy(&self, clock: impl Clock) -> Result<Revocations, ConfigError> {
        let revocations = self.empty(clock);
        self.files().try_for_each(|file| revocations.follow_file_lazy(file))?;
        Ok(revocations)
    }

    fn empty(&self, clock: impl Clock) -> Revocations {
        let builder = Revocations::builder().clock(clock);
        match self.capacity {
            Some(entries) => builder.capacity(entries).build(),
            None => builder.build(),
        }
    }

    fn files(&self) -> impl Iterator<Item = RevocationFile> {
        self.files.iter().map(|path| {
            let file = RevocationFile::new(path);
            match self.max_feed_age {
                Some(limit) => file.max_feed_age(limit),
                None => file,
            }
        })
    }
}
