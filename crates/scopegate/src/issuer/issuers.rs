//! Issuers that a function of the application returns, for services whose tenants have an issuer
//! each.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::config_error::ConfigError;
use crate::issuer::Issuer;
use crate::tenants::RulePanicked;

type BoxError = Box<dyn Error + Send + Sync>;
type BoxFuture = Pin<Box<dyn Future<Output = Result<Option<Issuer>, BoxError>> + Send>>;
pub(crate) type Resolve = Arc<dyn Fn(&str) -> BoxFuture + Send + Sync>;
type Filter = Box<dyn Fn(&str) -> bool + Send + Sync>;
type Form = Box<dyn Fn(&str) -> Result<bool, RulePanicked> + Send + Sync>;

/// Issuers that a function of the application looks up when their first token arrives.
///
/// Pass them to [`VerifierBuilder::trust_dynamic`](crate::VerifierBuilder::trust_dynamic). The
/// verifier calls the function with the `iss` of a token. The function returns the issuer if it is
/// a tenant's, and `None` otherwise. If there are several, the next one is asked then. Trust comes from this decision alone: look `iss` up in a list
/// of your own before you build an [`Issuer`] from it.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, RwLock};
///
/// use scopegate::{ConfigError, Issuer, Issuers};
///
/// /// The client of each tenant, by the tenant's issuer.
/// type Tenants = Arc<RwLock<HashMap<String, String>>>;
///
/// fn issuers(tenants: Tenants) -> Issuers {
///     Issuers::resolver(move |iss| {
///         let client = tenants.read().ok().and_then(|known| known.get(iss).cloned());
///         let iss = iss.to_owned();
///         async move {
///             let Some(client) = client else { return Ok(None) };
///             Ok::<_, ConfigError>(Some(Issuer::cognito_at(&iss)?.client(client)))
///         }
///     })
///     .filter(|iss| iss.starts_with("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_"))
///     .max_issuers(5_000)
/// }
/// ```
///
/// # Calls
///
/// - The function runs in the background. All requests with one `iss` share one call. They wait for
///   it at most 2 s, and at most 4,096 requests wait at the same time.
/// - A malformed or expired token causes no call. Neither does a token whose `iss` the
///   [filter](Self::filter) rejects.
/// - At most [`max_calls`](Self::max_calls) calls of each kind run at the same time. At most 1,024
///   names wait for their first call, and 1,024 for a call after a failed one. Tokens with further
///   names are rejected with
///   [`Error::IssuerUnavailable`](crate::Error::IssuerUnavailable) (503).
/// - If a call fails, panics or exceeds its [`timeout`](Self::timeout), tokens with this `iss` are
///   rejected with `IssuerUnavailable` for 2 s. The pause doubles with each failure of the name, up
///   to 30 s. Other issuers are not affected.
/// - The returned issuer must have exactly the requested name. Otherwise `iss` is unknown.
///
/// # Results
///
/// - An issuer is trusted for its [`lifetime`](Self::lifetime). If one of its tokens was accepted
///   in this time, the function is called again before the end, and requests do not wait. Otherwise
///   the issuer is dropped, and its keys are no longer fetched.
/// - If the function returns other rules for an issuer, they replace its rules. The order of a list
///   is no change.
/// - If it returns another key set, or other credentials for the key set, the change takes effect
///   after the first fetch of the new keys. The issuer is trusted as before until then, and until
///   the end of its lifetime at most. A failed fetch counts as a failed call.
/// - An unknown `iss` is remembered for the [`unknown_lifetime`](Self::unknown_lifetime). Up to
///   10,000 names are remembered, and the oldest is forgotten first.
/// - [`Verifier::distrust`](crate::Verifier::distrust) forgets the result for a name, so its next
///   token causes a call. Call it when a tenant has signed up, and when you have blocked a tenant.
///
/// # Limits
///
/// At most [`max_issuers`](Self::max_issuers) are trusted at the same time. If there are more, the
/// least recently used issuer is dropped. Issuers without an accepted token displace others only up
/// to an eighth of the limit: an attacker who names real tenants without having valid tokens cannot
/// displace the other seven eighths.
///
/// The keys of a dropped issuer stay for 30 s, or for the
/// [cooldown](crate::VerifierBuilder::refresh_cooldown) if it is longer. If the issuer returns in this
/// time, nothing is fetched and the limits on its fetches still apply. The keys of up to 1,024 dropped
/// issuers stay.
#[must_use = "issuers are trusted by the builder that they are given to: VerifierBuilder::trust_dynamic"]
pub struct Issuers {
    pub(crate) resolve: Resolve,
    /// The form of names that the issuers can have at all.
    pub(crate) form: Option<Form>,
    pub(crate) filter: Option<Filter>,
    pub(crate) limit: usize,
    pub(crate) lifetime: Duration,
    pub(crate) unknown_lifetime: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_calls: usize,
}

