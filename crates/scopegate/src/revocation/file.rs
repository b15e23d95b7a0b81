//! A file that feeds revocations: JSON lines that are read again when they change.

mod contents;
mod follower;
mod lines;
mod stamp;
mod task;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::background::abort_on_drop::AbortOnDrop;
use crate::background::catch_panic::ignore_panic;
use crate::config_error::ConfigError;
use crate::revocation::feed::FeedEndedGuard;
use crate::revocation::file::follower::{FollowError, Follower};
use crate::revocation::file::task::{FileTask, SLOW_AFTER};
use crate::revocation::freshness::check_max_feed_age;
use crate::revocation::source::RevocationSource;
use crate::revocation::{FILE_PREFIX, Revocations};

/// A file of revocations, one JSON object on each line. Pass it to
/// [`Revocations::follow_file`](crate::Revocations::follow_file).
///
/// ```json
/// {"iss":"https://issuer.example","jti":"5a1f","exp":1790000000}
/// {"iss":"https://issuer.example","sub":"user-1","not_before":1780000000}
/// {"iss":"https://issuer.example","client_id":"client-1","not_before":1780000000}
/// {"iss":"https://issuer.example","sid":"session-1"}
/// {"iss":"https://issuer.example","kid":"key-1"}
/// ```
///
/// Each line has `iss` and exactly one of `jti`, `sub`, `client_id`, `sid` and `kid`. `not_before`
/// is required for `sub` and `client_id`: tokens that were issued before or in this second are
/// revoked. Each line may have `exp`, the end of its last token: the entry ends 10 min later. Times
/// are seconds since 1970, and more than 0. Blank lines and a byte order mark are skipped. A line
/// has at most 16 KiB.
///
/// - The file is read again within 250 ms of a change. If it has only grown, only the new lines are
///   parsed.
/// - A removed line withdraws its entry as soon as the file is the same at two reads, or has only
///   grown for a minute.
/// - A malformed line is reported with its number, and costs no other line. While there is one,
///   nothing is withdrawn.
/// - If the file is missing, too large or cannot be read, all entries stay, and it is reported. The
///   same holds for an empty file that had lines before. An empty line withdraws all entries.
/// - A read that takes longer than 10 s is reported too, such as a read of a hung mount.
/// - If the file is replaced but its path leads to the old one, it is reported. That happens if a
///   single file is mounted into a container, so mount its directory.
///
/// Append to the file, or replace it by renaming another one. If you write it anew and pause between
/// lines for longer than the poll interval, the missing lines are withdrawn in between.
#[derive(Clone, Debug)]
#[must_use = "a file is followed by Revocations::follow_file"]
pub struct RevocationFile {
    path: PathBuf,
    poll_interval: Duration,
    max_bytes: u64,
    max_feed_age: Option<Duration>,
    /// A read that takes longer is reported.
    slow_after: Duration,
}

impl RevocationFile {
    /// Names the file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            poll_interval: Duration::from_millis(250),
            max_bytes: 256 * 1024 * 1024,
            max_feed_age: None,
            slow_after: SLOW_AFTER,
        }
    }

    /// Sets how often the file is looked at. Default: 250 ms. Range: 10 ms–1 min.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// Sets the largest size of the file. Default: 256 MiB, which is enough for 2,000,000 lines.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how long verification continues when the file can no longer be read. Afterwards each
    /// token is [`Error::RevocationsUnavailable`](crate::Error::RevocationsUnavailable) (503).
    ///
    /// Default: no limit. Range: 1 s–30 days, and at least twice the
    /// [poll interval](Self::poll_interval).
    pub fn max_feed_age(mut self, limit: Duration) -> Self {
        self.max_feed_age = Some(limit);
        self
    }
}

