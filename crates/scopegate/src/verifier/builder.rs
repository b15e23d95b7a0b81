//! Trusted issuers in, defaults for the rest, a verifier or a `ConfigError` out.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::clock::{Clock, SystemClock};

use crate::cache::Cache;
use crate::claims::Claims;
#[cfg(feature = "http")]
use crate::decision::Decision;
use crate::denied::Denied;
use crate::error::config::ConfigError;
use crate::issuer::Issuer;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::registry::TrustedIssuer;
use crate::keys::Keys;
#[cfg(feature = "fetch")]
use crate::keys::fetch::transport::TransportConfig;
use crate::keys::jwk::KeyRules;
use crate::keys::refresh::abort_on_drop::AbortOnDrop;
use crate::keys::refresh::schedule::{Interval, RefreshConfig};
use crate::keys::set::KeySet;
use crate::scope::hierarchy::ScopeHierarchy;
use crate::verifier::Verifier;
use crate::verifier::hooks::Hooks;
#[cfg(feature = "fetch")]
use crate::verifier::start_policy::StartPolicy;

/// Builds a [`Verifier`]. Get one from [`Verifier::builder`].
#[must_use = "a builder does nothing until start() or build()"]
pub struct VerifierBuilder {
    issuers: Vec<Issuer>,
    pub(super) clock: Arc<dyn Clock>,
    leeway: Duration,
    pub(super) refresh: RefreshConfig,
    #[cfg(feature = "fetch")]
    pub(super) start_policy: StartPolicy,
    #[cfg(feature = "fetch")]
    pub(super) transport: TransportConfig,
    /// Scopes, and what each implies directly.
    implied_scopes: Vec<(String, Vec<String>)>,
    cache_entries: usize,
    /// `None` for as many as the entries ask for.
    cache_bytes: Option<usize>,
    hooks: Hooks,
}

impl Verifier {
    /// The start of every verifier: name whom to trust, then [`start`](VerifierBuilder::start).
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }
}

/// More than any service has callers, and few enough for a mistake not to take all memory: 36 MiB before anything is kept.
const MAX_CACHE_ENTRIES: usize = 1 << 20;

/// Room for a token of more than 1 KiB, its claims, and what the application may read of them.
const BYTES_PER_ENTRY: usize = 4 * 1024;

impl VerifierBuilder {
    fn new() -> Self {
        Self {
            issuers: Vec::new(),
            clock: Arc::new(SystemClock),
            leeway: Duration::from_secs(30),
            refresh: RefreshConfig {
                interval: Interval::FromCacheControl { fallback: Duration::from_secs(600) },
                cooldown: Duration::from_secs(30),
                max_stale: Duration::from_secs(24 * 3600),
            },
            #[cfg(feature = "fetch")]
            start_policy: StartPolicy::All,
            #[cfg(feature = "fetch")]
            transport: TransportConfig::default(),
            implied_scopes: Vec::new(),
            cache_entries: 4_096,
            cache_bytes: None,
            hooks: Hooks::default(),
        }
    }

