//! Verification: is a token a valid access token for this API?
//!
//! `Verifier::run_checks` calls the checks in the documented order. Each check is in the file of
//! its concept.

pub(crate) mod builder;
mod changes;
pub(crate) mod hooks;
pub(crate) mod key_wait;
#[cfg(feature = "fetch")]
mod introspected;
#[cfg(feature = "fetch")]
pub(crate) mod introspecting;
#[cfg(feature = "fetch")]
mod key_sources;
pub(crate) mod member;
pub(crate) mod outcome;
pub(crate) mod pending;
mod refresh;
#[cfg(feature = "fetch")]
mod resolver;
#[cfg(feature = "fetch")]
mod start;
#[cfg(feature = "fetch")]
pub(crate) mod start_policy;
pub(crate) mod trust;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scopegate_proto::base64url;
use scopegate_proto::clock::Clock;
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonObject;
use scopegate_proto::jws::CompactJws;
use scopegate_proto::jws::Part;

use crate::cache::entry::{Entry, Usage};
use crate::cache::key_ref::KeyRef;
use crate::cache::{Cache, Insert};
use crate::checks::audience::IssuedFor;
use crate::checks::confirmation::{self, Presented, Scheme};
use crate::checks::identity;
use crate::checks::lifetime::Lifetime;
use crate::claims::{Claims, Lookups, Named};
#[cfg(feature = "http")]
use crate::decision::Decision;
#[cfg(feature = "http")]
use crate::dpop::Policy;
#[cfg(feature = "http")]
use crate::dpop::proof::{CheckedProof, PresentedProof};
use crate::error::Error;
use crate::error::config::ConfigError;
#[cfg(feature = "fetch")]
use crate::issuer::trusted::AppliesTo;
use crate::issuer::trusted::{KeyLookup, TrustedIssuer};
use crate::keys::fetched::OverdueKeys;
use crate::metrics;
use crate::revocation::Revocations;
use crate::revocation::checked::{NamesRead, RevocableNames};
use crate::revocation::issuers::TrustedIssuers;
use crate::scope::hierarchy::ScopeHierarchy;
use crate::scope::interner::ScopeInterner;
use crate::scope::requirement::Requirement;
use crate::status::{IssuerStatus, Status};
#[cfg(feature = "fetch")]
use crate::status_list::token_status::TokenStatus;
use crate::tenants;
use crate::token;
use crate::token::header::Header;
use crate::token::numeric_date::NumericDate;
use crate::verifier::hooks::Hooks;
#[cfg(feature = "fetch")]
use crate::verifier::introspecting::Asked;
use crate::verifier::outcome::{NotAccepted, Rejected, Undecided, UnknownKey};
#[cfg(feature = "http")]
use crate::verifier::pending::BoundAttempt;
use crate::verifier::pending::{Attempt, PendingVerification, Verification};
use crate::verifier::trust::Trust;

/// The time until the next attempt, if the application's rule for tenants has panicked.
const UNDECIDED_TENANT_PAUSE: Duration = Duration::from_secs(2);

/// Verifies access tokens for this API.
///
/// Create one at startup and clone it. Clones share the keys and the token cache.
///
/// ```
/// use scopegate::{Issuer, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = scopegate_issuer::LocalIssuer::start().await?;
/// # let token = local.mint().scope("orders/read").sign();
/// let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
/// let verifier = Verifier::builder().trust(issuer).start().await?;
/// let claims = verifier.verify(&token)?;
/// assert!(claims.require("orders/read").is_ok());
/// assert!(claims.require("orders/write").is_err());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    trust: Trust,
    clock: Arc<dyn Clock>,
    cache: Cache<KeyRef>,
    /// The scopes that routes require.
    scopes: ScopeInterner,
    hooks: Hooks,
    /// `None` without DPoP: then every bound token is rejected.
    #[cfg(feature = "http")]
    bound: Option<BoundTokens>,
}

/// The rules for tokens that are bound to a key, and their cache.
///
/// Bearer tokens have another cache, so a bound token that is presented as a bearer token is never
/// found there, and bearer tokens have no cost.
#[cfg(feature = "http")]
pub(crate) struct BoundTokens {
    pub(crate) policy: Policy,
    pub(crate) cache: Cache<KeyRef>,
}