impl Revocations {
    /// Reads a file of revocations, and follows it in a background task until the last clone of
    /// this is dropped.
    ///
    /// The file is a source of its own, named `file:` and its path. Its task lives on the runtime that
    /// this is called on. If the future is dropped before it is ready, such as by a timeout, the file
    /// is not followed.
    ///
    /// ```
    /// use scopegate::{RevocationFile, Revocations};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let path = std::env::temp_dir().join(format!("scopegate-doc-{}.jsonl", std::process::id()));
    /// # std::fs::write(&path, "")?;
    /// # let _ = stringify! {
    /// let path = "/var/lib/orders/revoked.jsonl";
    /// # };
    /// let revocations = Revocations::new();
    /// revocations.follow_file(RevocationFile::new(&path)).await?;
    /// # std::fs::remove_file(&path)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::RevocationsNotRead`] if the file cannot be read now or within a
    /// minute, was removed while it is mounted, or has more entries than the store has room for.
    /// Then it is not followed. Malformed lines are no error: they are reported. Returns
    /// [`ConfigError::OutOfRange`] for a setting, and for a file that is followed already. Returns
    /// [`ConfigError::NoRuntime`] outside of a Tokio runtime.
    pub async fn follow_file(&self, file: RevocationFile) -> Result<(), ConfigError> {
        let path = file.path.display().to_string();
        let mut following = self.spawn(file)?;
        let error: Box<dyn std::error::Error + Send + Sync> = match (&mut following.first).await {
            Ok(Ok(())) => {
                self.keep(following);
                return Ok(());
            }
            Ok(Err(error)) => Box::new(error),
            Err(error) => Box::new(error),
        };
        Err(ConfigError::RevocationsNotRead { path, source: error })
    }

    /// Follows a file that may not be there yet. Otherwise like [`follow_file`](Self::follow_file).
    ///
    /// Until it was read once, [`Verifier::status`](crate::Verifier::status) is not ready. Tokens
    /// are accepted, or rejected with 503 if the file has a
    /// [`max_feed_age`](RevocationFile::max_feed_age).
    ///
    /// # Errors
    /// Returns [`ConfigError::OutOfRange`] for a setting, and for a file that is followed already.
    /// Returns [`ConfigError::NoRuntime`] outside of a Tokio runtime.
    pub fn follow_file_lazy(&self, file: RevocationFile) -> Result<(), ConfigError> {
        self.keep(self.spawn(file)?);
        Ok(())
    }

    fn spawn(&self, file: RevocationFile) -> Result<Following, ConfigError> {
        file.check()?;
        let runtime = Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
        let name = format!("{FILE_PREFIX}{}", file.path.display());
        let source =
            self.source_named(&name).map_err(|error| out_of_range("sources", "fewer", error.to_string()))?;
        let Some(follower) = source.state.follow() else {
            let path = file.path.display().to_string();
            return Err(out_of_range("revocation file", "each file once", path));
        };
        let source = source.with_initial_sync();
        let source = match file.max_feed_age {
            Some(limit) => source.with_max_feed_age(limit),
            None => source,
        };
        let (sender, first) = oneshot::channel();
        let task = FileTask {
            file: Arc::new(file),
            shared: Arc::downgrade(&self.0),
            state: Arc::clone(&source.state),
            follower: Some(Follower::default()),
            first: Some(sender),
            _ended: FeedEndedGuard::of_task(&source, follower),
        };
        let task = AbortOnDrop(runtime.spawn(task.run()).abort_handle());
        Ok(Following { unless_kept: AbandonGuard(Some((source, follower))), task, first })
    }

    /// Follows the file until the store is dropped.
    fn keep(&self, mut following: Following) {
        following.unless_kept.0 = None;
        self.0.adding.lock().unwrap_or_else(PoisonError::into_inner).push(following.task);
    }
}

/// A file whose first read is under way.
struct Following {
    /// First, because the end of a task is no failure of a source that was abandoned.
    unless_kept: AbandonGuard,
    task: AbortOnDrop,
    first: oneshot::Receiver<Result<(), FollowError>>,
}

/// Abandons the source if the file is not followed: its first read has failed, or the caller has
/// stopped waiting for it.
struct AbandonGuard(Option<(RevocationSource, u64)>);

impl Drop for AbandonGuard {
    fn drop(&mut self) {
        if let Some((source, follower)) = self.0.take() {
            // The recorder of metrics is the application's.
            ignore_panic(|| source.abandon(follower));
        }
    }
}

impl RevocationFile {
    fn check(&self) -> Result<(), ConfigError> {
        let intervals = Duration::from_millis(10)..=Duration::from_secs(60);
        ConfigError::check_range("poll interval", self.poll_interval, intervals, "10 ms to 1 min")?;
        check_max_feed_age(self.max_feed_age, self.poll_interval)?;
        if self.path == Path::new("") {
            return Err(out_of_range("revocation file", "a path", "none".to_owned()));
        }
        Ok(())
    }
}

fn out_of_range(setting: &'static str, expected: &'static str, found: String) -> ConfigError {
    ConfigError::OutOfRange { setting, expected, found }
}

#[cfg(test)]
mod tests;
