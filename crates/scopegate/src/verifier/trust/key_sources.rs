//! The sources of fetched keys of one verifier, one for each key set.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use scopegate_proto::clock::Clock;
use scopegate_proto::http::HttpClient;
use scopegate_proto::url::FetchUrl;
use tokio::runtime::Handle;

use crate::background::abort_on_drop::AbortOnDrop;
use crate::config_error::ConfigError;
use crate::fetch::authorization::{AuthorizationId, FetchAuthorization};
use crate::fetch::permits::FetchPermits;
use crate::fetch::transport::Transport;
use crate::introspection::Introspection;
use crate::introspection::introspector::{Caller, Introspector};
use crate::introspection::responses::signed::ResponseSigner;
use crate::issuer::Issuer;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::trusted::TrustedIssuer;
use crate::keys::endpoint::{JwksEndpoint, http_client};
use crate::keys::fetched::FetchedKeys;
use crate::keys::refresh::schedule::RefreshConfig;
use crate::keys::refresh::task::{Progress, RefreshEndedGuard, RefreshTask};
use crate::keys::source::KeySource;
use crate::keys::users::{Use, Users};
use crate::status_list::task::ListClient;
use crate::telemetry::log_limit::IssuerLogLimit;
use crate::telemetry::metrics::issuer_label::IssuerLabel;
use crate::token::algorithm::Algorithm;

/// Starts a source's task for the first issuer that uses it. The task ends with the last such
/// issuer.
pub(in crate::verifier) struct KeySources {
    transport: Transport,
    clock: Arc<dyn Clock>,
    refresh: RefreshConfig,
    permits: Arc<FetchPermits>,
    /// Shared by the status lists of all issuers.
    lists: Arc<ListClient>,
    running: Mutex<RunningSources>,
}

/// The sources by their identity.
#[derive(Default)]
struct RunningSources {
    sources: HashMap<SourceId, Weak<KeySource>>,
    /// The number of sources at which ended sources are removed.
    sweep_at: usize,
}

/// The identity of a source. Issuers with equal identities share the source.
#[derive(Clone, PartialEq, Eq, Hash)]
struct SourceId {
    /// The URL is the issuer's, and not the key set's.
    by_metadata: bool,
    url: String,
    /// Keys for other algorithms are not prepared. Their order does not matter.
    algorithms: Vec<Algorithm>,
    authorization: Option<AuthorizationId>,
}

/// Minimum number of sources before ended sources are removed.
const MIN_SWEEP: usize = 64;

impl KeySources {
    pub(in crate::verifier) fn new(
        transport: Transport,
        clock: Arc<dyn Clock>,
        refresh: RefreshConfig,
    ) -> Self {
        let permits = Arc::new(FetchPermits::new());
        let lists = Arc::new(ListClient::new(transport.clone(), Arc::clone(&clock)));
        Self { transport, clock, refresh, permits, lists, running: Mutex::default() }
    }

    /// Creates the introspector of an issuer's tokens.
    pub(in crate::verifier) fn introspector(
        &self,
        introspection: &Introspection,
        issuer: &TrustedIssuer,
        signer: Option<ResponseSigner>,
        label: &IssuerLabel,
        runtime: Handle,
    ) -> Result<Arc<Introspector>, ConfigError> {
        let caller = Caller {
            issuer: Arc::clone(&issuer.identifier),
            label: label.clone(),
            leeway: issuer.leeway,
            clock: Arc::clone(&self.clock),
            runtime,
        };
        introspection.introspector(caller, signer, &self.transport)
    }

    pub(in crate::verifier) fn cooldown(&self) -> Duration {
        self.refresh.cooldown
    }

    pub(in crate::verifier) fn list_client(&self) -> Arc<ListClient> {
        Arc::clone(&self.lists)
    }

    pub(in crate::verifier) fn http_client(&self, url: &FetchUrl) -> Result<HttpClient, ConfigError> {
        self.transport.client(url).map_err(http_client)
    }

    /// Returns the source of the issuer's keys, and begins its use. If no issuer uses it yet, the
    /// first fetch is due at once.
    pub(in crate::verifier) fn get(
        &self,
        issuer: &Issuer,
        label: &IssuerLabel,
        log_limit: &Arc<IssuerLogLimit>,
        runtime: &Handle,
    ) -> Result<(Arc<KeySource>, Use), ConfigError> {
        let name = &issuer.identifier;
        // Static keys are not fetched.
        let url =
            issuer.fetched_url()?.ok_or_else(|| ConfigError::KeysRequireRuntime { issuer: name.clone() })?;
        let by_metadata = matches!(issuer.keys, KeyConfig::Discovery(_));
        let authorization = issuer.fetch.authorization.clone();
        let id = SourceId {
            by_metadata,
            url: url.written().to_owned(),
            algorithms: Algorithm::as_set(&issuer.policy.algorithms),
            authorization: authorization.as_ref().map(FetchAuthorization::id),
        };
        // No code that runs under this lock leaves the map half changed.
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let user: Arc<str> = name.as_str().into();
        if let Some(source) = running.sources.get(&id).and_then(Weak::upgrade) {
            let fetched_at = source.keys.state().history.last_success;
            let begun = Use::begin(&source.users, &user, label, fetched_at);
            return Ok((source, begun));
        }
        let endpoint = if by_metadata {
            JwksEndpoint::discovered(url, &self.transport)?
        } else {
            JwksEndpoint::known(url, &self.transport)?
        };
        let (keys, users) = (Arc::new(FetchedKeys::new(self.refresh)), Arc::<Users>::default());
        let begun = Use::begin(&users, &user, label, None);
        let task = RefreshTask {
            users: Arc::clone(&users),
            log_limit: Arc::clone(log_limit),
            keys: Arc::clone(&keys),
            endpoint: endpoint.with_authorization(authorization),
            accepted: issuer.policy.algorithms.as_slice().into(),
            max_stale: self.refresh.max_stale,
            clock: Arc::clone(&self.clock),
            permits: Arc::clone(&self.permits),
            progress: Progress::default(),
            _ended: RefreshEndedGuard(Arc::clone(&keys)),
        };
        let task = AbortOnDrop(runtime.spawn(task.run()).abort_handle());
        let source = Arc::new(KeySource { keys, users, _task: task });
        running.insert(id, &source);
        Ok((source, begun))
    }
}

impl RunningSources {
    fn insert(&mut self, id: SourceId, source: &Arc<KeySource>) {
        self.sources.insert(id, Arc::downgrade(source));
        if self.sources.len() >= self.sweep_at {
            self.sources.retain(|_, source| source.strong_count() > 0);
            self.sweep_at = MIN_SWEEP.max(2 * self.sources.len());
        }
    }
}
