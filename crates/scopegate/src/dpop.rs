//! DPoP (RFC 9449): does the sender of a token hold the key to which the token is bound?
//!
//! The checks are pure: they take the headers, the method, the path and the current time.

pub(crate) mod binding;
pub(crate) mod error;
pub(crate) mod nonce;
pub(crate) mod proof;
pub(crate) mod replay;
mod target;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::config_error::ConfigError;
use crate::dpop::nonce::DpopNonces;
use crate::dpop::proof::ProofRules;
use crate::dpop::replay::memory::MemoryStore;
use crate::dpop::replay::{MAX_AGE, ReplayStore, SharedStore, Store};
use crate::dpop::target::Target;
use crate::token::algorithm::Algorithm;

/// Settings for tokens that are bound to a key of their client (DPoP, RFC 9449). Pass it to
/// [`VerifierBuilder::dpop`](crate::VerifierBuilder::dpop).
///
/// A client signs a proof for each request, so a stolen token is useless without the client's key.
/// The request has the token in `Authorization: DPoP …` and the proof in a `DPoP` header.
///
/// ```
/// use scopegate::{Dpop, Issuer, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = scopegate_issuer::LocalIssuer::start().await?;
/// # let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
/// let dpop = Dpop::accept().origin("https://api.example");
/// let verifier = Verifier::builder().trust(issuer).dpop(dpop).start().await?;
/// # let _ = verifier;
/// # Ok(()) }
/// ```
///
/// The layers of `scopegate-axum` read the proof. Elsewhere, call
/// [`Authorizer::authorize_request`](crate::http::Authorizer::authorize_request). A call of
/// [`Verifier::verify`](crate::Verifier::verify) has no proof, so it rejects bound tokens.
///
/// # Checks
///
/// After the token is verified, the proof is checked (§4.3):
///
/// 1. There is exactly one `DPoP` header. It is one JWT of at most 8 KiB.
/// 2. `typ` is `dpop+jwt`, `alg` is [accepted](Self::algorithms), and there is no `crit`.
/// 3. `jti`, `htm`, `htu`, `iat` and `ath` have the right types. A `jti` has 1–256 bytes.
/// 4. `htm` is the method, and `htu` the URL of the request. URLs are compared after normalization
///    (RFC 3986 §6.2.2, §6.2.3), without query and fragment.
/// 5. `iat` is within the [window](Self::max_age), and `ath` is the hash of the token.
/// 6. `jwk` is the public key to which the token is bound (`cnf.jkt`, §6.1).
/// 7. `nonce` is valid, if [nonces](Self::nonces) are required.
/// 8. The signature verifies with `jwk`.
///
/// Then the token's revocation, the application's checks, the scopes and the rules are checked. At
/// last, the proof is recorded. A proof that was used before is rejected. If the store is full or
/// unreachable, the request gets a 503.
#[derive(Clone)]
#[must_use = "settings have no effect until they are passed to `VerifierBuilder::dpop`"]
pub struct Dpop {
    is_required: bool,
    origin: Option<String>,
    path_prefix: String,
    algorithms: Vec<Algorithm>,
    max_age: Duration,
    max_clock_skew: Duration,
    nonces: Option<DpopNonces>,
    nonce_lifetime: Duration,
    replay_capacity: usize,
    replay_store: Option<SharedStore>,
    /// The store in memory, which clones share. It is created by the first verifier.
    memory: Arc<OnceLock<Arc<MemoryStore>>>,
}

/// Upper bound of the capacity of the store in memory, which then takes 274 MiB.
const MAX_CAPACITY: usize = 1 << 24;

/// Every proof with their keys and signatures is longer than the limit.
const TOO_LARGE: [Algorithm; 2] = [Algorithm::MlDsa65, Algorithm::MlDsa87];

impl Dpop {
    /// Accepts bound tokens with a proof, and also tokens that are not bound, as bearer tokens.
    pub fn accept() -> Self {
        Self::new(false)
    }

    /// Accepts bound tokens with a proof only. Every bearer token is rejected.
    pub fn require() -> Self {
        Self::new(true)
    }

