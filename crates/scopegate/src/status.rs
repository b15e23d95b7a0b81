//! The status of a verifier: what can operators see of its keys, its lists and its cache?

pub(crate) mod cache;
pub(crate) mod introspection;
pub(crate) mod revocation;
pub(crate) mod status_list;

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::keys::fetched::KeyState;
use crate::keys::issuer_keys::IssuerKeys;
use crate::keys::set::{KeySet, SkippedJwk};
use crate::keys::verifying_key;
use crate::status::cache::CacheUsage;
use crate::status::introspection::IntrospectionStatus;
use crate::status::revocation::RevocationStatus;
use crate::status::status_list::StatusListStatus;
use crate::telemetry::causes::with_causes;
use crate::token::key_name::UsedName;

/// A snapshot of a verifier's state, for a readiness probe or a dashboard.
/// [`Verifier::status`](crate::Verifier::status) returns it.
///
/// ```
/// # async fn probe(verifier: scopegate::Verifier) -> u16 {
/// if verifier.status().is_ready() { 200 } else { 503 }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Status {
    issuers: Vec<IssuerStatus>,
    cache: CacheUsage,
    revocations: Option<RevocationStatus>,
    resolver: Option<ResolverStatus>,
}

/// The status of the [resolvers of issuers](crate::VerifierBuilder::trust_dynamic), all together.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolverStatus {
    /// The number of issuers of the resolver that are trusted now.
    pub live_issuers: usize,
    /// The number of calls that run or wait.
    pub pending_calls: usize,
    /// The number of calls that have ended.
    pub calls: u64,
    /// The number of ended calls without a result: an error, a panic, or a timeout.
    pub failed_calls: u64,
    /// The number of issuers that were dropped because there were more than the limit.
    pub evicted_issuers: u64,
}

impl ResolverStatus {
    #[cfg(feature = "fetch")]
    pub(crate) fn plus(self, other: &Self) -> Self {
        Self {
            live_issuers: self.live_issuers + other.live_issuers,
            pending_calls: self.pending_calls + other.pending_calls,
            calls: self.calls + other.calls,
            failed_calls: self.failed_calls + other.failed_calls,
            evicted_issuers: self.evicted_issuers + other.evicted_issuers,
        }
    }
}

/// The state of one issuer's keys.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct IssuerStatus {
    /// The issuer's name, as in `iss`.
    pub issuer: String,
    /// Whether the issuer has usable keys.
    pub usable: bool,
    /// The ids of the keys, in alphabetical order. A key without `kid` is listed by its thumbprint,
    /// such as `x5t=…`, if it has one.
    pub key_ids: Vec<String>,
    /// The published keys that are not used, in the order of the set.
    pub skipped_keys: Vec<SkippedKey>,
    /// The time at which the current keys were requested. `None` before the first fetch, and for
    /// static keys.
    pub fetched_at: Option<SystemTime>,
    /// The time since [`fetched_at`](Self::fetched_at).
    pub age: Option<Duration>,
    /// The error of the last fetch with all causes. `None` if it succeeded.
    pub last_failure: Option<String>,
    /// The time until the next regular fetch, or until the next attempt after a failure. `None` for
    /// static keys.
    pub next_fetch_in: Option<Duration>,
    /// The refresh period in effect. While the issuer responds, a withdrawn key is rejected after
    /// this time at the latest. `None` for static keys.
    ///
    /// It is [`refresh_interval`](crate::VerifierBuilder::refresh_interval), or the issuer's
    /// `max-age` between 1 min and 1 h. It is at most half of
    /// [`max_stale`](crate::VerifierBuilder::max_stale).
    pub refresh_period: Option<Duration>,
    /// The state of the background task that fetches the keys.
    pub refresh_task: RefreshTaskState,
    /// The number of fetches that brought a key set, including unchanged sets.
    pub fetches_succeeded: u64,
    /// The number of failed fetches.
    pub fetches_failed: u64,
    /// The status lists that tokens have named, by their URLs. They don't count
    /// for [`is_ready`](Self::is_ready), because only tokens name them.
    pub status_lists: Vec<StatusListStatus>,
    /// The introspection of the issuer's tokens. `None` if there is none. Suspended calls don't
    /// count for [`is_ready`](Self::is_ready): tokens with cached results are accepted, and all
    /// instances of a service would become unready at once.
    pub introspection: Option<IntrospectionStatus>,
}

/// A published key that is not used.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// The index of the key in the set, from 0.
    pub position: usize,
    /// The key's id, or else its thumbprint, such as `x5t=…`, if it has one.
    pub key_id: Option<String>,
    /// The reason, such as "is not for verifying signatures".
    pub reason: String,
}

/// The state of the background task that fetches an issuer's keys.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTaskState {
    /// The keys are static, so there is no task.
    NotNeeded,
    /// The task fetches when a fetch is due.
    Running,
    /// A fetch has not begun 10 s after it was due, or has not ended within 40 s. The runtime on
    /// which the verifier was started is blocked or not driven.
    Overdue,
    /// The last attempt panicked, for example in a log subscriber or a metrics recorder. The next
    /// attempt follows after a backoff of up to a minute.
    Panicked,
    /// The task has ended with its runtime, or because the runtime has no timers. Keys are no
    /// longer fetched.
    Ended,
}

impl Status {
    pub(crate) fn new(
        issuers: impl Iterator<Item = IssuerStatus>,
        cache: CacheUsage,
        revocations: Option<RevocationStatus>,
        resolver: Option<ResolverStatus>,
    ) -> Self {
        let mut issuers: Vec<_> = issuers.collect();
        issuers.sort_by(|a, b| a.issuer.cmp(&b.issuer));
        Self { issuers, cache, revocations, resolver }
    }

