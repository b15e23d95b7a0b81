//! Limits of one issuer: the scopes that it may grant, and its leeway.

use std::time::Duration;

use scopegate_proto::scope::is_scope;

use super::Issuer;
use crate::config_error::ConfigError;

impl Issuer {
    /// The largest leeway that an issuer may have.
    pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(300);

    /// Limits the scopes that this issuer can grant to these. Other scopes in its tokens are
    /// ignored. Each call adds scopes. Default: no limit.
    ///
    /// Without a limit, each trusted issuer can grant each scope. Use it for a partner's issuer,
    /// because the partner could otherwise grant itself `orders/admin`.
    ///
    /// ```
    /// use scopegate::{Issuer, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = scopegate_issuer::LocalIssuer::start().await?;
    /// let partner = Issuer::cognito_at(local.issuer())?.client("local-reader").limit_scopes(["orders/read"]);
    /// let verifier = Verifier::builder().trust(partner).start().await?;
    ///
    /// let claims = verifier.verify(local.mint().scope("orders/read orders/admin").sign())?;
    /// assert!(claims.require("orders/read").is_ok());
    /// assert!(claims.require("orders/admin").is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// The limit applies to the scopes that [scope sources](Self::scopes_from) return, so after
    /// prefixes and maps. Scopes that a granted scope
    /// [implies](crate::VerifierBuilder::implied_scopes) are granted too, because you declared it.
    /// [`Claims::claim`](crate::Claims::claim) reads the token's claims as the issuer wrote them.
    ///
    /// Starting the verifier fails with
    ///
    /// - [`ConfigError::EmptyList`] for a limit without scopes.
    /// - [`ConfigError::InvalidScope`] for a string that is not a scope.
    pub fn limit_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let limit = self.policy.scope_limit.get_or_insert_default();
        limit.extend(scopes.into_iter().map(Into::into));
        limit.sort_unstable();
        limit.dedup();
        self
    }

    /// Sets the leeway for `exp`, `nbf` and `iat` of this issuer's tokens. Use it if the issuer's
    /// clock differs from yours.
    ///
    /// Default: the verifier's [`leeway`](crate::VerifierBuilder::leeway). Range: 0 s–300 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.policy.leeway = Some(leeway);
        self
    }

    pub(super) fn check_limits(&self) -> Result<(), ConfigError> {
        let policy = &self.policy;
        if let Some(limit) = &policy.scope_limit {
            if limit.is_empty() {
                let issuer = self.identifier.clone();
                return Err(ConfigError::EmptyList {
                    issuer,
                    setting: "at least one scope in `limit_scopes`",
                });
            }
            if let Some(found) = limit.iter().find(|scope| !is_scope(scope)) {
                return Err(ConfigError::InvalidScope { found: found.clone() });
            }
        }
        match policy.leeway {
            Some(leeway) if leeway > Self::MAX_LEEWAY => {
                let (expected, found) = ("0 s to 300 s", format!("{} s", leeway.as_secs_f64()));
                Err(ConfigError::OutOfRange { setting: "leeway", expected, found })
            }
            _ => Ok(()),
        }
    }
}