impl Issuers {
    /// Creates issuers that this function looks up.
    ///
    /// It must return `Ok(None)` for a name that is no issuer of yours, and an error if it cannot
    /// decide. The error is logged, so it must contain no secret. The function must not block, so
    /// use an asynchronous client of your database.
    pub fn resolver<F, Fut, E>(resolve: F) -> Self
    where
        F: Fn(&str) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Issuer>, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let boxed = move |iss: &str| -> BoxFuture {
            let answer = resolve(iss);
            Box::pin(async move { answer.await.map_err(Into::into) })
        };
        Self {
            resolve: Arc::new(boxed),
            form: None,
            filter: None,
            limit: 1_000,
            lifetime: Duration::from_secs(600),
            unknown_lifetime: Duration::from_secs(60),
            timeout: Duration::from_secs(5),
            max_calls: 32,
        }
    }

    /// Calls the resolver only for names of a form that a preset knows.
    pub(super) fn with_form(
        self,
        form: impl Fn(&str) -> Result<bool, RulePanicked> + Send + Sync + 'static,
    ) -> Self {
        Self { form: Some(Box::new(form)), ..self }
    }

    /// Returns whether the resolver may be called for this name.
    pub(crate) fn accepts_name(&self, name: &str) -> Result<bool, RulePanicked> {
        if let Some(form) = &self.form
            && !form(name)?
        {
            return Ok(false);
        }
        match &self.filter {
            None => Ok(true),
            Some(filter) => catch_unwind(AssertUnwindSafe(|| filter(name))).map_err(|_| RulePanicked),
        }
    }

    /// Calls the resolver only for names that this function accepts. Default: every name that an
    /// issuer may have.
    ///
    /// It runs on the request's thread and gets names that attackers invent, so it must be cheap
    /// and must not block. If it checks the form of your tenants' names, most invented names cost
    /// no call. If it panics, the token is rejected with
    /// [`Error::IssuerUnavailable`](crate::Error::IssuerUnavailable).
    pub fn filter(mut self, filter: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Sets the maximum number of issuers of the resolver that are trusted at the same time. An
    /// issuer takes about 4 KiB, and its keys.
    ///
    /// Default: 1,000. Range: 1–100,000.
    pub fn max_issuers(mut self, issuers: usize) -> Self {
        self.limit = issuers;
        self
    }

    /// Sets how long an issuer is trusted after the resolver returned it.
    ///
    /// Tokens of a tenant that you have removed are accepted at most this long. If the resolver
    /// fails, tenants are served at most this long. The verifier calls the resolver again when
    /// between seven and eight tenths have passed.
    ///
    /// Default: 10 min. Range: 1 s–24 h.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets how long an unknown name is remembered.
    ///
    /// If the name of a tenant was used before its sign-up, its first token is accepted at most
    /// this long after the sign-up.
    ///
    /// Default: 1 min. Range: 1 s–1 h.
    pub fn unknown_lifetime(mut self, lifetime: Duration) -> Self {
        self.unknown_lifetime = lifetime;
        self
    }

    /// Sets the time limit for one call. Default: 5 s. Range: 100 ms–30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the maximum number of calls of each kind that run at the same time. There are four kinds:
    /// calls for requests, renewals of live issuers, and for both the names whose last call failed.
    /// So names whose last call failed delay neither new tenants nor live issuers.
    ///
    /// Calls for invented names use the same budget as calls for new tenants. If an attacker
    /// invents names faster than the budget decides, a new tenant gets 503 until one of its
    /// attempts finds room. With `n` names and `b` calls per second, an attempt succeeds with a
    /// probability of about `b / n`. To avoid that, set a [filter](Self::filter), or call
    /// [`Verifier::trust`](crate::Verifier::trust) when a tenant signs up.
    ///
    /// Default: 32. Range: 1–1,024.
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.max_calls = calls;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        const SECOND: Duration = Duration::from_secs(1);
        const HOUR: Duration = Duration::from_secs(3_600);
        let out_of_range =
            |setting, expected, found| Err(ConfigError::OutOfRange { setting, expected, found });
        if !(1..=100_000).contains(&self.limit) {
            return out_of_range("max_issuers", "1 to 100000", self.limit.to_string());
        }
        if !(1..=1_024).contains(&self.max_calls) {
            return out_of_range("max_calls", "1 to 1024", self.max_calls.to_string());
        }
        for (setting, value, range, expected) in [
            ("lifetime of issuers", self.lifetime, SECOND..=24 * HOUR, "1 s to 24 h"),
            ("lifetime of unknown issuers", self.unknown_lifetime, SECOND..=HOUR, "1 s to 1 h"),
            ("resolver timeout", self.timeout, SECOND / 10..=30 * SECOND, "100 ms to 30 s"),
        ] {
            ConfigError::check_range(setting, value, range, expected)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuers").field("max_issuers", &self.limit).finish_non_exhaustive()
    }
}