    /// Returns whether [each issuer is ready](IssuerStatus::is_ready), and the revocations are
    /// [ready](RevocationStatus::ready) and [fresh](RevocationStatus::fresh).
    pub fn is_ready(&self) -> bool {
        let revocations = self.revocations.as_ref();
        self.issuers.iter().all(IssuerStatus::is_ready)
            && revocations.is_none_or(|revocations| revocations.ready && revocations.fresh)
    }

    /// Returns the status of one issuer, by its name as in `iss`.
    ///
    /// With several issuers, base readiness on the issuers that the service needs:
    ///
    /// ```
    /// # fn probe(verifier: &scopegate::Verifier) -> bool {
    /// verifier.status().issuer("https://issuer.example").is_some_and(|issuer| issuer.is_ready())
    /// # }
    /// ```
    pub fn issuer(&self, name: &str) -> Option<&IssuerStatus> {
        self.issuers.iter().find(|issuer| issuer.issuer == name)
    }

    /// Returns the issuers, in the alphabetical order of their names.
    pub fn issuers(&self) -> &[IssuerStatus] {
        &self.issuers
    }

    /// Returns the status of the revocations, or `None` if the verifier has none.
    pub fn revocations(&self) -> Option<&RevocationStatus> {
        self.revocations.as_ref()
    }

    /// Returns the status of the resolvers of issuers, or `None` if the verifier has none.
    ///
    /// Its issuers are not among [`issuers`](Self::issuers) and don't count for
    /// [`is_ready`](Self::is_ready), because a tenant must not make the service unready. For one of
    /// them, call [`Verifier::issuer_status`](crate::Verifier::issuer_status).
    pub fn resolver(&self) -> Option<&ResolverStatus> {
        self.resolver.as_ref()
    }

    /// Returns whether signatures are verified by the FIPS module of aws-lc, in its FIPS mode.
    ///
    /// It is the module if the application enables the feature `fips` of its own dependency
    /// `aws-lc-rs`. The guide's page *Deploying* has the details.
    ///
    /// ```
    /// # fn report(verifier: &scopegate::Verifier) {
    /// println!("FIPS module: {}", verifier.status().fips());
    /// # }
    /// ```
    pub fn fips(&self) -> bool {
        verifying_key::is_fips_module()
    }

    /// Returns the number of cached tokens, including expired tokens that are not evicted yet.
    pub fn cached_tokens(&self) -> usize {
        self.cache.entries
    }

    /// Returns the bytes that cached tokens count for: tokens, claims, and the lists that may be
    /// created of their scopes.
    pub fn cached_bytes(&self) -> usize {
        self.cache.bytes
    }
}

impl IssuerStatus {
    /// Returns whether the issuer's tokens can be verified, now and later: it has usable keys, and
    /// the keys are refreshed.
    pub fn is_ready(&self) -> bool {
        let refreshed = matches!(self.refresh_task, RefreshTaskState::NotNeeded | RefreshTaskState::Running);
        self.usable && refreshed
    }

    pub(crate) fn new(issuer: &str, keys: &IssuerKeys, now: SystemTime) -> Self {
        let mut status = Self {
            issuer: issuer.to_owned(),
            usable: true,
            key_ids: Vec::new(),
            skipped_keys: Vec::new(),
            fetched_at: None,
            age: None,
            last_failure: None,
            next_fetch_in: None,
            refresh_period: None,
            refresh_task: RefreshTaskState::NotNeeded,
            fetches_succeeded: 0,
            fetches_failed: 0,
            status_lists: Vec::new(),
            introspection: None,
        };
        keys.read_all(|set| status.list(set));
        if let Some(source) = keys.fetched() {
            let state = source.state();
            status.refresh_task = task_state(&state);
            let KeyState { history, next_fetch, interval, .. } = state;
            status.usable = keys.is_usable(now.into());
            status.fetched_at = history.last_success;
            status.age = history.last_success.map(|at| now.duration_since(at).unwrap_or_default());
            status.refresh_period = Some(interval);
            status.last_failure = history.last_failure.map(|failure| with_causes(&failure.error));
            status.next_fetch_in = Some(next_fetch.saturating_duration_since(Instant::now()));
            status.fetches_succeeded = history.successes;
            status.fetches_failed = history.failures;
        }
        status
    }

    #[cfg(feature = "fetch")]
    pub(crate) fn with_status_lists(self, status_lists: Vec<StatusListStatus>) -> Self {
        Self { status_lists, ..self }
    }

    #[cfg(feature = "fetch")]
    pub(crate) fn with_introspection(self, introspection: IntrospectionStatus) -> Self {
        Self { introspection: Some(introspection), ..self }
    }

    fn list(&mut self, keys: &KeySet) {
        self.key_ids = keys.ids();
        let skipped = |key: &SkippedJwk| SkippedKey {
            position: key.position,
            key_id: key.name().map(UsedName::shown),
            reason: key.reason.to_string(),
        };
        self.skipped_keys = keys.skipped().iter().map(skipped).collect();
    }
}

fn task_state(state: &KeyState) -> RefreshTaskState {
    if state.ended {
        RefreshTaskState::Ended
    } else if state.history.panicked {
        RefreshTaskState::Panicked
    } else if state.overdue {
        RefreshTaskState::Overdue
    } else {
        RefreshTaskState::Running
    }
}
