//! Polls a transmitter for security event tokens (RFC 8936): the settings, and the start.

pub(super) mod exchange;
mod task;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::url::SecureUrl;
use tokio::runtime::Handle;

use crate::background::abort_on_drop::AbortOnDrop;
use crate::config_error::ConfigError;
use crate::fetch::authorization::FetchAuthorization;
use crate::revocation::freshness::check_max_feed_age;
use crate::revocation::source::RevocationSource;
use crate::security_events::poll::exchange::PollEndpoint;
use crate::security_events::poll::task::PollTask;
use crate::security_events::receiver::Receiver;
use crate::verifier::Verifier;

/// The settings of one transmitter.
#[derive(Clone, Debug)]
pub(super) struct Polling {
    pub(super) endpoint: Option<String>,
    pub(super) authorization: Option<FetchAuthorization>,
    pub(super) interval: Duration,
    pub(super) max_feed_age: Option<Duration>,
}

impl Default for Polling {
    fn default() -> Self {
        Self { endpoint: None, authorization: None, interval: Duration::from_secs(5), max_feed_age: None }
    }
}

impl Polling {
    /// Checks the settings. Returns the endpoint of a transmitter that is polled.
    pub(super) fn endpoint(&self, verifier: &Verifier) -> Result<Option<PollEndpoint>, ConfigError> {
        let intervals = Duration::from_millis(100)..=Duration::from_secs(3_600);
        ConfigError::check_range("poll interval", self.interval, intervals, "100 ms to 1 h")?;
        let Some(url) = &self.endpoint else {
            if self.authorization.is_some() || self.max_feed_age.is_some() {
                return Err(out_of_range("poll endpoint", "a URL", "none".to_owned()));
            }
            return Ok(None);
        };
        check_max_feed_age(self.max_feed_age, self.interval)?;
        let url = SecureUrl::parse(url).map_err(|error| ConfigError::invalid_url("poll endpoint", error))?;
        if self.authorization.as_ref().is_some_and(FetchAuthorization::has_empty_path) {
            let (expected, found) = ("the path of a token file", String::new());
            return Err(ConfigError::InvalidName { setting: "poll authorization", expected, found });
        }
        let client = verifier.http_client(&url)?;
        Ok(Some(PollEndpoint { client, url, authorization: self.authorization.clone() }))
    }

    /// Polls in the background. The source is not ready before the first success.
    pub(super) fn start(
        &self,
        endpoint: PollEndpoint,
        source: RevocationSource,
        receiver: &Arc<Receiver>,
        runtime: &Handle,
    ) -> AbortOnDrop {
        let source = source.with_initial_sync();
        let source = match self.max_feed_age {
            Some(limit) => source.with_max_feed_age(limit),
            None => source,
        };
        let task = PollTask::new(endpoint, source, Arc::downgrade(receiver), self.interval);
        AbortOnDrop(runtime.spawn(task.run()).abort_handle())
    }
}

fn out_of_range(setting: &'static str, expected: &'static str, found: String) -> ConfigError {
    ConfigError::OutOfRange { setting, expected, found }
}

#[cfg(test)]
mod tests;
