//! The background task that polls a transmitter until its receiver is dropped.

use std::mem;
use std::sync::Weak;
use std::time::Duration;

use scopegate_proto::backoff::{Backoff, jitter};
use tokio::time::{Instant, sleep};

use crate::background::catch_panic::{catch_panic, ignore_panic};
use crate::revocation::source::RevocationSource;
use crate::security_events::error::SecurityEventError;
use crate::security_events::poll::exchange::{Exchange, Polled, Results};
use crate::security_events::poll::waiting::WaitingSets;
use crate::security_events::receiver::Receiver;
use crate::security_events::report_error;
use crate::telemetry::log_limit::LogLimit;

/// The pause before a poll that reports results or gets further SETs. It bounds the load that a
/// transmitter can cause.
const PAUSE: Duration = Duration::from_millis(100);

const JITTER: f64 = 0.1;

/// At most as many warnings are logged in 10 s. A response may have 256 events.
const MAX_WARNINGS: u32 = 10;

pub(super) struct PollTask<E> {
    endpoint: E,
    source: RevocationSource,
    /// The task ends with its receiver.
    receiver: Weak<Receiver>,
    interval: Duration,
    backoff: Backoff,
    results: Results,
    waiting: WaitingSets,
    warnings: LogLimit,
}

/// The results of the SETs of one response that are not final.
#[derive(Default)]
struct Unprocessed {
    /// Why SETs cannot be processed now.
    failure: Option<String>,
    /// Why SETs wait for a fetch of the keys, and how long.
    unconfirmed: Option<(String, Duration)>,
}

impl<E: Exchange> PollTask<E> {
    pub(super) fn new(
        endpoint: E,
        source: RevocationSource,
        receiver: Weak<Receiver>,
        interval: Duration,
    ) -> Self {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        let (results, waiting) = (Results::default(), WaitingSets::default());
        let warnings = LogLimit::new(MAX_WARNINGS);
        Self { endpoint, source, receiver, interval, backoff, results, waiting, warnings }
    }

    pub(super) async fn run(mut self) {
        loop {
            // Callbacks, subscribers and recorders are the application's. Their panic must not end the task.
            let attempt = match catch_panic(self.attempt()).await {
                Ok(attempt) => attempt,
                Err(message) => Err(format!("polling panicked: {message}")),
            };
            let wait = match attempt {
                Ok(longest) => {
                    self.backoff.reset();
                    let regular = self.interval.mul_f64(jitter(JITTER, fastrand::f64()));
                    longest.map_or(regular, |longest| longest.min(regular))
                }
                Err(reason) => {
                    ignore_panic(|| self.source.failed(reason));
                    self.backoff.next_delay(fastrand::f64())
                }
            };
            sleep(wait).await;
        }
    }

    /// Polls once. Returns the longest time until the next poll, if it should follow sooner than a
    /// regular one.
    async fn attempt(&mut self) -> Result<Option<Duration>, String> {
        let polled = self.endpoint.poll(&self.results).await.map_err(|error| error.to_string())?;
        // The transmitter has them now.
        self.results = Results::default();
        let Polled { sets, more_available } = polled;
        // Held until the end, so that a dropped receiver reports its end after this success.
        let Some(receiver) = self.receiver.upgrade() else { return Ok(None) };
        let Unprocessed { failure, unconfirmed } = self.process(&receiver, sets).await;
        // They come again, and leave the same room for others.
        self.results.held = self.waiting.held();
        self.source.held(self.waiting.held());
        if let Some(reason) = failure {
            return Err(reason);
        }
        // Results should arrive soon. If SETs wait, a poll at once would get the same ones.
        let mut longest = if !self.results.is_empty() || (more_available && self.waiting.is_empty()) {
            Some(PAUSE)
        } else {
            None
        };
        match unconfirmed {
            Some((reason, retry_after)) => {
                self.source.failed(reason);
                longest = longest.or(Some(retry_after));
            }
            None if !more_available => self.source.synced(),
            None => {}
        }
        Ok(longest)
    }

    /// Revokes by each SET, and notes its result. The transmitter sends a SET again that gets none.
    async fn process(&mut self, receiver: &Receiver, sets: Vec<(String, Option<String>)>) -> Unprocessed {
        let (before, now) = (mem::take(&mut self.waiting), Instant::now());
        let mut unprocessed = Unprocessed::default();
        for (id, set) in sets {
            let Some(set) = set else {
                self.results.reject_malformed(id);
                continue;
            };
            let arrived = before.arrival(&id).unwrap_or(now);
            let Err(error) = receiver.receive(set.as_bytes(), arrived).await else {
                self.results.acknowledge(id);
                continue;
            };
            if !before.is_held(&id) || !matches!(error, SecurityEventError::UnpublishedKey { .. }) {
                report_error(&error, self.warnings.allows_one());
            }
            match (error.retry_after(), &error) {
                (Some(_), SecurityEventError::UnpublishedKey { .. }) => self.waiting.hold(id, arrived),
                (Some(retry_after), SecurityEventError::UnconfirmedKey { .. }) => {
                    unprocessed.unconfirmed = Some((error.to_string(), retry_after));
                    self.waiting.add(id, arrived);
                }
                (Some(_), _) => {
                    unprocessed.failure = Some(error.to_string());
                    self.waiting.add(id, arrived);
                }
                (None, _) => self.results.reject(id, &error),
            }
        }
        unprocessed
    }
}

/// Reports the end of the task with its runtime. If the receiver is gone, the application has ended
/// it.
impl<E> Drop for PollTask<E> {
    fn drop(&mut self) {
        if self.receiver.strong_count() > 0 {
            ignore_panic(|| self.source.failed("the task that polls it has ended"));
        }
    }
}