    /// Trusts this issuer. May be called several times: each issuer has its own keys and its own rules, and a
    /// token is judged by those of the issuer that it names.
    ///
    /// Every trusted issuer can grant every scope, because a scope is a word without an owner. Issuers that are trusted
    /// for different things belong to different verifiers.
    pub fn trust(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Who is granted this scope is granted these too, whoever the issuer: `orders/admin` implies `orders/read`. Unless it is
    /// said here, no scope implies another one. What is implied may imply more.
    ///
    /// Layers, [`Claims::require`](crate::Claims::require) and [`Claims::scopes`](crate::Claims::scopes) respect it, because
    /// implied scopes are added when a token is verified; the claim itself, as
    /// [`Claims::claim`](crate::Claims::claim) reads it, stays as the issuer wrote it.
    ///
    /// A text that is not a scope is [`ConfigError::InvalidScope`], scopes that imply each other in a circle are
    /// [`ConfigError::ScopeImpliesItself`], and more than 256 different scopes are [`ConfigError::OutOfRange`], when the
    /// verifier starts. What a token is granted by implication counts as memory where [verified tokens are
    /// kept](Self::cache_bytes), because the application may read it.
    ///
    /// ```
    /// use scopegate::{Issuer, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = scopegate_issuer::LocalIssuer::start().await?;
    /// let verifier = Verifier::builder()
    ///     .trust(Issuer::cognito_at(local.issuer())?.client("local-reader"))
    ///     .implied_scopes("orders/admin", ["orders/read", "orders/write"])
    ///     .start()
    ///     .await?;
    ///
    /// let admin = verifier.verify(&local.mint().scope("orders/admin").sign())?;
    /// assert!(admin.require("orders/read").is_ok());
    ///
    /// let reader = verifier.verify(&local.mint().scope("orders/read").sign())?;
    /// assert!(reader.require("orders/admin").is_err());
    /// # Ok(()) }
    /// ```
    pub fn implied_scopes<I>(mut self, scope: impl Into<String>, implied: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.implied_scopes.push((scope.into(), implied.into_iter().map(Into::into).collect()));
        self
    }

    /// How far `exp`, `nbf` and `iat` may be off, for clocks that differ: 30 s unless changed, at most 300 s.
    /// A larger leeway lengthens the life of every token (RFC 7519 §4.1.4 speaks of "a few minutes").
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Where the time of day is read: the system's clock unless changed.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets how old keys may become before they are fetched again. They are fetched when four fifths of that time have
    /// passed, ±10 % by chance.
    ///
    /// Default: the issuer's `Cache-Control: max-age`, between 1 min and 1 h, and 10 min if there is none. Range:
    /// 1 s–24 h. At most half of [`max_stale`](Self::max_stale) is in effect; see
    /// [`IssuerStatus::refresh_period`](crate::IssuerStatus::refresh_period).
    ///
    /// A withdrawn key is rejected after this time at the latest, while the issuer responds. Fetching more often than
    /// every few minutes is a burden for the issuer without much use, because a new key is fetched when a token first
    /// names it. When a key was stolen, call [`Verifier::refresh`].
    pub fn refresh_interval(mut self, period: Duration) -> Self {
        self.refresh.interval = Interval::Fixed(period);
        self
    }

    /// Sets how often tokens that name an unknown key may cause a fetch. Default: once in 30 s for each issuer, and a
    /// second time 1.1 s later if the key was not found. Range: 1 s–1 h.
    ///
    /// Attackers can invent key ids, so this bounds the load on the issuer. It also bounds how long an attacker who does
    /// so can delay the use of a new key that is published late.
    pub fn refresh_cooldown(mut self, cooldown: Duration) -> Self {
        self.refresh.cooldown = cooldown;
        self
    }

    /// Sets how long keys are used after they were last fetched, while the issuer cannot be reached. Default: 24 h.
    /// Range: 1 min–30 days. It is counted by the wall clock and by the monotonic clock, and the stricter one wins.
    ///
    /// Afterwards every token is [`Error::KeysUnavailable`](crate::Error::KeysUnavailable) until the issuer responds
    /// again. A longer time survives longer outages. A shorter one bounds how long a withdrawn key can be used by an
    /// attacker who keeps us from reaching the issuer. Once in this time, the whole key set is requested even if a cache
    /// answers that it is unchanged.
    pub fn max_stale(mut self, limit: Duration) -> Self {
        self.refresh.max_stale = limit;
        self
    }

    /// Adds certificate authorities for key sets and metadata, beside those of the system: PEM, one or several
    /// certificates. Use it for an issuer inside a company or a cluster.
    ///
    /// On Linux, the environment variable `SSL_CERT_FILE` names a file to use in place of the system's authorities.
    ///
    /// If it is not PEM of certificates that can be trusted, starting the verifier fails with
    /// [`ConfigError::HttpClient`], whose source says what was expected.
    #[cfg(feature = "fetch")]
    pub fn root_certificates(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.transport.root_certificates.push(pem.as_ref().into());
        self
    }

    /// Sets the time limit for each request of a key set or of metadata, from its connection to the end of the response.
    /// Two fifths of it are the limit for the connection. Default: 5 s. Range: 100 ms–30 s.
    ///
    /// A fetch with all its requests takes at most 30 s, whatever this is.
    #[cfg(feature = "fetch")]
    pub fn fetch_timeout(mut self, timeout: Duration) -> Self {
        self.transport.timeout = timeout;
        self
    }

    /// Sets which issuers must have keys before [`start`](Self::start) returns. Default: all.
    #[cfg(feature = "fetch")]
    pub fn start_policy(mut self, policy: StartPolicy) -> Self {
        self.start_policy = policy;
        self
    }

    /// How many verified tokens are kept, so that a token which comes again is not verified in full: 4,096 unless changed,
    /// rounded up to a multiple of 4, at most 1,048,576 (or [`ConfigError::OutOfRange`]); 0 keeps none. Callers of machines use a token for an hour, so
    /// this should be about twice the number of callers that are active within an hour: a token that was pushed out costs
    /// its next request one signature check.
    ///
    /// Kept tokens are good for as long as they would be without: no longer than until their `exp`, not when their key is
    /// gone, and not for a verifier that was built anew. Tokens that were refused are not kept, nor those of more than
    /// 4 KiB.
    pub fn cache_capacity(mut self, entries: usize) -> Self {
        self.cache_entries = entries;
        self
    }

    /// How much memory the kept tokens may take, in bytes: 4 KiB for each entry unless changed, so 16 MiB by default. Less
    /// than 1 KiB for each entry, of which there is a multiple of 4, is [`ConfigError::OutOfRange`]. It is shared out to every four of them. An ordinary token takes 2 to 3 KiB with its claims. It
    /// is a count of what is asked of the allocator, which takes something for itself: for a token of hundreds of short scopes,
    /// of which the application or a refusal has made a list, up to as much again.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = Some(bytes);
        self
    }

