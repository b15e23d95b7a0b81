//! Fetches that the application requests: [`Verifier::refresh`] and [`Verifier::refresh_issuer`].

use std::sync::Arc;

use scopegate_proto::url::redacted;

use crate::error::config::ConfigError;
use crate::issuer::trusted::TrustedIssuer;
use crate::keys::refresh::outcome::RefreshOutcome;
use crate::verifier::Verifier;

impl Verifier {
    /// Fetches the keys of every configured issuer now, and waits for the results. Call it if a key was stolen
    /// and its issuer has withdrawn it, because the regular fetch may be minutes away.
    ///
    /// Returns each issuer with its outcome, in the order of the configuration. Whole key sets are
    /// requested, even if a cache would respond that they are unchanged. The call waits at most
    /// 60 s. Each issuer is contacted at most once in 10 s, so an operator's endpoint may call it.
    /// An earlier call returns [`RefreshOutcome::TooSoon`].
    ///
    /// The issuers of a [resolver](crate::VerifierBuilder::trust_dynamic) are not included. Call
    /// [`distrust`](Self::distrust) for such an issuer: its next token makes the verifier fetch its
    /// keys anew.
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
        let asked: Vec<_> = self.trusted().issuers().iter().map(Asked::new).collect();
        let mut outcomes = Vec::with_capacity(asked.len());
        for issuer in asked {
            outcomes.push((issuer.issuer.identifier.to_string(), issuer.outcome().await));
        }
        outcomes
    }

    /// Fetches the keys of one issuer now, as [`refresh`](Self::refresh) does for all.
    ///
    /// # Errors
    /// Returns [`ConfigError::UntrustedIssuer`] if no configured issuer has this name. Names are
    /// compared character by character.
    ///
    /// # Panics
    /// Panics like [`refresh`](Self::refresh).
    pub async fn refresh_issuer(&self, issuer: &str) -> Result<RefreshOutcome, ConfigError> {
        match self.trusted().issuers().get_for_operator(issuer) {
            Some(issuer) => Ok(Asked::new(&issuer).outcome().await),
            None => Err(ConfigError::UntrustedIssuer { found: redacted(issuer) }),
        }
    }
}

/// A requested fetch of one issuer.
struct Asked {
    issuer: Arc<TrustedIssuer>,
    fetch: Result<u64, RefreshOutcome>,
}

impl Asked {
    fn new(issuer: &Arc<TrustedIssuer>) -> Self {
        let fetch = match issuer.keys.fetched() {
            None => Err(RefreshOutcome::Static),
            Some(keys) => keys.refresh().ask(),
        };
        Self { issuer: Arc::clone(issuer), fetch }
    }

    async fn outcome(self) -> RefreshOutcome {
        match (self.fetch, self.issuer.keys.fetched()) {
            (Ok(fetch), Some(keys)) => keys.refresh().outcome_of(fetch).await,
            (Err(outcome), _) => outcome,
            (Ok(_), None) => RefreshOutcome::Static,
        }
    }
}
