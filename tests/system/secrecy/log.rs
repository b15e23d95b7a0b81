//! The log of the process and the messages of its panics, as a string that tests can read.

use std::panic;
use std::sync::LazyLock;
use std::thread;

use testkit::Log;
use tracing_subscriber::fmt::format::FmtSpan;

/// The log of the whole process at level `TRACE`.
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