    /// Adds a check of the application over the claims of valid tokens: for rules beside scopes, such as a list of
    /// suspended clients. May be called several times. All checks must accept.
    ///
    /// A check runs at each use of a token, also if the token is cached. It runs on the request's thread, so it must not
    /// block: read what it needs from memory. If a check denies, verification fails with
    /// [`Error::Denied`](crate::Error::Denied), which is HTTP 403 with the reason code.
    ///
    /// ```
    /// use scopegate::{Denied, Error, Issuer, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = scopegate_issuer::LocalIssuer::start().await?;
    /// # let issuer = Issuer::cognito_at(local.issuer())?.clients(["local-reader", "local-writer"]);
    /// let verifier = Verifier::builder()
    ///     .trust(issuer)
    ///     .check(|claims| match claims.client_id() {
    ///         Some("local-writer") => Err(Denied::new("suspended")),
    ///         _ => Ok(()),
    ///     })
    ///     .start()
    ///     .await?;
    ///
    /// assert!(verifier.verify(&local.mint().sign()).is_ok());
    /// let suspended = verifier.verify(&local.mint().client("local-writer").sign());
    /// assert!(matches!(suspended, Err(Error::Denied(denied)) if denied.reason() == "suspended"));
    /// # Ok(()) }
    /// ```
    pub fn check(mut self, check: impl Fn(&Claims) -> Result<(), Denied> + Send + Sync + 'static) -> Self {
        self.hooks.checks.push(Arc::new(check));
        self
    }

