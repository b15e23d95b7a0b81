//! The start of a verifier whose keys are fetched, with one background task for each key set.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;

use crate::config_error::ConfigError;
use crate::fetch::transport::Transport;
use crate::issuer::trusted::TrustedIssuer;
use crate::keys::refresh::error::Failure;
use crate::keys::set::JwksError;
use crate::verifier::Verifier;
use crate::verifier::builder::VerifierBuilder;
use crate::verifier::builder::start_policy::StartPolicy;
use crate::verifier::trust::factory::MemberFactory;
use crate::verifier::trust::key_sources::KeySources;

impl VerifierBuilder {
    /// Starts the verifier, and waits for the first fetch of each issuer that the
    /// [start policy](Self::start_policy) demands.
    ///
    /// Keys are fetched by one background task for each key set, until the last clone of the
    /// verifier is dropped. Up to 32 first fetches run at the same time. The tasks live on the
    /// runtime of this call. When that runtime ends, keys are no longer fetched and can be used
    /// until the stale limit.
    ///
    /// # Errors
    /// Returns
    ///
    /// - [`ConfigError::KeysNotFetched`] if the first fetch of an issuer fails and the start policy
    ///   demands its keys. A wrong URL is then found at the start, before the first request.
    /// - [`ConfigError::NoRuntime`] if it is called outside of a Tokio runtime.
    /// - another [`ConfigError`] if a setting is invalid.
    pub async fn start(self) -> Result<Verifier, ConfigError> {
        let policy = self.start_policy.clone();
        let (verifier, mut fetching) = self.spawn()?;
        match policy {
            StartPolicy::All => {}
            StartPolicy::Any if fetching.len() == verifier.issuers().count() => {
                first_of(&fetching).await?;
                return Ok(verifier);
            }
            // Static keys are available already.
            StartPolicy::Any => return Ok(verifier),
            StartPolicy::Issuers(names) => {
                let names = verifier.trusted().snapshot().select_declared(&names)?;
                fetching.retain(|fetching| names.iter().any(|name| **name == *fetching.issuer.identifier));
            }
        }
        // All fetches run already, so this takes as long as the slowest.
        for issuer in &fetching {
            issuer.initial_fetch().await?;
        }
        Ok(verifier)
    }

    /// Like [`start`](Self::start), but returns at once and fetches the keys in the background. Use
    /// it for a service that must start while its issuer is down.
    ///
    /// Requests wait for the first fetch while it is under way, at most 2 s. Until keys are
    /// available, verification fails with
    /// [`Error::KeysUnavailable`](crate::Error::KeysUnavailable), which is HTTP 503.
    ///
    /// # Errors
    /// Returns [`ConfigError::NoRuntime`] if it is called outside of a Tokio runtime, and another
    /// [`ConfigError`] if a setting is invalid.
    pub fn start_lazy(self) -> Result<Verifier, ConfigError> {
        Ok(self.spawn()?.0)
    }

    fn spawn(self) -> Result<(Verifier, Vec<Fetching>), ConfigError> {
        let (transport, clock) = (Transport::new(&self.transport), Arc::clone(&self.clock));
        let sources = KeySources::new(transport, clock, self.refresh);
        let factory = MemberFactory::new(self.leeway, Some((sources, Handle::try_current().ok())));
        let verifier = self.build_with(factory)?;
        let fetching = |issuer: &Arc<TrustedIssuer>| {
            issuer.keys.fetched().is_some().then(|| Fetching { issuer: Arc::clone(issuer) })
        };
        let fetching = verifier.trusted().issuers().iter().filter_map(fetching).collect();
        Ok((verifier, fetching))
    }
}

/// An issuer whose first fetch is under way.
struct Fetching {
    issuer: Arc<TrustedIssuer>,
}

impl Fetching {
    async fn initial_fetch(&self) -> Result<(), ConfigError> {
        let keys = &self.issuer.keys;
        let failure = match keys.fetched() {
            Some(source) => source.refresh().initial_fetch().await,
            None => None,
        };
        let issuer = self.issuer.identifier.to_string();
        if let Some(Failure { url, error }) = failure {
            return Err(ConfigError::KeysNotFetched { issuer, url, source: Box::new(error) });
        }
        // Each key of the set may be another issuer's.
        match keys.read_all(|set| set.is_empty().then(|| set.skipped().to_vec())).flatten() {
            Some(skipped) => {
                let source = Box::new(JwksError::NoneUsable(skipped));
                Err(ConfigError::KeysNotFetched { issuer, url: String::from("its key set"), source })
            }
            None => Ok(()),
        }
    }
}

/// Waits for the first success. Returns the first error if every fetch fails.
async fn first_of(fetching: &[Fetching]) -> Result<(), ConfigError> {
    let mut waiting: Vec<_> = fetching.iter().map(|issuer| Box::pin(issuer.initial_fetch())).collect();
    let (mut succeeded, mut first_error) = (false, None);
    poll_fn(|context| {
        waiting.retain_mut(|issuer| match issuer.as_mut().poll(context) {
            Poll::Ready(Ok(())) => {
                succeeded = true;
                false
            }
            Poll::Ready(Err(error)) => {
                first_error.get_or_insert(error);
                false
            }
            Poll::Pending => true,
        });
        match first_error.take_if(|_| waiting.is_empty()) {
            _ if succeeded => Poll::Ready(Ok(())),
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    })
    .await
}
