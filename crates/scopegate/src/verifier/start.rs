//! Starts a verifier whose keys are fetched: one background task for each such issuer.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::error::config::ConfigError;
use crate::issuer::Issuer;
use crate::issuer::key_config::KeyConfig;
use crate::keys::Keys;
use crate::keys::fetch::endpoint::JwksEndpoint;
use crate::keys::fetch::transport::Transport;
use crate::keys::fetched::FetchedKeys;
use crate::keys::refresh::abort_on_drop::AbortOnDrop;
use crate::keys::refresh::error::Failure;
use crate::keys::refresh::task::{Progress, RefreshEndedGuard, RefreshTask};
use crate::verifier::Verifier;
use crate::verifier::builder::VerifierBuilder;
use crate::verifier::start_policy::StartPolicy;

/// Hundreds of issuers must not open hundreds of connections at once. Each fetch is bounded in time, so issuers that
/// do not respond hold up the others for seconds only.
const MAX_CONCURRENT_STARTS: usize = 32;

impl VerifierBuilder {
    /// Fetches the keys of the issuers, up to 32 of them at the same time, and keeps fetching them in one background task
    /// for each issuer until the last clone of the verifier is dropped. The tasks live on the runtime that this is
    /// called on: when it ends, keys are no longer fetched, and can be used until the stale limit.
    ///
    /// Waits for the first fetch of each issuer, or of those that [`start_policy`](Self::start_policy) names.
    ///
    /// # Errors
    /// [`ConfigError::KeysNotFetched`] when the keys of an issuer cannot be had that the start policy demands, so that
    /// a wrong address is found now and not by the first caller; [`ConfigError::NoRuntime`] outside of a Tokio runtime;
    /// any other [`ConfigError`] about settings that do not fit.
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
                let names = verifier.select_issuers(&names)?;
                fetching.retain(|issuer| names.contains(&issuer.issuer.as_str()));
            }
        }
        // All of them fetch already, so the slowest decides how long this takes.
        for issuer in &fetching {
            issuer.initial_fetch().await?;
        }
        Ok(verifier)
    }

    /// Returns at once and fetches the keys in the background: for a service that has to come up while its
    /// issuer is down. Requests wait for the first fetch while it is under way, at most 2 s. Until the keys are there,
    /// tokens are [`Error::KeysUnavailable`](crate::Error::KeysUnavailable) (503 on the wire). Otherwise like
    /// [`start`](Self::start).
    ///
    /// # Errors
    /// [`ConfigError::NoRuntime`] outside of a Tokio runtime; any other [`ConfigError`] about settings that do not
    /// fit.
    pub fn start_lazy(self) -> Result<Verifier, ConfigError> {
        Ok(self.spawn()?.0)
    }

    fn spawn(self) -> Result<(Verifier, Vec<Fetching>), ConfigError> {
        let (transport, mut fetching) = (Transport::new(&self.transport), Vec::new());
        let starts = Arc::new(Semaphore::new(MAX_CONCURRENT_STARTS));
        let (clock, refresh) = (Arc::clone(&self.clock), self.refresh);
        let verifier = self.build_with(|config, issuer| {
            let endpoint = endpoint(config, &transport)?;
            let runtime = Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
            let keys = Arc::new(FetchedKeys::new(refresh));
            let task = RefreshTask {
                issuer: Arc::clone(issuer),
                keys: Arc::clone(&keys),
                endpoint,
                accepted: Arc::new(config.policy.key_rules()),
                max_stale: refresh.max_stale,
                clock: Arc::clone(&clock),
                starts: Arc::clone(&starts),
                progress: Progress::default(),
                _ended: RefreshEndedGuard(Arc::clone(&keys)),
            };
            let task = AbortOnDrop(runtime.spawn(task.run()).abort_handle());
            fetching.push(Fetching { issuer: issuer.to_string(), keys: Arc::clone(&keys) });
            Ok((Keys::Fetched(keys), task))
        })?;
        Ok((verifier, fetching))
    }
}

fn endpoint(issuer: &Issuer, transport: &Transport) -> Result<JwksEndpoint, ConfigError> {
    let name = &issuer.identifier;
    // Static keys are not fetched.
    let url =
        issuer.fetched_url()?.ok_or_else(|| ConfigError::KeysRequireRuntime { issuer: name.clone() })?;
    if url.is_plain_network() {
        tracing::warn!(issuer = name, url = url.without_query(), "keys are fetched without TLS");
    }
    let endpoint = match issuer.keys {
        KeyConfig::Discovery(_) => JwksEndpoint::discovered(url, transport)?,
        _ => JwksEndpoint::known(url, transport)?,
    };
    Ok(endpoint.with_authorization(issuer.fetch.authorization.clone()))
}

/// An issuer whose first fetch is under way.
struct Fetching {
    issuer: String,
    keys: Arc<FetchedKeys>,
}

impl Fetching {
    async fn initial_fetch(&self) -> Result<(), ConfigError> {
        match self.keys.refresh().initial_fetch().await {
            Some(Failure { url, error }) => {
                let issuer = self.issuer.clone();
                Err(ConfigError::KeysNotFetched { issuer, url, source: Box::new(error) })
            }
            None => Ok(()),
        }
    }
}

/// Waits for the first success. If there is none, returns the first error.
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