impl TrustedIssuers for Inner {
    fn trusts(&self, issuer: &str) -> Option<bool> {
        let is_configured = self.trust.snapshot().get(issuer).is_some();
        if is_configured || self.trust.resolver_status().is_none() { Some(is_configured) } else { None }
    }
}

impl Verifier {
    pub(crate) fn new(
        trust: Trust,
        clock: Arc<dyn Clock>,
        cache: Cache<KeyRef>,
        hierarchy: ScopeHierarchy,
        hooks: Hooks,
        #[cfg(feature = "http")] bound: Option<BoundTokens>,
    ) -> Self {
        base64url::prepare();
        let scopes = ScopeInterner::new(hierarchy);
        let inner = Arc::new(Inner {
            trust,
            clock,
            cache,
            scopes,
            hooks,
            #[cfg(feature = "http")]
            bound,
        });
        if let Some(revocations) = &inner.hooks.revocations {
            let reader: Arc<dyn TrustedIssuers> = Arc::<Inner>::clone(&inner);
            revocations.add_reader(Arc::downgrade(&reader));
        }
        Self(inner)
    }

    fn trusted(&self) -> &Trust {
        &self.0.trust
    }

    /// Verifies an access token in compact form, without the word `Bearer`.
    ///
    /// The call does no I/O and never awaits. It uses the keys of the last successful fetch, and
    /// takes no lock if the token's key is known. If the key is unknown or the keys have expired,
    /// it may wake the task that fetches them.
    ///
    /// The checks, in this order:
    ///
    /// 1. The token has at most 16 KiB and exactly three parts. Each part is canonical base64url
    ///    (RFC 7515 §2, §7.1).
    /// 2. Header and payload are JSON objects without repeated members. The header has no `crit`
    ///    (§4.1.11), and a `b64` must be `true` (RFC 7797 §7). `alg` is asymmetric. Keys inside the
    ///    token (`jwk`, `jku`, `x5c`, `x5u`) are never used.
    /// 3. `iss` is exactly the name of a trusted issuer. That issuer's tokens may have this `alg`
    ///    and `typ` (RFC 8725 §3.1, §3.8, §3.11).
    /// 4. Exactly one of that issuer's own keys has the token's `kid` and is for its `alg`.
    /// 5. The token is within its lifetime, by `exp`, `nbf` and `iat` (RFC 7519 §4.1). This comes
    ///    before the signature, because an expired token is rejected in any case.
    /// 6. The signature verifies with that key.
    /// 7. The other claims are valid:
    ///    - The token is an access token. The issuer's marks such as `token_use` are present, and
    ///      the marks of ID tokens and other tokens are absent.
    ///    - Audience and client match.
    ///    - The token is not sender-constrained (RFC 7800): there is no proof.
    ///    - Scopes, `sub` and `jti` are well-formed.
    /// 8. No [revocation](crate::VerifierBuilder::revocations) applies to the token. Revocations
    ///    are looked up at each use of a token.
    /// 9. Its status is valid in the status list that it names, if the issuer has
    ///    [rules](crate::Issuer::status_list) for it. It is looked up at each use of a token.
    /// 10. Every [check](crate::VerifierBuilder::check) of the application accepts the claims. These
    ///     checks run at each use of a token.
    ///
    /// For a token of an [introspected](crate::Issuer::introspected) issuer, a result of its endpoint
    /// replaces the first seven points. A JWT of an issuer with an
    /// [introspection](crate::Issuer::introspection) needs a result after these points, at each use.
    /// Without a cached result, the error is
    /// [`Error::IntrospectionUnavailable`], and a call begins in the background.
    ///
    /// A hostile token costs at most one signature check. It costs none if its issuer or its key is
    /// unknown, or if it is outside of its lifetime.
    ///
    /// Accepted tokens are cached. For a cached token, only the lifetime, the key and the last three
    /// points are checked again: its header must still lead to the same key, and the keys must
    /// still be usable. See
    /// [`cache_capacity`](crate::VerifierBuilder::cache_capacity).
    ///
    /// # Errors
    /// Returns an [`Error`] for the first check that fails. It has the expected and the found
    /// value.
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<Claims, Error> {
        let token = Presented { token: token.as_ref(), scheme: Scheme::Bearer };
        self.decide(self.verify_now(token)).map_err(|rejected| rejected.error)
    }

