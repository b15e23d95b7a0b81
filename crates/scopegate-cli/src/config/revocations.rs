//! `[revocations]`: the sources of revoked tokens, which the service follows.

pub(crate) mod error;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use scopegate::{Clock, RevocationFile, Revocations, SystemClock};
use scopegate_redis::{RedisError, RedisRevocations};

use crate::config::beside::Beside;
use crate::config::problem::Problems;
use crate::config::reader::{Reader, Text};
use crate::config::redis::Server;
use crate::config::revocations::error::NotFollowed;
use crate::config::trial;

/// Maximum number of files.
const MAX_FILES: usize = 16;
/// Maximum number of entries, as [`RevocationsBuilder`](scopegate::RevocationsBuilder) has it.
const MAX_CAPACITY: usize = 1 << 24;

/// The sources of revoked tokens: files, a Redis server, or both. Equal sources may have different
/// passwords, because only a restart replaces a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevocationSettings {
    files: Vec<PathBuf>,
    redis: Option<Shared>,
    max_feed_age: Option<Duration>,
    capacity: Option<usize>,
}

/// The revocations of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shared {
    server: Server,
    /// `None` for the default of the writers.
    key_prefix: Option<String>,
}

/// The places of values, for errors.
struct Spans {
    table: Range<usize>,
    age: Option<Range<usize>>,
    url: Option<Range<usize>>,
    key_prefix: Option<Range<usize>>,
}

/// Reads the table.
pub(super) fn read(
    mut table: Reader<'_>,
    beside: &Beside,
    problems: &mut Problems<'_>,
) -> Option<RevocationSettings> {
    let before = problems.len();
    if !table.has("file") && !table.has("redis") {
        problems.add(&table.span, "expected the key `file` or `redis`, found none of them");
    }
    let texts = table.one_or_more("file", problems).unwrap_or_default();
    let redis = shared(&mut table, beside, problems);
    let max_feed_age = table.seconds("max_feed_age_secs", problems);
    let capacity = table.number("capacity", 1..=MAX_CAPACITY, problems);
    table.finish(problems);
    check_names(&texts, problems);
    if problems.len() > before {
        return None;
    }
    let files: Vec<(PathBuf, Range<usize>)> =
        texts.into_iter().map(|text| (beside.path(text.text), text.span)).collect();
    let paths = files.iter().map(|(path, _)| path.clone()).collect();
    let settings = RevocationSettings { files: paths, redis, max_feed_age, capacity };
    for (path, span) in &files {
        if files.iter().filter(|(other, _)| other == path).count() > 1 {
            problems.add(span, "expected each file once");
        } else {
            beside.followed(path, span, problems);
        }
    }
    let tried = || trial::aside(|| settings.follow_lazy(SystemClock).map(drop));
    if problems.len() == before
        && let Err(error) = tried()
    {
        problems.add(Spans::of(&table).place(&error), error.reason());
    }
    (problems.len() == before).then_some(settings)
}

/// Reads the server.
fn shared(table: &mut Reader<'_>, beside: &Beside, problems: &mut Problems<'_>) -> Option<Shared> {
    let url = table.string("redis", problems);
    let file = table.string("redis_password_file", problems);
    let key_prefix = table.string("redis_key_prefix", problems);
    let Some(url) = url else {
        for detail in [&file, &key_prefix].into_iter().flatten() {
            problems.add(&detail.span, "expected `redis` with a URL beside it");
        }
        return None;
    };
    let server = Server::read(&url, file.as_ref(), "", beside, problems)?;
    Some(Shared { server, key_prefix: key_prefix.map(|text| text.text.to_owned()) })
}

fn check_names(texts: &[Text<'_>], problems: &mut Problems<'_>) {
    if let Some(further) = texts.get(MAX_FILES) {
        problems.add(&further.span, format_args!("expected at most {MAX_FILES} files, found more"));
    }
    for text in texts.iter().filter(|text| text.text.is_empty()) {
        problems.add(&text.span, "expected the path of a file, found none");
    }
}

impl Spans {
    fn of(table: &Reader<'_>) -> Self {
        Self {
            table: table.span.clone(),
            age: table.value_span("max_feed_age_secs"),
            url: table.value_span("redis"),
            key_prefix: table.value_span("redis_key_prefix"),
        }
    }

    /// Returns the place of the value with this mistake.
    fn place(&self, error: &NotFollowed) -> &Range<usize> {
        let place = match error {
            NotFollowed::File(_) | NotFollowed::Redis(RedisError::OutOfRange { setting: "feed age", .. }) => {
                &self.age
            }
            NotFollowed::Redis(RedisError::OutOfRange { setting: "key prefix", .. }) => &self.key_prefix,
            NotFollowed::Redis(_) => &self.url,
        };
        place.as_ref().unwrap_or(&self.table)
    }
}

impl RevocationSettings {
    /// Follows the sources. Returns when each was read.
    ///
    /// # Errors
    /// Returns an error if a source cannot be read now. Otherwise a restart would forget its revocations.
    pub(crate) async fn follow(&self, clock: impl Clock) -> Result<Revocations, NotFollowed> {
        let revocations = self.empty(clock);
        for file in self.files() {
            revocations.follow_file(file).await?;
        }
        if let Some(shared) = self.shared() {
            shared.follow(&revocations).await?;
        }
        Ok(revocations)
    }

    /// Follows the sources, and reads none of them yet.
    fn follow_lazy(&self, clock: impl Clock) -> Result<Revocations, NotFollowed> {
        let revocations = self.empty(clock);
        self.files().try_for_each(|file| revocations.follow_file_lazy(file))?;
        if let Some(shared) = self.shared() {
            shared.follow_lazy(&revocations)?;
        }
        Ok(revocations)
    }

    /// Returns whether the password of the server cannot be read here.
    pub(crate) fn lacks_secret(&self) -> bool {
        self.redis.as_ref().is_some_and(|shared| shared.server.lacks_secret())
    }

    /// Returns whether the password of the server differs from the earlier one.
    pub(crate) fn has_other_password_than(&self, earlier: &Self) -> bool {
        match (&self.redis, &earlier.redis) {
            (Some(new), Some(earlier)) => new.server.has_other_password_than(&earlier.server),
            _ => false,
        }
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

    fn shared(&self) -> Option<RedisRevocations> {
        let Shared { server, key_prefix } = self.redis.as_ref()?;
        let shared = RedisRevocations::new(&server.redis);
        let shared = match key_prefix {
            Some(prefix) => shared.key_prefix(prefix),
            None => shared,
        };
        Some(match self.max_feed_age {
            Some(limit) => shared.max_feed_age(limit),
            None => shared,
        })
    }
}
