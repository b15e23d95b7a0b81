//! What an operator may see of a verifier: which keys it has, how old they are, and what came of the fetches.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::cache::entry::Usage;
use crate::keys::Keys;
use crate::keys::fetched::KeyState;

/// The state of a verifier at one time, for a readiness probe or a dashboard. Get one from
/// [`Verifier::status`](crate::Verifier::status).
///
/// ```
/// # async fn probe(verifier: scopegate::Verifier) -> u16 {
/// if verifier.status().is_ready() { 200 } else { 503 }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Status {
    issuers: Vec<IssuerStatus>,
    cache: Usage,
}

/// The state of one issuer's keys.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct IssuerStatus {
    /// The issuer's name, as tokens have it.
    pub issuer: String,
    /// Whether there are keys that may be used.
    pub usable: bool,
    /// The ids of the keys, in alphabetical order. Keys without an id are not listed.
    pub key_ids: Vec<String>,
    /// When the keys that are there were asked for; `None` before that, and for keys that were given.
    pub fetched_at: Option<SystemTime>,
    /// How long ago that was.
    pub age: Option<Duration>,
    /// Why the last fetch failed; `None` when it succeeded.
    pub last_failure: Option<String>,
    /// How long until the next regular fetch, or the next attempt after a failure; `None` for keys that were given.
    pub next_fetch_in: Option<Duration>,
    /// How many fetches have brought a key set, unchanged ones included.
    pub fetches_succeeded: u64,
    /// How many have not.
    pub fetches_failed: u64,
}

impl Status {
    pub(crate) fn new(issuers: impl Iterator<Item = IssuerStatus>, cache: Usage) -> Self {
        let mut issuers: Vec<_> = issuers.collect();
        issuers.sort_by(|a, b| a.issuer.cmp(&b.issuer));
        Self { issuers, cache }
    }

    /// Whether the tokens of every issuer can be judged: each has keys that may be used.
    pub fn is_ready(&self) -> bool {
        self.issuers.iter().all(|issuer| issuer.usable)
    }

    /// The issuers by their names, in alphabetical order.
    pub fn issuers(&self) -> &[IssuerStatus] {
        &self.issuers
    }

    /// How many verified tokens are kept at the moment, those included that are out of date and not yet pushed out.
    pub fn cached_tokens(&self) -> usize {
        self.cache.entries
    }

    /// How many bytes they are counted as: the tokens, their claims, and the lists that may be made of their scopes.
    pub fn cached_bytes(&self) -> usize {
        self.cache.bytes
    }
}

impl IssuerStatus {
    pub(crate) fn new(issuer: &str, keys: &Keys, now: SystemTime) -> Self {
        let mut status = Self {
            issuer: issuer.to_owned(),
            usable: true,
            key_ids: Vec::new(),
            fetched_at: None,
            age: None,
            last_failure: None,
            next_fetch_in: None,
            fetches_succeeded: 0,
            fetches_failed: 0,
        };
        match keys {
            Keys::Static(keys) => status.key_ids = owned(keys.ids()),
            Keys::Fetched(keys) => {
                let KeyState { snapshot, usable, history, next_fetch } = keys.state(now.into());
                status.usable = usable;
                status.key_ids = snapshot.map(|snapshot| owned(snapshot.keys.ids())).unwrap_or_default();
                status.fetched_at = history.last_success;
                status.age = history.last_success.map(|at| now.duration_since(at).unwrap_or_default());
                status.last_failure = history.last_failure.map(|failure| failure.error.to_string());
                status.next_fetch_in = Some(next_fetch.saturating_duration_since(Instant::now()));
                status.fetches_succeeded = history.successes;
                status.fetches_failed = history.failures;
            }
        }
        status
    }
}

fn owned(ids: Vec<&str>) -> Vec<String> {
    ids.into_iter().map(str::to_owned).collect()
}
