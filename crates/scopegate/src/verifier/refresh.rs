//! Fetches that the application requests: [`Verifier::refresh`] and [`Verifier::refresh_issuer`].

use std::collections::HashMap;
use std::sync::Arc;

use scopegate_proto::url::redacted;
use tokio::time::Instant;

use crate::config_error::ConfigError;
use crate::issuer::trusted::TrustedIssuer;
use crate::keys::refresh::outcome::RefreshOutcome;
use crate::keys::refresh::schedule::FETCH_TIMEOUT;
use crate::verifier::Verifier;

impl Verifier {
    /// Fetches the keys of every trusted issuer now, and waits for the results. Call it if a key was
    /// stolen and its issuer has withdrawn it, because the regular fetch may be minutes away.
    ///
    /// Returns each issuer with its outcome: the configured issuers in their order, and then the
    /// live issuers of each [resolver](crate::VerifierBuilder::trust_dynamic) by name. Whole key
    /// sets are requested, even if a cache would respond that they are unchanged.
    ///
    /// At most 32 fetches run at the same time, and the call waits at most 60 s. Fetches that have
    /// not ended by then are [`RefreshOutcome::Failed`], and go on in the background. Each issuer is
    /// contacted at most once in 10 s, so an operator's endpoint may call it. An earlier call returns
    /// [`RefreshOutcome::TooSoon`].
    ///
    /// ```
    /// use scopegate::{Issuer, RefreshOutcome, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = scopegate_issuer::LocalIssuer::start().await?;
    /// # let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
    /// # let verifier = Verifier::builder().trust(issuer).start().await?;
    /// # local.rotate_without_overlap();
    /// for (issuer, outcome) in verifier.refresh().await {
    ///     println!("{issuer}: {outcome:?}");
    /// #   assert_eq!(outcome, RefreshOutcome::Changed);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// Panics if keys are fetched and it is called outside of a Tokio runtime, or on a runtime
    /// without timers.
    pub async fn refresh(&self) -> Vec<(String, RefreshOutcome)> {
        // All fetches are requested before the first result is awaited, so they run at the same time.
        let (all, mut fetches) = (self.trusted().all(self.now()), HashMap::new());
        let asked: Vec<_> = all.iter().map(|issuer| RequestedFetch::once(issuer, &mut fetches)).collect();
        let deadline = deadline();
        let mut outcomes = Vec::with_capacity(asked.len());
        for issuer in asked {
            outcomes.push((issuer.issuer.identifier.to_string(), issuer.outcome(deadline).await));
        }
        outcomes
    }

    /// Fetches the keys of one issuer now, as [`refresh`](Self::refresh) does for all.
    ///
    /// # Errors
    /// Returns [`ConfigError::UntrustedIssuer`] if no issuer with this name is trusted now. Names are
    /// compared character by character. An issuer of a
    /// [resolver](crate::VerifierBuilder::trust_dynamic) is trusted from its first token on.
    ///
    /// # Panics
    /// Panics like [`refresh`](Self::refresh).
    pub async fn refresh_issuer(&self, issuer: &str) -> Result<RefreshOutcome, ConfigError> {
        match self.trusted().get_for_operator(issuer, self.now()) {
            Some(issuer) => Ok(RequestedFetch::new(&issuer).outcome(deadline()).await),
            None => Err(ConfigError::UntrustedIssuer { found: redacted(issuer) }),
        }
    }
}

/// An earlier fetch may be under way, and the requested fetch follows it.
fn deadline() -> Instant {
    Instant::now() + 2 * FETCH_TIMEOUT
}

/// A requested fetch of one issuer.
struct RequestedFetch {
    issuer: Arc<TrustedIssuer>,
    fetch: Result<u64, RefreshOutcome>,
}

/// The requested fetches by the addresses of their key sets.
type Fetches = HashMap<usize, Result<u64, RefreshOutcome>>;

impl RequestedFetch {
    /// Requests one fetch for all issuers that share a key set. Otherwise it could begin between two
    /// requests, and the second one would come too soon.
    fn once(issuer: &Arc<TrustedIssuer>, fetches: &mut Fetches) -> Self {
        let Some(keys) = issuer.keys.fetched() else { return Self::new(issuer) };
        let fetch = fetches.entry(Arc::as_ptr(keys).addr()).or_insert_with(|| keys.refresh().ask());
        Self { issuer: Arc::clone(issuer), fetch: fetch.clone() }
    }

    fn new(issuer: &Arc<TrustedIssuer>) -> Self {
        let fetch = match issuer.keys.fetched() {
            None => Err(RefreshOutcome::Static),
            Some(keys) => keys.refresh().ask(),
        };
        Self { issuer: Arc::clone(issuer), fetch }
    }

    async fn outcome(self, deadline: Instant) -> RefreshOutcome {
        match (self.fetch, self.issuer.keys.fetched()) {
            (Ok(fetch), Some(keys)) => keys.refresh().outcome_of(fetch, deadline).await,
            (Err(outcome), _) => outcome,
            (Ok(_), None) => RefreshOutcome::Static,
        }
    }
}