    /// Verifies a token with the keys and the lists as they are.
    #[inline]
    fn verify_now(&self, token: Presented<'_>) -> Result<Claims, Error> {
        self.without_waiting(self.verify_inner(token, OverdueKeys::Use))
    }

    /// Returns the error of a verification that does not wait.
    #[inline]
    fn without_waiting(&self, verified: Result<Claims, NotAccepted>) -> Result<Claims, Error> {
        match verified {
            Ok(claims) => Ok(claims),
            Err(NotAccepted::Rejected(error)) => Err(error),
            Err(NotAccepted::Waits(waits, _)) => Err(waits.error()),
            #[cfg(feature = "fetch")]
            Err(NotAccepted::StatusUnknown(claims)) => self.check_status(claims),
            #[cfg(feature = "fetch")]
            Err(NotAccepted::Introspecting(introspecting)) => Err(introspecting.error()),
        }
    }

    /// Like [`verify`](Self::verify), but first waits for a due or running JWKS fetch if the token
    /// needs it. Tokens are then not rejected because their issuer has just begun to use a new key.
    ///
    /// The call waits in five cases:
    ///
    /// - The token names an unknown key.
    /// - The issuer has no usable keys yet.
    /// - The keys are overdue, for example because the process was suspended.
    /// - The token's status list is missing or overdue.
    /// - The token is introspected, and there is no cached result.
    ///
    /// It waits at most 2 s. One fetch normally takes milliseconds. If it does not bring an unknown
    /// key, a second fetch follows after about a second, because some issuers publish a key shortly
    /// after its first use. The call does not wait for an unknown key while the
    /// [cooldown](crate::VerifierBuilder::refresh_cooldown) of earlier unknown keys lasts.
    ///
    /// At most 4,096 calls wait for one issuer, and at most 1,024 of them for one unknown key.
    /// At most 4,096 calls wait for one status list.
    ///
    /// Dropping the future is safe at any time.
    ///
    /// # Errors
    /// Returns the errors of [`verify`](Self::verify). If a key is unknown and no fetch has
    /// succeeded for a refresh period, the error is [`Error::KeysUnavailable`]: the issuer may have
    /// published the key since.
    ///
    /// # Panics
    /// Panics if it has to wait outside of a Tokio runtime, or on a runtime without timers.
    pub async fn verify_or_refresh(&self, token: impl AsRef<[u8]>) -> Result<Claims, Error> {
        match self.try_verify(token.as_ref()) {
            Verification::Done(result) => result,
            Verification::Pending(pending) => pending.wait().await,
        }
    }

    /// Verifies a token without waiting. The verification is pending if a fetch may bring the
    /// token's key.
    pub(crate) fn try_verify(&self, token: &[u8]) -> Verification {
        match self.attempt(token) {
            Attempt::Done(result) => Verification::Done(result.map_err(|rejected| rejected.error)),
            Attempt::Pending(pending) => Verification::Pending(*pending),
        }
    }

    /// Like [`try_verify`](Self::try_verify), but also returns the claims of a valid token that is
    /// denied.
    pub(crate) fn attempt(&self, token: &[u8]) -> Attempt {
        let token = Presented { token, scheme: Scheme::Bearer };
        let result = match self.verify_inner(token, OverdueKeys::Wait) {
            Ok(claims) => Ok(claims),
            Err(NotAccepted::Rejected(error)) => Err(error),
            Err(NotAccepted::Waits(waits, parts)) => match waits.settled_error() {
                Some(error) => Err(error),
                None => {
                    return Attempt::Pending(Box::new(PendingVerification::new(self, token, parts, waits)));
                }
            },
            #[cfg(feature = "fetch")]
            Err(NotAccepted::StatusUnknown(claims)) if self.waits_for_status(&claims) => {
                return Attempt::Pending(Box::new(PendingVerification::for_status(self, token, claims)));
            }
            #[cfg(feature = "fetch")]
            Err(NotAccepted::StatusUnknown(claims)) => self.check_status(claims),
            #[cfg(feature = "fetch")]
            Err(NotAccepted::Introspecting(introspecting)) => {
                let pending = PendingVerification::for_introspection(self, token, introspecting);
                return Attempt::Pending(Box::new(pending));
            }
        };
        Attempt::Done(self.decide(result))
    }

