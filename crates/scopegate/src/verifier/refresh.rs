//! Fetches that the application asks for.

use crate::error::config::ConfigError;
use crate::issuer::registry::TrustedIssuer;
use crate::keys::Keys;
use crate::keys::refresh::outcome::RefreshOutcome;
use crate::verifier::Verifier;

impl Verifier {
    /// Fetches the keys of every issuer now, and waits for the results. Call it when a key was stolen and its issuer has
    /// withdrawn it: the regular fetch may be minutes away.
    ///
    /// Returns the issuers, in the order of the configuration, each with its outcome. The key sets are requested as a
    /// whole, even if a cache would answer that they are unchanged. It waits at most 60 s. Each issuer is asked at most
    /// once in 10 s; a call before that is [`RefreshOutcome::TooSoon`]. So an operator's endpoint may call it.
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
    /// On a Tokio runtime without timers, and outside of any, if keys are fetched.
    pub async fn refresh(&self) -> Vec<(String, RefreshOutcome)> {
        // All of them are asked before the first one is waited for.
        let issuers = self.issuers().filter_map(|name| self.0.issuers.get(name));
        let asked: Vec<_> = issuers.map(|issuer| Asked::new(issuer)).collect();
        let mut outcomes = Vec::with_capacity(asked.len());
        for issuer in asked {
            outcomes.push((issuer.issuer.identifier.to_string(), issuer.outcome().await));
        }
        outcomes
    }

    /// Fetches the keys of one issuer now, as [`refresh`](Self::refresh) does for all.
    ///
    /// # Errors
    /// [`ConfigError::UntrustedIssuer`] if no trusted issuer has this name. Names are compared character by character.
    ///
    /// # Panics
    /// As [`refresh`](Self::refresh).
    pub async fn refresh_issuer(&self, issuer: &str) -> Result<RefreshOutcome, ConfigError> {
        self.select_issuers([issuer])?;
        match self.0.issuers.get(issuer) {
            Some(issuer) => Ok(Asked::new(issuer).outcome().await),
            None => Err(ConfigError::UntrustedIssuer { found: issuer.to_owned() }),
        }
    }
}

/// An issuer whose fetch was asked for.
struct Asked<'v> {
    issuer: &'v TrustedIssuer,
    fetch: Result<u64, RefreshOutcome>,
}

impl<'v> Asked<'v> {
    fn new(issuer: &'v TrustedIssuer) -> Self {
        let fetch = match &issuer.keys {
            Keys::Static(_) => Err(RefreshOutcome::Static),
            Keys::Fetched(keys) => keys.refresh().ask(),
        };
        Self { issuer, fetch }
    }

    async fn outcome(self) -> RefreshOutcome {
        match (self.fetch, &self.issuer.keys) {
            (Ok(fetch), Keys::Fetched(keys)) => keys.refresh().outcome_of(fetch).await,
            (Err(outcome), _) => outcome,
            (Ok(_), Keys::Static(_)) => RefreshOutcome::Static,
        }
    }
}
