//! The background task that polls a transmitter until its receiver is dropped.

use std::sync::Weak;
use std::time::Duration;

use scopegate_proto::backoff::{Backoff, jitter};
use tokio::time::sleep;

use crate::keys::refresh::catch_panic::{catch_panic, ignore_panic};
use crate::revocation::source::RevocationSource;
use crate::security_events::poll::exchange::{PollEndpoint, Polled, Results};
use crate::security_events::receiver::Receiver;

/// The pause before a poll that reports results or gets further SETs. It bounds the load that a
/// transmitter can cause.
const PAUSE: Duration = Duration::from_millis(100);

const JITTER: f64 = 0.1;

pub(super) struct PollTask {
    endpoint: PollEndpoint,
    source: RevocationSource,
    /// The task ends with its receiver.
    receiver: Weak<Receiver>,
    interval: Duration,
    backoff: Backoff,
    results: Results,
}

impl PollTask {
    pub(super) fn new(
        endpoint: PollEndpoint,
        source: RevocationSource,
        receiver: Weak<Receiver>,
        interval: Duration,
    ) -> Self {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        Self { endpoint, source, receiver, interval, backoff, results: Results::default() }
    }

    pub(super) async fn run(mut self) {
        loop {
            // Callbacks, subscribers and recorders are the application's. Their panic must not end the task.
            let attempt = match catch_panic(self.attempt()).await {
                Ok(attempt) => attempt,
                Err(message) => Err(format!("polling panicked: {message}")),
            };
            let wait = match attempt {
                Ok(has_more) => {
                    self.backoff.reset();
                    let regular = self.interval.mul_f64(jitter(JITTER, fastrand::f64()));
                    if has_more { PAUSE.min(regular) } else { regular }
                }
                Err(reason) => {
                    ignore_panic(|| self.source.failed(reason));
                    self.backoff.next_delay(fastrand::f64())
                }
            };
            sleep(wait).await;
        }
    }

    /// Polls once. Returns whether another poll should follow at once.
    async fn attempt(&mut self) -> Result<bool, String> {
        let polled = self.endpoint.poll(&self.results).await.map_err(|error| error.to_string())?;
        // The transmitter has them now.
        self.results = Results::default();
        let Polled { sets, more_available } = polled;
        let has_results = !sets.is_empty();
        self.process(sets).await?;
        if !more_available {
            self.source.synced();
        }
        Ok(more_available || has_results)
    }

    /// Revokes by each SET, and notes its result. Returns the reason if a SET cannot be processed
    /// now. The transmitter sends it again, because it gets no result.
    async fn process(&mut self, sets: Vec<(String, Option<String>)>) -> Result<(), String> {
        let mut unprocessed = None;
        for (id, set) in sets {
            let Some(receiver) = self.receiver.upgrade() else { return Ok(()) };
            let Some(set) = set else {
                self.results.reject_malformed(id);
                continue;
            };
            match receiver.receive(set.as_bytes()).await {
                Ok(_) => self.results.acknowledge(id),
                Err(error) if error.retry_after().is_some() => unprocessed = Some(error.to_string()),
                Err(error) => self.results.reject(id, &error),
            }
        }
        unprocessed.map_or(Ok(()), Err)
    }
}

/// Reports the end of the task with its runtime. If the receiver is gone, the application has ended
/// it.
impl Drop for PollTask {
    fn drop(&mut self) {
        if self.receiver.strong_count() > 0 {
            ignore_panic(|| self.source.failed("the task that polls it has ended"));
        }
    }
}
