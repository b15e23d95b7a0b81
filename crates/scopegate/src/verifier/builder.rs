//! What can be set before a verifier runs, and what are the defaults?

mod assemble;
mod check_settings;
#[cfg(feature = "http")]
mod require_fapi2;
#[cfg(feature = "fetch")]
mod start;
#[cfg(feature = "fetch")]
pub(crate) mod start_policy;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::clock::{Clock, SystemClock};

#[cfg(feature = "http")]
use crate::certificate::ClientCertificates;
use crate::claims::Claims;
use crate::config_error::ConfigError;
#[cfg(feature = "http")]
use crate::decision::Decision;
#[cfg(feature = "http")]
use crate::dpop::Dpop;
use crate::error::denied::Denied;
#[cfg(feature = "fetch")]
use crate::fetch::transport::TransportConfig;
use crate::issuer::Issuer;
#[cfg(feature = "fetch")]
use crate::issuer::issuers::Issuers;
use crate::issuer::key_config::KeyConfig;
use crate::keys::refresh::schedule::{Interval, RefreshConfig};
use crate::revocation::Revocations;
use crate::verifier::Verifier;
#[cfg(feature = "fetch")]
use crate::verifier::builder::start_policy::StartPolicy;
use crate::verifier::hooks::Hooks;
use crate::verifier::trust::factory::MemberFactory;

/// Builds a [`Verifier`]. Get one from [`Verifier::builder`].
#[must_use = "a builder does nothing until start() or build()"]
pub struct VerifierBuilder {
    issuers: Vec<Issuer>,
    clock: Arc<dyn Clock>,
    leeway: Duration,
    refresh: RefreshConfig,
    #[cfg(feature = "fetch")]
    start_policy: StartPolicy,
    #[cfg(feature = "fetch")]
    transport: TransportConfig,
    /// Scopes, each with the scopes that it implies directly.
    implied_scopes: Vec<(String, Vec<String>)>,
    cache_entries: usize,
    /// `None` stands for 4 KiB for each entry.
    cache_bytes: Option<usize>,
    hooks: Hooks,
    #[cfg(feature = "http")]
    requires_fapi2: bool,
    #[cfg(feature = "http")]
    dpop: Option<Dpop>,
    #[cfg(feature = "http")]
    certificates: Option<ClientCertificates>,
    #[cfg(feature = "fetch")]
    resolvers: Vec<Issuers>,
}

