//! A log that a test can read.

use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// A log that a test can read. Clones share their text.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Captures the events of this thread up to `level` until the returned value is dropped.
    pub fn of_thread(level: LevelFilter) -> ThreadLog {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().with_max_level(level).with_ansi(false);
        let subscriber = subscriber.with_writer(log.clone()).finish();
        ThreadLog::start(log, &subscriber.into())
    }

    /// Captures the events of this thread like [`Log::of_thread`], but without their times, so that
    /// lines can be compared.
    pub fn of_thread_without_times(level: LevelFilter) -> ThreadLog {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().with_max_level(level).with_ansi(false).without_time();
        let subscriber = subscriber.with_writer(log.clone()).finish();
        ThreadLog::start(log, &subscriber.into())
    }

    /// Returns everything that was logged.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Returns everything that was logged since the last call.
    pub fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }

    /// Adds a line.
    pub fn note(&self, line: &str) {
        let mut bytes = self.0.lock().unwrap();
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The log of one thread. Created by [`Log::of_thread`].
#[derive(Debug)]
pub struct ThreadLog {
    log: Log,
    _second: Dispatch,
    _guard: DefaultGuard,
}

impl ThreadLog {
    fn start(log: Log, subscriber: &Dispatch) -> Self {
        // With a single subscriber, `tracing` would cache the interest of another test's thread, and
        // drop events here.
        let second = Dispatch::new(tracing_subscriber::fmt().finish());
        Self { log, _second: second, _guard: tracing::dispatcher::set_default(subscriber) }
    }
}

impl Deref for ThreadLog {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.log
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_up_to_the_level_are_captured() {
        let log = Log::of_thread(LevelFilter::INFO);
        tracing::info!(number = 7, "captured");
        tracing::debug!("left out");
        let text = log.text();
        assert!(text.contains("captured") && text.contains("number=7"), "{text}");
        assert!(!text.contains("left out"), "{text}");
    }

    #[test]
    fn lines_without_times_are_equal() {
        let log = Log::of_thread_without_times(LevelFilter::INFO);
        tracing::info!("captured");
        assert_eq!(log.text(), " INFO testkit::log::tests: captured\n");
    }

    #[test]
    fn take_leaves_no_text() {
        let log = Log::default();
        log.note("one");
        assert_eq!(log.take(), "one\n");
        log.note("two");
        assert_eq!((log.text(), log.take()), ("two\n".to_owned(), "two\n".to_owned()));
    }
}