    /// Like [`attempt`](Self::attempt), for a token that the request presents with a proof.
    #[cfg(feature = "http")]
    pub(crate) fn attempt_bound(&self, token: &[u8], proof: &PresentedProof) -> BoundAttempt {
        let token = Presented { token, scheme: Scheme::Dpop };
        let result = match self.verify_inner(token, OverdueKeys::Wait) {
            Ok(claims) => Ok(claims),
            Err(NotAccepted::Rejected(error)) => Err(error),
            Err(NotAccepted::Waits(waits, parts)) => {
                let Some(error) = waits.settled_error() else {
                    let pending = PendingVerification::new(self, token, parts, waits);
                    return BoundAttempt::Pending(Box::new(pending));
                };
                Err(error)
            }
            #[cfg(feature = "fetch")]
            Err(NotAccepted::Introspecting(introspecting)) => {
                let pending = PendingVerification::for_introspection(self, token, introspecting);
                return BoundAttempt::Pending(Box::new(pending));
            }
            // The proof comes first: a stolen token without its key causes no fetch of the list.
            #[cfg(feature = "fetch")]
            Err(NotAccepted::StatusUnknown(claims)) => match self.check_proof(&claims, proof) {
                Ok(_) if self.waits_for_status(&claims) => {
                    let pending = PendingVerification::for_status(self, token, claims);
                    return BoundAttempt::Pending(Box::new(pending));
                }
                Ok(checked) => {
                    let result = self.check_status(claims).map(|claims| (claims, checked));
                    return BoundAttempt::Done(self.decide_proven(result));
                }
                Err(error) => Err(error),
            },
        };
        BoundAttempt::Done(self.decide_bound(result, proof))
    }

    /// Checks the proof of a bound token, and then decides like [`decide`](Self::decide).
    #[cfg(feature = "http")]
    pub(crate) fn decide_bound(
        &self,
        verified: Result<Claims, Error>,
        proof: &PresentedProof,
    ) -> Result<(Claims, CheckedProof), Rejected> {
        self.decide_proven(verified.and_then(|claims| {
            let checked = self.check_proof(&claims, proof)?;
            Ok((claims, checked))
        }))
    }

    /// Decides about a token whose proof was checked.
    #[cfg(feature = "http")]
    fn decide_proven(
        &self,
        checked: Result<(Claims, CheckedProof), Error>,
    ) -> Result<(Claims, CheckedProof), Rejected> {
        let (claims, proof) = checked.map_err(|error| self.rejected(error))?;
        self.conclude(claims).map(|claims| (claims, proof))
    }

    /// Checks the proof of a bound token.
    #[cfg(feature = "http")]
    fn check_proof(&self, claims: &Claims, proof: &PresentedProof) -> Result<CheckedProof, Error> {
        let (Some(bound), Some(binding)) = (&self.0.bound, claims.binding()) else {
            return Err(Error::NotSenderConstrained);
        };
        bound.policy.rules.check(proof, binding, self.now()).map_err(Error::InvalidProof)
    }

    /// Returns the rules for bound tokens.
    #[cfg(feature = "http")]
    pub(crate) fn dpop(&self) -> Option<&Policy> {
        self.0.bound.as_ref().map(|bound| &bound.policy)
    }

    /// Returns whether both record used proofs in one store.
    #[cfg(feature = "http")]
    pub(crate) fn has_replay_store_of(&self, other: &Self) -> bool {
        match (self.dpop(), other.dpop()) {
            (Some(own), Some(others)) => self.is_same(other) || own.store.is_same(&others.store),
            _ => false,
        }
    }

    /// Returns whether bearer tokens are rejected.
    #[cfg(feature = "http")]
    fn requires_proof(&self) -> bool {
        self.dpop().is_some_and(|policy| policy.settings.is_required())
    }

