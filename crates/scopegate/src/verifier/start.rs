//! The start of a verifier whose keys are fetched, with one background task for each issuer.

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

/// Maximum number of first fetches at the same time, so that hundreds of issuers don't open
/// hundreds of connections at once. Each fetch has a time limit, so unresponsive issuers delay the
/// others for seconds only.
const MAX_CONCURRENT_STARTS: usize = 32;

impl VerifierBuilder {
    /// Starts the verifier, and waits for the first fetch of each issuer that the
    /// [start policy](Self::start_policy) demands.
    ///
    /// Keys are fetched by one background task for each issuer, until the last clone of the
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
                let names = verifier.select_issuers(&names)?;
                fetching.retain(|issuer| names.contains(&issuer.issuer.as_str()));
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
