//! The settings of a receiver of security events.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "fetch")]
use tokio::runtime::Handle;

use crate::config_error::ConfigError;
#[cfg(feature = "fetch")]
use crate::security_events::poll::Polling;
#[cfg(feature = "fetch")]
use crate::security_events::poll::exchange::PollEndpoint;
use crate::security_events::receiver::Receiver;
use crate::security_events::transmitter::Transmitter;
use crate::security_events::{Running, SecurityEvents};
use crate::verifier::Verifier;

/// Builds [`SecurityEvents`]. Get one from [`SecurityEvents::builder`].
#[must_use = "a builder does nothing until start()"]
pub struct SecurityEventsBuilder {
    verifier: Verifier,
    transmitters: Vec<Transmitter>,
    token_lifetime: Option<Duration>,
}

impl SecurityEventsBuilder {
    pub(super) fn new(verifier: &Verifier) -> Self {
        Self { verifier: verifier.clone(), transmitters: Vec::new(), token_lifetime: None }
    }

    /// Trusts a transmitter.
    pub fn transmitter(mut self, transmitter: Transmitter) -> Self {
        self.transmitters.push(transmitter);
        self
    }

    /// Sets the longest lifetime of the access tokens that are revoked. An entry is removed when
    /// all of its tokens have expired.
    ///
    /// Default: entries stay until the process ends, because a SET does not contain the `exp` of a
    /// token. Range: 1 s–366 days. A value that is too short makes revoked tokens valid again.
    pub fn longest_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = Some(lifetime);
        self
    }

    /// Starts the receiver. It fetches the transmitters' keys in the background.
    ///
    /// # Errors
    /// - Returns [`ConfigError::OutOfRange`] if there is no transmitter, if the verifier has no
    ///   [revocations](crate::VerifierBuilder::revocations), or if a setting is invalid.
    /// - Returns [`ConfigError::DuplicateIssuer`] if two transmitters have the same name, and
    ///   [`ConfigError::OutOfRange`] if another receiver of these revocations has the transmitter.
    /// - Returns [`ConfigError::InvalidUrl`] for a poll endpoint without TLS, and
    ///   [`ConfigError::NoRuntime`] if a transmitter is polled and the verifier was created by
    ///   [`build`](crate::VerifierBuilder::build).
    /// - Returns [`ConfigError::KeysRequireRuntime`] if keys have to be fetched and the verifier was
    ///   created by [`build`](crate::VerifierBuilder::build).
    /// - Returns the errors of [`VerifierBuilder::start`](crate::VerifierBuilder::start) for the
    ///   transmitter's issuer.
    pub fn start(self) -> Result<SecurityEvents, ConfigError> {
        self.check()?;
        let Self { verifier, transmitters, token_lifetime } = self;
        #[cfg(feature = "fetch")]
        let polled = polled(&transmitters, &verifier)?;
        let rules = transmitters.into_iter().map(Transmitter::into_rules).collect::<Result<_, _>>()?;
        let receiver = Arc::new(Receiver::new(&verifier, rules, token_lifetime)?);
        #[cfg(feature = "fetch")]
        let polls = polled.into_iter().filter_map(|Polled { name, polling, endpoint, runtime }| {
            Some(polling.start(endpoint, receiver.source(&name)?, &receiver, &runtime))
        });
        #[cfg(feature = "fetch")]
        let polls = polls.collect();
        Ok(SecurityEvents(Arc::new(Running {
            receiver,
            #[cfg(feature = "fetch")]
            _polls: polls,
        })))
    }

    fn check(&self) -> Result<(), ConfigError> {
        const DAY: Duration = Duration::from_secs(24 * 3_600);
        if self.transmitters.is_empty() {
            return Err(out_of_range("transmitters", "at least one", "none".to_owned()));
        }
        let lifetime = self.token_lifetime.unwrap_or(DAY);
        if !(Duration::from_secs(1)..=366 * DAY).contains(&lifetime) {
            let found = format!("{} s", lifetime.as_secs_f64());
            return Err(out_of_range("longest token lifetime", "1 s to 366 days", found));
        }
        Ok(())
    }
}

/// A transmitter that is polled.
#[cfg(feature = "fetch")]
struct Polled {
    name: String,
    polling: Polling,
    endpoint: PollEndpoint,
    runtime: Handle,
}

#[cfg(feature = "fetch")]
fn polled(transmitters: &[Transmitter], verifier: &Verifier) -> Result<Vec<Polled>, ConfigError> {
    let mut polled = Vec::new();
    for transmitter in transmitters {
        let polling = transmitter.polling.clone();
        if let Some(endpoint) = polling.endpoint(verifier)? {
            let (name, runtime) = (transmitter.name().to_owned(), verifier.runtime()?);
            polled.push(Polled { name, polling, endpoint, runtime });
        }
    }
    Ok(polled)
}

fn out_of_range(setting: &'static str, expected: &'static str, found: String) -> ConfigError {
    ConfigError::OutOfRange { setting, expected, found }
}

impl fmt::Debug for SecurityEventsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityEventsBuilder")
            .field("transmitters", &self.transmitters)
            .finish_non_exhaustive()
    }
}