    /// Decides about a token that was presented without a proof. A token that is bound to a key is
    /// rejected, wherever its claims come from.
    #[inline]
    fn decide(&self, verified: Result<Claims, Error>) -> Result<Claims, Rejected> {
        let claims = verified.map_err(|error| self.rejected(error))?;
        if claims.is_sender_constrained() {
            return Err(self.rejected(confirmation::unproven()));
        }
        self.conclude(claims)
    }

    /// Looks up revocations of a valid token, runs the application's checks, and counts the result.
    #[inline]
    fn conclude(&self, claims: Claims) -> Result<Claims, Rejected> {
        let hooks = &self.0.hooks;
        hooks.check_revocation(&claims, || self.now()).map_err(|error| self.rejected(error))?;
        match hooks.check(&claims) {
            Ok(()) => {
                metrics::accepted();
                Ok(claims)
            }
            Err(denied) => Err(Rejected { claims: Some(claims), ..self.rejected(denied.into()) }),
        }
    }

    /// Counts a rejected token.
    #[inline(never)]
    fn rejected(&self, error: Error) -> Rejected {
        metrics::rejected(&error, self.trusted().labelled());
        Rejected { error, claims: None }
    }

    /// Returns whether a valid token waits for its status list. A revoked token does not, and causes
    /// no fetch.
    #[cfg(feature = "fetch")]
    fn waits_for_status(&self, claims: &Claims) -> bool {
        let Some(status) = claims.status() else { return false };
        let now = self.now();
        self.0.hooks.check_revocation(claims, || now).is_ok() && status.is_pending(now)
    }

    /// Checks the status of a valid token by its list as it is. A revoked token is rejected for that
    /// reason, and causes no fetch.
    #[cfg(feature = "fetch")]
    fn check_status(&self, claims: Claims) -> Result<Claims, Error> {
        let Some(status) = claims.status() else { return Ok(claims) };
        let now = self.now();
        self.0.hooks.check_revocation(&claims, || now)?;
        status.check(claims.issuer(), now)?;
        Ok(claims)
    }

    /// Passes a decision to the observers.
    #[cfg(feature = "http")]
    pub(crate) fn observe(&self, decision: &Decision<'_>) {
        self.0.hooks.observe(decision);
    }

    /// Returns whether there is an observer.
    #[cfg(feature = "http")]
    pub(crate) fn is_observed(&self) -> bool {
        !self.0.hooks.observers.is_empty()
    }

    /// Waits until every issuer has usable keys, all at the same time, and then until the
    /// [revocations](crate::Revocations::ready) are ready. Use it to delay readiness.
    ///
    /// Returns at once if everything is ready. Never returns if the runtime that fetches the keys
    /// has ended.
    pub async fn ready(&self) {
        loop {
            let (now, issuers) = (self.now(), self.trusted().issuers());
            let Some(issuer) = issuers.iter().find(|issuer| !issuer.keys.is_usable(now)) else { break };
            let Some(keys) = issuer.keys.fetched() else { break };
            let mut changes = keys.refresh().watch();
            // The end of its refresh is a change too, if it is distrusted meanwhile.
            if !issuer.keys.is_usable(self.now()) && issuer.keys.standing().is_trusted(now) {
                changes.changed().await;
            }
        }
        if let Some(revocations) = &self.0.hooks.revocations {
            revocations.ready().await;
        }
    }

    /// Returns the status for operators: the size of the token cache, and for each issuer its keys,
    /// their age and the results of the fetches.
    pub fn status(&self) -> Status {
        let now = self.0.clock.now();
        let issuers = self.trusted().issuers();
        let issuers = issuers.iter();
        Status::new(
            issuers.map(|issuer| status_of(issuer, now)),
            self.cache_usage(),
            self.0.hooks.revocations.as_ref().map(Revocations::status),
            self.trusted().resolver_status(),
        )
    }

    /// Returns the size of the caches for bearer tokens and for bound tokens.
    fn cache_usage(&self) -> Usage {
        let bearer = self.0.cache.usage();
        let bound = self.cache_of(Scheme::Dpop).map(Cache::usage).unwrap_or_default();
        Usage { entries: bearer.entries + bound.entries, bytes: bearer.bytes + bound.bytes }
    }