impl Verifier {
    /// Returns a builder. Call [`trust`](VerifierBuilder::trust) for each issuer, then
    /// [`start`](VerifierBuilder::start).
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }
}

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
            #[cfg(feature = "http")]
            requires_fapi2: false,
            #[cfg(feature = "http")]
            dpop: None,
            #[cfg(feature = "http")]
            certificates: None,
            #[cfg(feature = "fetch")]
            resolvers: Vec::new(),
        }
    }

    /// Adds a trusted issuer. May be called several times.
    ///
    /// Each issuer has its own keys and rules. A token is verified with the keys and rules of the
    /// issuer that it names.
    ///
    /// Every trusted issuer can grant every scope, because scopes don't belong to an issuer. If you
    /// trust an issuer for some scopes only, limit it with [`Issuer::limit_scopes`].
    pub fn trust(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Trusts issuers that a function of the application returns, besides the issuers of
    /// [`trust`](Self::trust). Use it for a service whose tenants have an issuer each. See
    /// [`Issuers`] for its limits.
    ///
    /// Several calls are asked in their order, and each has its own limits. A later one is asked if
    /// the ones before return no issuer for the name. If a function fails, the token is rejected
    /// (503) without a call of the later ones, so set a [filter](Issuers::filter). If
    /// [`trust`](Self::trust) has an issuer with the name, no function is called.
    ///
    /// ```
    /// use scopegate::{ConfigError, Issuer, Issuers, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = scopegate_issuer::LocalIssuer::start().await?;
    /// # let known = local.issuer().to_owned();
    /// let tenants = Issuers::resolver(move |iss| {
    ///     let (is_tenant, iss) = (iss == known, iss.to_owned());
    ///     async move {
    ///         if !is_tenant {
    ///             return Ok(None);
    ///         }
    ///         Ok::<_, ConfigError>(Some(Issuer::cognito_at(&iss)?.client("local-reader")))
    ///     }
    /// });
    /// let verifier = Verifier::builder().trust_dynamic(tenants).start().await?;
    ///
    /// assert!(verifier.verify_or_refresh(local.mint().sign()).await.is_ok());
    /// let stranger = local.mint().claim("iss", "https://stranger.example").sign();
    /// assert!(verifier.verify_or_refresh(stranger).await.is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// Starting the verifier fails with
    ///
    /// - [`ConfigError::OutOfRange`] for a setting of [`Issuers`] outside of its range.
    /// - [`ConfigError::NoRuntime`] without a Tokio runtime, also in [`build`](Self::build).
    #[cfg(feature = "fetch")]
    pub fn trust_dynamic(mut self, issuers: Issuers) -> Self {
        self.resolvers.push(issuers);
        self
    }

    /// Declares that `scope` implies the `implied` scopes, for tokens from any issuer. For example,
    /// `orders/admin` may imply `orders/read`. By default, no scope implies another one.
    ///
    /// Implication is transitive. Implied scopes are added when a token is verified, so layers,
    /// [`Claims::require`](crate::Claims::require) and [`Claims::scopes`](crate::Claims::scopes)
    /// include them. [`Claims::claim`](crate::Claims::claim) returns the claim as the issuer wrote
    /// it.
    ///
    /// Implied scopes of a cached token count towards [`cache_bytes`](Self::cache_bytes), because
    /// the application may read them.
    ///
    /// Starting the verifier fails with
    ///
    /// - [`ConfigError::InvalidScope`] if a string is not a scope,
    /// - [`ConfigError::ScopeImpliesItself`] if scopes imply each other in a circle,
    /// - [`ConfigError::OutOfRange`] if there are more than 256 different scopes.
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

    /// Sets the leeway for `exp`, `nbf` and `iat`, which allows for clocks that differ. Default:
    /// 30 s. Range: 0 s–300 s.
    ///
    /// A larger leeway lengthens the lifetime of every token. RFC 7519 §4.1.4 allows "a few
    /// minutes".
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the clock that returns the current time. Default: the system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the refresh period: how long fetched keys are considered fresh. The next fetch is due
    /// after four fifths of it, with a random deviation of ±10 %.
    ///
    /// Default: the issuer's `Cache-Control: max-age`, between 1 min and 1 h, and 10 min if there
    /// is none. Range: 1 s–24 h. At most half of [`max_stale`](Self::max_stale) is in effect; see
    /// [`IssuerStatus::refresh_period`](crate::IssuerStatus::refresh_period).
    ///
    /// While the issuer responds, a withdrawn key is rejected after this time at the latest. A
    /// period below a few minutes burdens the issuer without much use, because a new key is fetched
    /// when a token first names it. If a key was stolen, call [`Verifier::refresh`].
    pub fn refresh_interval(mut self, period: Duration) -> Self {
        self.refresh.interval = Interval::Fixed(period);
        self
    }

    /// Sets the cooldown between fetches that are caused by tokens with unknown keys. Default:
    /// 30 s. Range: 1 s–1 h.
    ///
    /// Each issuer has its own cooldown. If a fetch does not bring the key, a second fetch follows
    /// 1.1 s after the first.
    ///
    /// Attackers can invent key ids, so the cooldown bounds the load on the issuer. It also bounds
    /// how long such an attacker can delay the use of a new key that is published late.
    pub fn refresh_cooldown(mut self, cooldown: Duration) -> Self {
        self.refresh.cooldown = cooldown;
        self
    }

    /// Sets the stale limit: how long keys are used after their last fetch, while the issuer is
    /// unreachable. Default: 24 h. Range: 1 min–30 days.
    ///
    /// The time is measured by the wall clock and by the monotonic clock, and the stricter one
    /// wins. From then on, verification fails with
    /// [`Error::KeysUnavailable`](crate::Error::KeysUnavailable) until the issuer responds again.
    ///
    /// A longer limit survives longer outages. A shorter limit bounds how long a withdrawn key can
    /// be used by an attacker who cuts the connection to the issuer. Once in this time, the whole
    /// key set is requested, even if a cache responds that it is unchanged.
    pub fn max_stale(mut self, limit: Duration) -> Self {
        self.refresh.max_stale = limit;
        self
    }

    /// Adds certificate authorities for key sets and metadata, besides the system's: one or several
    /// certificates in PEM. Use it for an issuer inside a company or a cluster.
    ///
    /// On Linux, the environment variable `SSL_CERT_FILE` names a file that replaces the system's
    /// authorities.
    ///
    /// If `pem` has no certificates that can be trusted, starting the verifier fails with
    /// [`ConfigError::HttpClient`]. Its source has the reason.
    #[cfg(feature = "fetch")]
    pub fn root_certificates(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.transport.root_certificates.push(pem.as_ref().into());
        self
    }

    /// Sets the time limit for each request of a key set or of metadata. Default: 5 s.
    /// Range: 100 ms–30 s.
    ///
    /// The limit covers the connection and the whole response. Two fifths of it are the limit for
    /// the connection. A fetch with all its requests always ends within 30 s.
    #[cfg(feature = "fetch")]
    pub fn fetch_timeout(mut self, timeout: Duration) -> Self {
        self.transport.timeout = timeout;
        self
    }

    /// Sets which issuers must have keys before [`start`](Self::start) returns. Default: all
    /// issuers.
    #[cfg(feature = "fetch")]
    pub fn start_policy(mut self, policy: StartPolicy) -> Self {
        self.start_policy = policy;
        self
    }

    /// Sets the capacity of the token cache. Default: 4,096 tokens. Range: 0–1,048,576, otherwise
    /// [`ConfigError::OutOfRange`]. The capacity is rounded up to a multiple of 4, and 0 disables
    /// the cache.
    ///
    /// Clients typically use a token for an hour. A good capacity is about twice the number of
    /// callers that are active within an hour. After an eviction, the next request with that token
    /// costs one signature check.
    ///
    /// The cache does not extend the validity of a token. A cached token is rejected when it
    /// expires, and when its key is withdrawn. A new verifier starts with an empty cache. Rejected
    /// tokens and tokens of more than 4 KiB are not cached.
    pub fn cache_capacity(mut self, entries: usize) -> Self {
        self.cache_entries = entries;
        self
    }

    /// Sets the memory budget of the token cache, in bytes. Default: 4 KiB for each entry, which is
    /// 16 MiB for 4,096 entries. Minimum: 1 KiB for each entry after rounding, otherwise
    /// [`ConfigError::OutOfRange`].
    ///
    /// Every set of four entries gets an equal share. A typical token takes 2–3 KiB with its
    /// claims.
    ///
    /// The budget counts requested bytes, and the allocator adds its own overhead. The overhead can
    /// double the size of a token with hundreds of short scopes, if the application or a rejection
    /// has listed them.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = Some(bytes);
        self
    }

    /// Rejects the tokens that these revocations apply to. They are looked up at each use of a
    /// token, even if the token is cached: after the verifier's other checks, and before the checks
    /// of the application.
    ///
    /// A revoked token is [`Error::Revoked`](crate::Error::Revoked) (401). A token whose `sid` is
    /// not a string is [`Error::MalformedClaim`](crate::Error::MalformedClaim), because it cannot
    /// be compared. Several verifiers can share revocations. A second call replaces the first.
    pub fn revocations(mut self, revocations: &Revocations) -> Self {
        self.hooks.revocations = Some(revocations.clone());
        self
    }

    /// Rejects tokens without `jti` as [`Error::MissingClaim`](crate::Error::MissingClaim), because
    /// they cannot be revoked by their id. Default: they are accepted, and can be revoked by
    /// subject, client, session or key.
    pub fn require_token_id(mut self) -> Self {
        self.hooks.requires_token_id = true;
        self
    }

    /// Adds a check of the application over the claims of valid tokens. Use it for rules besides
    /// scopes, such as a list of suspended clients. May be called several times. All checks must
    /// accept.
    ///
    /// A check runs at each use of a token, even if the token is cached. It runs on the request's
    /// thread, so it must not block: keep its data in memory. If a check denies, verification fails
    /// with [`Error::Denied`](crate::Error::Denied), which is HTTP 403 with the reason code.
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

    /// Accepts or requires tokens that are bound to a key of their client (DPoP, RFC 9449).
    /// Default: such tokens are rejected. A second call replaces the first.
    ///
    /// Cached tokens are divided: bound tokens and bearer tokens have a cache of
    /// [`cache_capacity`](Self::cache_capacity) each.
    ///
    /// Starting the verifier fails with [`ConfigError::MissingOrigin`] without an
    /// [origin](Dpop::origin), and with another [`ConfigError`] if a setting of [`Dpop`] is invalid.
    #[cfg(feature = "http")]
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// Accepts or requires tokens that are bound to a certificate of their client (mutual TLS,
    /// RFC 8705 §3). Default: such tokens are rejected. A second call replaces the first.
    ///
    /// Starting the verifier fails with [`ConfigError::MissingTrustedProxies`] if the certificates come
    /// from a header and no proxy is [trusted](ClientCertificates::trusted_proxies) to set it. It fails
    /// with [`ConfigError::OutOfRange`] for an invalid address of a proxy.
    #[cfg(feature = "http")]
    pub fn client_certificates(mut self, certificates: ClientCertificates) -> Self {
        self.certificates = Some(certificates);
        self
    }

    /// Adds an observer that gets the decision about each request. Use it for audit logs and your
    /// own metrics. May be called several times.
    ///
    /// Layers of `scopegate-axum` record decisions. Elsewhere, call
    /// [`Authorizer::record`](crate::http::Authorizer::record). [`verify`] alone records nothing,
    /// because it has no request.
    ///
    /// A request that passes several layers of one verifier is recorded once. If its layers have
    /// different verifiers, each verifier records it: its observers get one decision, and
    /// `scopegate_requests_total` counts one more.
    ///
    /// An observer runs on the request's thread, so it must not block. If it panics, the panic is
    /// logged, and the decision stays in effect.
    ///
    /// [`verify`]: Verifier::verify
    #[cfg(feature = "http")]
    pub fn observe(mut self, observer: impl Fn(&Decision<'_>) + Send + Sync + 'static) -> Self {
        self.hooks.observers.push(Arc::new(observer));
        self
    }

    /// Builds a verifier whose issuers all have static keys ([`Issuer::from_jwks`]). It needs no
    /// runtime and no network.
    ///
    /// # Errors
    /// Returns [`ConfigError::KeysRequireRuntime`] if an issuer's keys have to be fetched, and
    /// another [`ConfigError`] if a setting is invalid.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let is_fetched = |issuer: &&Issuer| !matches!(issuer.keys, KeyConfig::Static(..));
        if let Some(issuer) = self.issuers.iter().find(is_fetched) {
            return Err(ConfigError::KeysRequireRuntime { issuer: issuer.identifier.clone() });
        }
        let factory = MemberFactory::new(
            self.leeway,
            #[cfg(feature = "fetch")]
            None,
        );
        self.build_with(factory)
    }
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}
