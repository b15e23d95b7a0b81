//! A log of this thread at `INFO` that drops its events.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// The log. It ends when this is dropped.
pub(crate) struct Log(Option<DefaultGuard>);

impl Log {
    pub(crate) fn start() -> Self {
        Self(Some(set_default(Dropped(LevelFilter::INFO))))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.take();
        // The level of the process is computed for each new subscriber, and not when one ends.
        drop(Dispatch::new(Dropped(LevelFilter::OFF)));
    }
}

struct Dropped(LevelFilter);

impl Subscriber for Dropped {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.0
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
