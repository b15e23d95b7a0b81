//! Issuers that a function of the application knows: for services whose tenants have an issuer
//! each.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::error::config::ConfigError;
use crate::issuer::Issuer;

type BoxError = Box<dyn Error + Send + Sync>;
type BoxFuture = Pin<Box<dyn Future<Output = Result<Option<Issuer>, BoxError>> + Send>>;
pub(crate) type Resolve = Arc<dyn Fn(&str) -> BoxFuture + Send + Sync>;
type Filter = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Issuers that are looked up when their first token comes, by a function of the application.
///
/// Give them to [`VerifierBuilder::trust_dynamic`](crate::VerifierBuilder::trust_dynamic). The
/// verifier calls the function with the `iss` of a token. The function returns the issuer if it is
/// a tenant's, and `None` if it is not. Trust comes from this decision alone: never build an
/// [`Issuer`] from `iss` without a look at a list of your own.
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
/// - The function runs in the background. One call is made for any number of requests with one
///   `iss`. These requests wait for it, at most 2 s, and at most 4,096 at the same time.
/// - A token that is malformed, that has expired, or whose `iss` the [filter](Self::filter) rejects
///   causes no call.
/// - At most [`max_calls`](Self::max_calls) calls run at the same time, and at most 1,024 names
///   wait for one. Further names are [`Error::IssuerUnavailable`](crate::Error::IssuerUnavailable),
///   HTTP 503, until there is room.
/// - An error, a panic and a call that exceeds its [`timeout`](Self::timeout) make the tokens of
///   this `iss` `IssuerUnavailable` for 2 s. Other issuers are not affected.
/// - The issuer that is returned must have exactly the name that was asked for. Otherwise `iss` is
///   unknown.
///
/// # Answers
///
/// - An issuer is trusted for its [`lifetime`](Self::lifetime). If one of its tokens was accepted
///   in this time, the function is called again before the end, and requests do not wait. Otherwise
///   the issuer is dropped, and its keys are no longer fetched.
/// - If the function returns other rules for an issuer, they replace its rules.
/// - An unknown `iss` is remembered for its [`unknown_lifetime`](Self::unknown_lifetime). Up to
///   10,000 are remembered, and the oldest is forgotten first.
/// - [`Verifier::distrust`](crate::Verifier::distrust) forgets the answer about a name, so that its
///   next token causes a call. Call it after a tenant signed up, and after you have blocked one.
///
/// # Limits
///
/// At most [`max_issuers`](Self::max_issuers) are trusted at the same time. If there are more, the
/// issuer whose last accepted token is the longest ago is dropped. Issuers of which no token was
/// accepted yet can take the place of others only up to an eighth of the limit: an attacker who
/// names real tenants without having valid tokens cannot displace the other seven eighths.
#[must_use = "issuers are trusted by the builder that they are given to: VerifierBuilder::trust_dynamic"]
pub struct Issuers {
    pub(crate) resolve: Resolve,
    pub(crate) filter: Option<Filter>,
    pub(crate) limit: usize,
    pub(crate) lifetime: Duration,
    pub(crate) unknown_lifetime: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_calls: usize,
}

impl Issuers {
    /// Looks up issuers by this function.
    ///
    /// It returns `Ok(None)` for a name that is no issuer of yours, and an error if it cannot
    /// decide. The error is logged, so it must contain no secret. The function must not block: use
    /// an asynchronous client of your database.
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
            filter: None,
            limit: 1_000,
            lifetime: Duration::from_secs(600),
            unknown_lifetime: Duration::from_secs(60),
            timeout: Duration::from_secs(5),
            max_calls: 32,
        }
    }

    /// Calls the resolver only for names that this function accepts. Default: for every name that
    /// an issuer may have.
    ///
    /// It runs on the request's thread and sees names that attackers invent, so it must be cheap
    /// and must not block. Give a filter that knows the form of your tenants' names: an invented
    /// name then costs no call. If it panics, the token is
    /// [`Error::IssuerUnavailable`](crate::Error::IssuerUnavailable).
    pub fn filter(mut self, filter: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Sets how many issuers of the resolver are trusted at the same time. An issuer takes about 4
    /// KiB, and its keys.
    ///
    /// Default: 1,000. Range: 1–100,000.
    pub fn max_issuers(mut self, issuers: usize) -> Self {
        self.limit = issuers;
        self
    }

    /// Sets how long an issuer is trusted after the resolver returned it: the bound for the end of
    /// a tenant that you have removed. It is also how long tenants are served if the resolver
    /// fails. The verifier asks again when four fifths have passed.
    ///
    /// Default: 10 min. Range: 1 s–24 h.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets how long a name is remembered that the resolver does not know: the bound for the time
    /// from a tenant's sign-up to its first accepted token, if its name was used before.
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

    /// Sets how many calls run at the same time. As many may run beside them for issuers that are
    /// trusted already.
    ///
    /// Calls for invented names use the same budget as calls for new tenants. If an attacker
    /// invents more names than the budget decides, a new tenant gets 503 until one of its attempts
    /// finds room: of `n` names each second and `b` calls, an attempt succeeds with a probability
    /// of about `b / n`. A [filter](Self::filter), or a call of
    /// [`Verifier::trust`](crate::Verifier::trust) when the tenant signs up, needs no luck.
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
            if !range.contains(&value) {
                return out_of_range(setting, expected, format!("{} s", value.as_secs_f64()));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuers").field("max_issuers", &self.limit).finish_non_exhaustive()
    }
}