    /// Adds an observer that gets the decision about each request: for audit logs and metrics of your own. May be called
    /// several times.
    ///
    /// Layers of `scopegate-axum` record decisions. Elsewhere, call
    /// [`Authorizer::record`](crate::http::Authorizer::record). [`verify`] alone records none, because it knows no request.
    ///
    /// A request that passes several layers of one verifier is recorded once. If its layers have different verifiers,
    /// each verifier records it: its observers get one decision, and `scopegate_requests_total` counts one more.
    ///
    /// An observer runs on the request's thread, so it must not block. If it panics, that is logged, and the decision
    /// stands.
    ///
    /// [`verify`]: Verifier::verify
    #[cfg(feature = "http")]
    pub fn observe(mut self, observer: impl Fn(&Decision<'_>) + Send + Sync + 'static) -> Self {
        self.hooks.observers.push(Arc::new(observer));
        self
    }

    /// Builds a verifier whose issuers all have static keys ([`Issuer::from_jwks`]): no runtime, no network.
    ///
    /// # Errors
    /// [`ConfigError::KeysRequireRuntime`] if an issuer's keys have to be fetched; any other [`ConfigError`]
    /// about the settings.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        match self.issuers.iter().find(|issuer| !matches!(issuer.keys, KeyConfig::Static(..))) {
            Some(issuer) => Err(ConfigError::KeysRequireRuntime { issuer: issuer.identifier.clone() }),
            None => {
                self.build_with(|_, name| Err(ConfigError::KeysRequireRuntime { issuer: name.to_string() }))
            }
        }
    }

    /// Builds a verifier. `fetch` is called for each issuer whose keys have to be fetched, and returns them
    /// with the guard of the task that does it.
    pub(crate) fn build_with(
        self,
        mut fetch: impl FnMut(&Issuer, &Arc<str>) -> Result<(Keys, AbortOnDrop), ConfigError>,
    ) -> Result<Verifier, ConfigError> {
        self.check_settings()?;
        let hierarchy = ScopeHierarchy::new(&self.implied_scopes)?;
        let (mut trusted, mut tasks) = (Vec::new(), Vec::new());
        for issuer in self.issuers {
            let name: Arc<str> = issuer.identifier.as_str().into();
            let keys = if let KeyConfig::Static(jwks, read) = &issuer.keys {
                static_keys(&name, jwks, &issuer.policy.key_rules(), read.as_deref())?
            } else {
                let (keys, task) = fetch(&issuer, &name)?;
                tasks.push(task);
                keys
            };
            trusted.push(TrustedIssuer { identifier: name, policy: issuer.policy, keys });
        }
        let bytes = self.cache_bytes.unwrap_or(self.cache_entries.saturating_mul(BYTES_PER_ENTRY));
        let cache = Cache::new(self.cache_entries, bytes);
        Ok(Verifier::new(trusted, self.clock, self.leeway, cache, hierarchy, self.hooks, tasks))
    }

    fn check_settings(&self) -> Result<(), ConfigError> {
        const SECOND: Duration = Duration::from_secs(1);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        if self.issuers.is_empty() {
            return Err(ConfigError::NoIssuer);
        }
        for (position, issuer) in self.issuers.iter().enumerate() {
            issuer.check()?;
            issuer.warn_of_client_as_audience();
            let unnamed = |other: &&Issuer| other.policy.accepts_missing_iss;
            if issuer.policy.accepts_missing_iss
                && let Some(earlier) = self.issuers.iter().take(position).find(unnamed)
            {
                return Err(ConfigError::OutOfRange {
                    setting: "allow_missing_iss",
                    expected: "at most one issuer of tokens without `iss`",
                    found: format!("{} and {}", earlier.identifier, issuer.identifier),
                });
            }
            if self.issuers.iter().take(position).any(|earlier| earlier.identifier == issuer.identifier) {
                return Err(ConfigError::DuplicateIssuer { issuer: issuer.identifier.clone() });
            }
        }
        if self.cache_entries > MAX_CACHE_ENTRIES {
            let (expected, found) = ("at most 1048576", self.cache_entries.to_string());
            return Err(ConfigError::OutOfRange { setting: "cache entries", expected, found });
        }
        if self.cache_bytes.is_some_and(|bytes| bytes < Cache::slots(self.cache_entries) * 1024) {
            let (expected, found) =
                ("at least 1024 for each entry", self.cache_bytes.unwrap_or_default().to_string());
            return Err(ConfigError::OutOfRange { setting: "cache bytes", expected, found });
        }
        #[cfg(feature = "fetch")]
        in_range(
            "fetch timeout",
            self.transport.timeout,
            Duration::from_millis(100)..=Duration::from_secs(30),
            "100 ms to 30 s",
        )?;
        in_range("leeway", self.leeway, Duration::ZERO..=Duration::from_secs(300), "0 s to 300 s")?;
        let (Interval::Fixed(period) | Interval::FromCacheControl { fallback: period }) =
            self.refresh.interval;
        in_range("refresh period", period, SECOND..=DAY, "1 s to 24 h")?;
        in_range(
            "refresh cooldown",
            self.refresh.cooldown,
            SECOND..=Duration::from_secs(3600),
            "1 s to 1 h",
        )?;
        in_range(
            "stale limit",
            self.refresh.max_stale,
            Duration::from_secs(60)..=30 * DAY,
            "1 min to 30 days",
        )
    }
}

fn static_keys(
    issuer: &str,
    jwks: &str,
    accepted: &KeyRules,
    read: Option<&KeySet>,
) -> Result<Keys, ConfigError> {
    match KeySet::from_json(jwks.as_bytes(), accepted, read).and_then(KeySet::not_empty) {
        Ok(keys) => {
            keys.log_skipped(issuer, None);
            Ok(Keys::Static(Arc::new(keys)))
        }
        Err(reason) => {
            Err(ConfigError::InvalidKeySet { issuer: issuer.to_owned(), reason: reason.to_string() })
        }
    }
}

fn in_range(
    setting: &'static str,
    value: Duration,
    range: RangeInclusive<Duration>,
    expected: &'static str,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange { setting, expected, found: format!("{} s", value.as_secs_f64()) })
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}