    /// Returns the status of one issuer that is trusted now, by its name as tokens have it. It may
    /// be one of a [resolver](crate::VerifierBuilder::trust_dynamic).
    pub fn issuer_status(&self, issuer: &str) -> Option<IssuerStatus> {
        let now = self.0.clock.now();
        let issuer = self.trusted().get_for_operator(issuer, now.into())?;
        Some(status_of(&issuer, now))
    }

    /// Returns the identifiers of the trusted issuers, in the order of the configuration. Issuers
    /// that were [trusted](Self::trust) later follow.
    pub fn issuers(&self) -> impl Iterator<Item = String> + use<> {
        let names: Vec<_> = self.trusted().snapshot().names().map(str::to_owned).collect();
        names.into_iter()
    }

    pub(crate) fn compile(&self, requirement: Requirement) -> Requirement {
        requirement.compiled(&self.0.scopes)
    }

    pub(crate) fn authorization_servers(&self) -> Vec<String> {
        self.trusted().snapshot().servers().map(str::to_owned).collect()
    }

    pub(crate) fn select_issuers<S: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Vec<String>, ConfigError> {
        self.trusted().snapshot().select(names, |_| false)
    }

    pub(crate) fn select_resolvable_issuers<S: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Vec<String>, ConfigError> {
        self.trusted().snapshot().select(names, |name| self.trusted().may_resolve(name))
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn revocations(&self) -> Option<&Revocations> {
        self.0.hooks.revocations.as_ref()
    }

    pub(crate) fn now(&self) -> NumericDate {
        self.0.clock.now().into()
    }

    /// Returns the claims from the cache, or runs the checks. If a key is unknown, it is requested.
    #[inline]
    fn verify_inner(&self, token: Presented<'_>, overdue: OverdueKeys) -> Result<Claims, NotAccepted> {
        let now = self.now();
        if let Some(claims) = self.cached(token, now, overdue) {
            return self.looked_up(claims, token.token, now);
        }
        #[cfg(feature = "fetch")]
        if let Some(issuer) = self.opaque_issuer(token.token) {
            return self.verify_opaque(token, issuer, now);
        }
        self.verify_uncached(token, now, overdue)
    }

    /// Returns the claims of an opaque token.
    #[cfg(feature = "fetch")]
    fn verify_opaque(
        &self,
        token: Presented<'_>,
        issuer: Arc<TrustedIssuer>,
        now: NumericDate,
    ) -> Result<Claims, NotAccepted> {
        #[cfg(feature = "http")]
        if token.scheme == Scheme::Bearer && self.requires_proof() {
            return Err(Error::ProofRequired.into());
        }
        match self.introspect_opaque(token.token, issuer, now) {
            Asked::Decided(result) => Ok(result?),
            Asked::Pending(introspecting) => Err(NotAccepted::Introspecting(introspecting)),
        }
    }

    fn verify_uncached(
        &self,
        token: Presented<'_>,
        now: NumericDate,
        overdue: OverdueKeys,
    ) -> Result<Claims, NotAccepted> {
        // Bearer tokens are not cached then.
        #[cfg(feature = "http")]
        if token.scheme == Scheme::Bearer && self.requires_proof() {
            return Err(Error::ProofRequired.into());
        }
        let parts = token::split(token.token)?;
        match self.run_checks(token, &parts, now, overdue) {
            Ok(claims) => self.looked_up(claims, token.token, now),
            Err(Undecided::Rejected(error)) => Err(NotAccepted::Rejected(error)),
            Err(Undecided::Waits(waits)) => Err(NotAccepted::Waits(waits, parts)),
        }
    }

    /// Returns the claims of a verified JWT if its issuer does not say otherwise.
    #[inline]
    #[cfg_attr(
        not(feature = "fetch"),
        allow(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "it is the same call with the feature"
        )
    )]
    fn looked_up(&self, claims: Claims, token: &[u8], now: NumericDate) -> Result<Claims, NotAccepted> {
        #[cfg(feature = "fetch")]
        let claims = match self.introspect_verified(claims, token, now) {
            Asked::Decided(result) => result?,
            Asked::Pending(introspecting) => return Err(NotAccepted::Introspecting(introspecting)),
        };
        #[cfg(not(feature = "fetch"))]
        let _ = token;
        with_valid_status(claims, now)
    }

    /// Runs the checks on a token that was split before.
    fn verify_parts(
        &self,
        token: Presented<'_>,
        parts: &CompactJws,
        overdue: OverdueKeys,
    ) -> Result<Claims, Undecided> {
        self.run_checks(token, parts, self.now(), overdue)
    }

    /// Runs the checks in the order that [`verify`](Self::verify) documents. The first four find
    /// the key.
    fn run_checks(
        &self,
        token: Presented<'_>,
        parts: &CompactJws,
        now: NumericDate,
        overdue: OverdueKeys,
    ) -> Result<Claims, Undecided> {
        let header = Header::parse(parts.header())?;
        let payload = read_payload(parts)?;
        loop {
            let issuer = self.issuer_of(&payload, now)?;
            issuer.policy.check_header(&header)?;
            let key = match issuer.find_key(&header.key_id, header.algorithm, now, overdue)? {
                KeyLookup::Found(key) => key,
                KeyLookup::Missing(missing) => return Err(UnknownKey { issuer, missing }.into()),
            };
            match self.run_checks_with_key(token, parts, &payload, &issuer, key, now) {
                // Its rules were replaced meanwhile.
                Err(Error::UnknownIssuer { .. }) if self.trusted().get(&payload, now).is_some() => {}
                result => return Ok(result?),
            }
        }
    }

    /// Returns the issuer that the payload names, if it is trusted now. Otherwise requests it from
    /// the resolver.
    fn issuer_of(&self, payload: &JsonObject<'_>, now: NumericDate) -> Result<Arc<TrustedIssuer>, Undecided> {
        let issuer = match self.trusted().get(payload, now) {
            Some(issuer) => issuer,
            None => self.trusted().ask(payload, now)?,
        };
        match issuer.trusts_tenant() {
            Ok(true) => Ok(issuer),
            Ok(false) => Err(self.trusted().snapshot().unknown_issuer(payload).into()),
            Err(tenants::Undecided) => {
                let found = Excerpt::identifier(issuer.name());
                Err(Error::IssuerUnavailable { found, retry_after: UNDECIDED_TENANT_PAUSE }.into())
            }
        }
    }

    /// Runs the checks from the fifth on, with the token's key.
    fn run_checks_with_key(
        &self,
        token: Presented<'_>,
        parts: &CompactJws,
        payload: &JsonObject<'_>,
        issuer: &TrustedIssuer,
        key: KeyRef,
        now: NumericDate,
    ) -> Result<Claims, Error> {
        // Before the signature: an expired token is rejected without the cost of a signature check.
        let lifetime = Lifetime::read(payload)?;
        lifetime.check(now, issuer.leeway)?;
        issuer.check_signature(&key, token.token, parts)?;
        // From here on every byte of the payload is verified, including the claims read above.
        let policy = &issuer.policy;
        // The kind comes first: an ID token has another audience too, and its kind is the clearer error.
        policy.kind.check(payload, issuer.tenant_id().map(AsRef::as_ref))?;
        let issued_for = policy.audience.check(payload)?;
        let key_id = key.key.id.as_deref();
        let claims = self.read_claims(token, token.token, payload, issuer, &issued_for, lifetime, key_id)?;
        // It may have been distrusted since it was found.
        if !issuer.keys.standing().accepts(now) {
            return Err(self.trusted().snapshot().unknown_issuer(payload));
        }
        self.cache(&claims, key, issuer.leeway, token.scheme);
        Ok(claims)
    }

    /// Reads the remaining claims of a token that is for this API. The claims hold `kept` as the token.
    #[allow(clippy::too_many_arguments, reason = "they are the results of the checks before it")]
    fn read_claims(
        &self,
        token: Presented<'_>,
        kept: &[u8],
        payload: &JsonObject<'_>,
        issuer: &TrustedIssuer,
        issued_for: &IssuedFor<'_>,
        lifetime: Lifetime,
        key_id: Option<&str>,
    ) -> Result<Claims, Error> {
        let binding = confirmation::check(payload, token)?;
        let subject = identity::optional_name(payload, "sub")?;
        let token_id = identity::optional_name(payload, "jti")?;
        if token_id.is_none() && self.0.hooks.requires_token_id {
            return Err(Error::MissingClaim { claim: "jti" });
        }
        let granted =
            issuer.policy.scopes.read(payload, issuer.policy.scope_limit.as_deref(), &self.0.scopes)?;
        let revocable = match &self.0.hooks.revocations {
            None => None,
            Some(revocations) => {
                let names = NamesRead {
                    issuer: issuer.name(),
                    token_id: token_id.as_deref(),
                    subject: subject.as_deref(),
                    client: issued_for.client.as_deref(),
                    key_id,
                    issued_at: lifetime.issued_at,
                };
                Some(Box::new(RevocableNames::new(revocations.store(), &names, payload)?))
            }
        };
        #[cfg(feature = "fetch")]
        let status = match &issuer.status_lists {
            None => None,
            Some(lists) => TokenStatus::read(lists, payload)?.map(Box::new),
        };
        Ok(Claims::new(
            kept,
            Arc::clone(issuer.name()),
            &Named {
                tenant: issuer.tenant_id(),
                subject: subject.as_deref(),
                token_id: token_id.as_deref(),
                issued_for,
            },
            payload.text(),
            granted,
            lifetime,
            Lookups {
                revocable,
                #[cfg(feature = "fetch")]
                status,
                #[cfg(feature = "fetch")]
                is_introspected: issuer.introspects(AppliesTo::VerifiedJwts),
                binding,
            },
        ))
    }

    /// Returns the claims of a cached token, if the token is still valid.
    #[inline]
    fn cached(&self, token: Presented<'_>, now: NumericDate, overdue: OverdueKeys) -> Option<Claims> {
        let cache = self.cache_of(token.scheme)?;
        if cache.is_off() {
            return None;
        }
        let claims = cache.find(token.token, |entry| {
            let tenant = || entry.claims().tenant();
            entry.valid.contain(now) && entry.basis.is_current(now, overdue, tenant)
        });
        metrics::looked_up(claims.is_some());
        claims
    }

    /// Returns the cache for tokens that are presented in this scheme.
    #[inline]
    fn cache_of(&self, scheme: Scheme) -> Option<&Cache<KeyRef>> {
        match scheme {
            Scheme::Bearer => Some(&self.0.cache),
            #[cfg(feature = "http")]
            Scheme::Dpop => self.0.bound.as_ref().map(|bound| &bound.cache),
            #[cfg(not(feature = "http"))]
            Scheme::Dpop => None,
        }
    }

    fn cache(&self, claims: &Claims, key: KeyRef, leeway: Duration, scheme: Scheme) {
        let Some(cache) = self.cache_of(scheme) else { return };
        if !cache.is_off()
            && let Insert::Stored { evicted: evicted @ 1.. } = cache.insert(Entry::new(claims, key, leeway))
        {
            metrics::evicted(evicted);
        }
    }
}

