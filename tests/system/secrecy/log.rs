//! Everything that the process logs, and the messages of its panics, where a test can read them.

use std::io;
use std::panic;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// A log that a test can read.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

/// That of the whole process, at the most talkative level.
pub(crate) static EVERYTHING: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let (panics, usual) = (log.clone(), panic::take_hook());
    panic::set_hook(Box::new(move |panic| {
        panics.note(&format!("PANIC in {:?}: {panic}", thread::current().name()));
        usual(panic);
    }));
    log
});

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Adds what was seen elsewhere.
    pub(crate) fn note(&self, line: &str) {
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