    fn new(is_required: bool) -> Self {
        Self {
            is_required,
            origin: None,
            path_prefix: String::new(),
            algorithms: vec![Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::PS256],
            max_age: Duration::from_secs(60),
            max_clock_skew: Duration::from_secs(10),
            nonces: None,
            nonce_lifetime: Duration::from_secs(300),
            replay_capacity: 262_144,
            replay_store: None,
            memory: Arc::default(),
        }
    }

    /// Sets the origin of the API for its clients, such as `https://api.example`. It must be set.
    ///
    /// It is compared with `htu` of each proof. It is never read from a request: an attacker can
    /// choose `Host` and `X-Forwarded-Host`. `http` is accepted on a loopback address.
    ///
    /// If a request has a [resource](crate::http::Authorizer::with_resource) of its own, such as a
    /// tenant's, the proof must name the origin of this resource instead.
    ///
    /// Starting the verifier fails with [`ConfigError::MissingOrigin`] without an origin, and with
    /// [`ConfigError::InvalidUrl`] if it has a path, a query, a fragment or a user name.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Sets the path that a proxy removes from the URLs of clients. Default: none.
    ///
    /// With `/shop`, a client signs `https://api.example/shop/orders` for a request that arrives as
    /// `/orders`. Don't set it for axum's `Router::nest`: the layers of `scopegate-axum` read the
    /// original URL. They accept proofs with the feature `dpop`.
    pub fn path_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.path_prefix = prefix.into();
        self
    }

    /// Sets the accepted algorithms of proofs. Default: `ES256`, `ES384`, `EdDSA`
    /// and `PS256`.
    ///
    /// Challenges and metadata list them. An empty list is [`ConfigError::OutOfRange`]. So are
    /// [`MlDsa65`](Algorithm::MlDsa65) and [`MlDsa87`](Algorithm::MlDsa87): a proof contains a key
    /// and a signature, and with theirs it is longer than 8 KiB.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets the maximum age of a proof, by its `iat`. Default: 60 s. Range: 1 s–300 s. It applies with
    /// [nonces](Self::nonces) too: RFC 9449 §4.3 (11) leaves that to the server.
    ///
    /// Memory holds used proofs for this time, so a longer time needs more of it. A
    /// [shared store](Self::replay_store) holds them for the longest age, so instances may differ.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self.with_own_store()
    }

    /// Sets how far `iat` may be in the future, for clocks of clients that are ahead. Default:
    /// 10 s. Range: 0 s–60 s.
    pub fn max_clock_skew(mut self, skew: Duration) -> Self {
        self.max_clock_skew = skew;
        self.with_own_store()
    }

    /// Requires a nonce of this API in each proof (§9), besides the check of its age. Default: none is
    /// required.
    pub fn nonces(mut self, nonces: &DpopNonces) -> Self {
        self.nonces = Some(nonces.clone());
        self
    }

    /// Sets how long a nonce is accepted at most. Default: 5 min. Range: 10 s–1 h.
    ///
    /// A new nonce replaces the current one after half of this time. The earlier one stays valid for
    /// the other half, so a client can use a nonce for 2.5 to 5 min by default. Accepted responses to
    /// proofs with the earlier one have the current one in `DPoP-Nonce`.
    pub fn nonce_lifetime(mut self, lifetime: Duration) -> Self {
        self.nonce_lifetime = lifetime;
        self
    }

    /// Sets how many used proofs are stored in memory. Default: 262,144. Range: 1–16,777,216.
    ///
    /// An entry takes 18 bytes, which are allocated at the start. The default takes 4.5 MiB. It is
    /// sufficient for 3,700 requests with proofs per second, because a proof is stored for 70 s at
    /// most. At most a seventh of the entries may expire in the same seventh of the window, which is 10
    /// s by default. Beyond that, requests with proofs get a 503 for the rest of that time, which
    /// `Retry-After` has. After a restart, the store is empty.
    ///
    /// Verifiers that are built from clones of one `Dpop` share the store, so a proof is accepted once by
    /// all of them. A later call of this method, of [`max_age`](Self::max_age) or of
    /// [`max_clock_skew`](Self::max_clock_skew) gives that clone a store of its own.
    ///
    /// Clients have no share of their own: one client with a valid token can use the whole capacity.
    /// Limit the requests of each client, and watch `scopegate_dpop_proofs_total`.
    pub fn replay_capacity(mut self, proofs: usize) -> Self {
        self.replay_capacity = proofs;
        self.with_own_store()
    }

    /// Returns the settings with a store of their own, whose size or window differs from that of their
    /// clones.
    fn with_own_store(mut self) -> Self {
        self.memory = Arc::default();
        self
    }

    /// Stores used proofs in a store that several instances share, instead of memory.
    ///
    /// Without it, each of several instances accepts a proof once. `scopegate_redis::RedisReplayStore`
    /// is such a store.
    pub fn replay_store(mut self, store: impl ReplayStore) -> Self {
        self.replay_store = Some(SharedStore::new(store));
        self
    }

    /// Returns the same settings, which reject every bearer token.
    pub(crate) fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// Returns how far an `iat` may be in the future.
    pub(crate) fn clock_skew(&self) -> Duration {
        self.max_clock_skew
    }

    /// Returns whether bearer tokens are rejected.
    pub fn is_required(&self) -> bool {
        self.is_required
    }

    /// Returns the accepted algorithms of proofs.
    pub fn accepted_algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// Checks the settings.
    pub(crate) fn into_policy(self) -> Result<Policy, ConfigError> {
        let second = Duration::from_secs(1);
        let origin = self.origin.as_deref().ok_or(ConfigError::MissingOrigin)?;
        let target = Target::new(origin, &self.path_prefix)?;
        ConfigError::check_range("age of DPoP proofs", self.max_age, second..=MAX_AGE, "1 s to 300 s")?;
        let skews = Duration::ZERO..=60 * second;
        ConfigError::check_range("clock skew of DPoP proofs", self.max_clock_skew, skews, "0 s to 60 s")?;
        let lifetimes = 10 * second..=3600 * second;
        ConfigError::check_range("lifetime of DPoP nonces", self.nonce_lifetime, lifetimes, "10 s to 1 h")?;
        if self.algorithms.is_empty() {
            let (setting, expected) = ("algorithms of DPoP proofs", "at least one");
            return Err(ConfigError::OutOfRange { setting, expected, found: "none".to_owned() });
        }
        if let Some(large) = self.algorithms.iter().find(|algorithm| TOO_LARGE.contains(algorithm)) {
            let (setting, expected) =
                ("algorithms of DPoP proofs", "algorithms whose proofs have 8 KiB at most");
            return Err(ConfigError::OutOfRange { setting, expected, found: large.name().to_owned() });
        }
        if !(1..=MAX_CAPACITY).contains(&self.replay_capacity) {
            let (setting, expected) = ("capacity for DPoP proofs", "1 to 16777216");
            let found = self.replay_capacity.to_string();
            return Err(ConfigError::OutOfRange { setting, expected, found });
        }
        let window = self.max_age + self.max_clock_skew;
        let memory = || Arc::new(MemoryStore::new(self.replay_capacity, window));
        let store = match &self.replay_store {
            Some(store) => Store::Shared(store.clone()),
            None => Store::Memory(Arc::clone(self.memory.get_or_init(memory))),
        };
        let rules = ProofRules {
            target,
            algorithms: self.algorithms.clone(),
            max_age: self.max_age,
            max_clock_skew: self.max_clock_skew,
            nonces: self.nonces.clone().map(|nonces| (nonces, self.nonce_lifetime)),
        };
        Ok(Policy { rules, store, settings: self })
    }
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("is_required", &self.is_required)
            .field("origin", &self.origin)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// The settings of a verifier, checked.
pub(crate) struct Policy {
    pub(crate) rules: ProofRules,
    pub(crate) store: Store,
    pub(crate) settings: Dpop,
}