/// Returns the claims if the token has no status, or a valid one by a current list.
#[inline]
#[cfg_attr(
    not(feature = "fetch"),
    allow(clippy::unnecessary_wraps, reason = "it is the same call with the feature")
)]
fn with_valid_status(claims: Claims, now: NumericDate) -> Result<Claims, NotAccepted> {
    #[cfg(feature = "fetch")]
    if claims.status().is_some_and(|status| !status.is_valid(now)) {
        return Err(NotAccepted::StatusUnknown(claims));
    }
    #[cfg(not(feature = "fetch"))]
    let _ = now;
    Ok(claims)
}

fn status_of(issuer: &TrustedIssuer, now: SystemTime) -> IssuerStatus {
    let status = IssuerStatus::new(&issuer.identifier, &issuer.keys, now);
    #[cfg(feature = "fetch")]
    if let Some(lists) = &issuer.status_lists {
        return status.with_status_lists(lists.status(now.into()));
    }
    status
}

/// Reads the payload of a token as JSON.
pub(crate) fn read_payload(parts: &CompactJws) -> Result<JsonObject<'_>, Error> {
    JsonObject::from_slice(parts.payload()).map_err(|found| Error::InvalidJson { part: Part::Payload, found })
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<String> = self.issuers().collect();
        f.debug_struct("Verifier").field("issuers", &issuers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
