//! Starts a verifier whose keys are fetched: one background task for each such issuer.

use std::sync::Arc;

use scopegate_proto::url::SecureUrl;

use tokio::runtime::Handle;

use crate::error::config::ConfigError;
use crate::issuer::KeyConfig;
use crate::keys::Keys;
use crate::keys::fetch::endpoint::{JwksEndpoint, Transport};
use crate::keys::fetched::FetchedKeys;
use crate::keys::refresh::abort_on_drop::AbortOnDrop;
use crate::keys::refresh::handle::Failure;
use crate::keys::refresh::task::{RefreshEndedGuard, RefreshTask};
use crate::verifier::Verifier;
use crate::verifier::builder::VerifierBuilder;

impl VerifierBuilder {
    /// Fetches the keys of every issuer, all at the same time, and keeps fetching them in one background task
    /// for each issuer until the last clone of the verifier is dropped. The tasks live on the runtime that this is
    /// called on: when it ends, keys are no longer fetched, and can be used until the stale limit.
    ///
    /// # Errors
    /// [`ConfigError::KeysNotFetched`] when one issuer's keys cannot be had, so that a wrong address is found now and
    /// not by the first caller; [`ConfigError::NoRuntime`] outside of a Tokio runtime; any other
    /// [`ConfigError`] about settings that do not fit.
    pub async fn start(self) -> Result<Verifier, ConfigError> {
        let (verifier, fetching) = self.spawn()?;
        // All of them fetch already, so the slowest decides how long this takes.
        for Fetching { issuer, keys } in fetching {
            if let Some(Failure { url, error }) = keys.refresh().initial_fetch().await {
                return Err(ConfigError::KeysNotFetched { issuer, url, source: Box::new(error) });
            }
        }
        Ok(verifier)
    }

    /// Returns at once and fetches the keys in the background: for a service that has to come up while its
    /// issuer is down. Until an issuer's keys are there, its tokens are
    /// [`Error::KeysUnavailable`](crate::Error::KeysUnavailable) (503 on the wire). Otherwise like
    /// [`start`](Self::start).
    ///
    /// # Errors
    /// [`ConfigError::NoRuntime`] outside of a Tokio runtime; any other [`ConfigError`] about settings that do not
    /// fit.
    pub fn start_lazy(self) -> Result<Verifier, ConfigError> {
        Ok(self.spawn()?.0)
    }

    fn spawn(self) -> Result<(Verifier, Vec<Fetching>), ConfigError> {
        let (transport, mut fetching) = (Transport::new(), Vec::new());
        let (clock, refresh) = (Arc::clone(&self.clock), self.refresh);
        let verifier = self.build_with(|config, policy, issuer| {
            let endpoint = endpoint(config, issuer, &transport)?;
            let runtime = Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
            let keys = Arc::new(FetchedKeys::new(refresh));
            let task = RefreshTask {
                issuer: Arc::clone(issuer),
                keys: Arc::clone(&keys),
                endpoint,
                algorithms: policy.algorithms.as_slice().into(),
                max_stale: refresh.max_stale,
                clock: Arc::clone(&clock),
                _ended: RefreshEndedGuard(Arc::clone(&keys)),
            };
            let task = AbortOnDrop(runtime.spawn(task.run()).abort_handle());
            fetching.push(Fetching { issuer: issuer.to_string(), keys: Arc::clone(&keys) });
            Ok((Keys::Fetched(keys), task))
        })?;
        Ok((verifier, fetching))
    }
}

fn endpoint(
    config: KeyConfig,
    issuer: &Arc<str>,
    transport: &Transport,
) -> Result<JwksEndpoint, ConfigError> {
    match config {
        KeyConfig::JwksUri(url) => {
            let url = SecureUrl::parse(&url).map_err(|error| ConfigError::invalid_url("jwks_uri", error))?;
            JwksEndpoint::known(url, transport)
        }
        KeyConfig::Discovery(issuer) => JwksEndpoint::discovered(issuer, transport),
        // Static keys are not fetched.
        KeyConfig::Static(..) => Err(ConfigError::KeysRequireRuntime { issuer: issuer.to_string() }),
    }
}

/// An issuer whose first fetch is under way.
struct Fetching {
    issuer: String,
    keys: Arc<FetchedKeys>,
}
