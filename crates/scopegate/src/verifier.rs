//! Verification: is a token a valid access token for this API?
//!
//! `run_checks` calls the checks in the documented order. Each check is in the file of its concept.

#[cfg(feature = "http")]
pub(crate) mod bound;
pub(crate) mod builder;
#[cfg(feature = "fetch")]
mod by_introspection;
mod cached;
mod decide;
mod explained;
#[cfg(feature = "http")]
mod fapi2;
pub(crate) mod hooks;
#[cfg(feature = "fetch")]
pub(crate) mod introspecting;
pub(crate) mod key_wait;
#[cfg(feature = "fetch")]
mod listed_status;
pub(crate) mod outcome;
pub(crate) mod pending;
mod refresh;
mod report;
mod run_checks;
pub(crate) mod trust;

use std::fmt;
use std::sync::Arc;

use scopegate_proto::base64url;
use scopegate_proto::clock::Clock;

use crate::cache::Cache;
use crate::cache::key_ref::KeyRef;
#[cfg(feature = "http")]
use crate::certificate::CertificatePolicy;
use crate::checks::confirmation::{Presented, RequestCertificate, Scheme};
use crate::claims::Claims;
use crate::config_error::ConfigError;
#[cfg(feature = "http")]
use crate::decision::Decision;
use crate::error::Error;
use crate::keys::fetched::OverdueKeys;
use crate::revocation::Revocations;
use crate::revocation::issuers::TrustedIssuers;
use crate::scope::hierarchy::ScopeHierarchy;
use crate::scope::interner::ScopeInterner;
use crate::scope::requirement::Requirement;
use crate::token::numeric_date::NumericDate;
#[cfg(feature = "http")]
use crate::verifier::bound::BoundTokens;
#[cfg(feature = "fetch")]
use crate::verifier::decide::check_bindings;
use crate::verifier::hooks::Hooks;
#[cfg(feature = "fetch")]
use crate::verifier::introspecting::Lookup;
#[cfg(feature = "fetch")]
use crate::verifier::listed_status::{has_valid_status, with_valid_status};
use crate::verifier::outcome::NotAccepted;
use crate::verifier::pending::{Attempt, PendingVerification, Verification};
use crate::verifier::trust::Trust;

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
    /// `None` without DPoP: then every token that is bound to a key is rejected.
    #[cfg(feature = "http")]
    bound: Option<BoundTokens>,
    /// `None` if every token that is bound to a certificate is rejected.
    #[cfg(feature = "http")]
    certificates: Option<CertificatePolicy>,
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
        #[cfg(feature = "http")] certificates: Option<CertificatePolicy>,
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
            #[cfg(feature = "http")]
            certificates,
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
    ///    - Scopes, `sub` and `jti` are well-formed.
    ///    - The token is not sender-constrained (RFC 7800): there is no proof and no certificate.
    /// 8. No [revocation](crate::VerifierBuilder::revocations) applies to the token. Revocations
    ///    are looked up at each use of a token.
    /// 9. Its status is valid in the status list that it names, if the issuer has
    ///    [rules](crate::Issuer::status_list) for it. It is looked up at each use of a token.
    /// 10. Every [check](crate::VerifierBuilder::check) of the application accepts the claims. These
    ///     checks run at each use of a token.
    ///
    /// For an [opaque](crate::Issuer::opaque) token, a result of its issuer's endpoint replaces the
    /// first seven points. A JWT of an issuer with
    /// [`and_introspect`](crate::Issuer::and_introspect) needs a result after these points, at each
    /// use. Without a cached result, the error is [`Error::IntrospectionUnavailable`], and a call
    /// begins in the background.
    ///
    /// A hostile token costs at most one signature check. It costs none if its issuer or its key is
    /// unknown, or if it is outside of its lifetime.
    ///
    /// Accepted tokens are cached. For a cached token, everything that can change is checked again:
    /// the lifetime, the key, the trust in the issuer and its tenant, and the last three points. Its
    /// header must still lead to the same key, and the keys must still be usable. See
    /// [`cache_capacity`](crate::VerifierBuilder::cache_capacity).
    ///
    /// # Errors
    /// Returns an [`Error`] for the first check that fails. It has the expected and the found
    /// value.
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<Claims, Error> {
        let token = Presented::alone(token.as_ref());
        self.decide(self.verify_now(token), token.certificate).map_err(|rejected| rejected.error)
    }

    /// Verifies a token with the keys and the lists as they are.
    #[inline]
    fn verify_now(&self, token: Presented<'_>) -> Result<Claims, Error> {
        self.without_waiting(self.verify_inner(token, OverdueKeys::Use))
    }

    /// Returns the error of a verification that does not wait.
    #[inline]
    #[cfg_attr(
        not(feature = "fetch"),
        allow(clippy::unused_self, reason = "it is the same call with the feature")
    )]
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
    /// It waits at most 2 s in all, or as long as the
    /// [time limit](crate::Introspection::timeout) of an introspection if that is more. One fetch normally takes milliseconds. If it does not bring an unknown
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
        match self.attempt(token, RequestCertificate::NotAccepted) {
            Attempt::Done(result) => Verification::Done(result.map_err(|rejected| rejected.error)),
            Attempt::Pending(pending) => Verification::Pending(*pending),
        }
    }

    /// Like [`try_verify`](Self::try_verify), but also returns the claims of a valid token that is
    /// denied.
    pub(crate) fn attempt(&self, token: &[u8], certificate: RequestCertificate<'_>) -> Attempt {
        let token = Presented { token, scheme: Scheme::Bearer, certificate };
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
        Attempt::Done(self.decide(result, certificate))
    }

    /// Passes a decision to the observers.
    #[cfg(feature = "http")]
    pub(crate) fn observe(&self, decision: &Decision<'_>) {
        self.0.hooks.observe(decision);
    }

    /// Returns the rules for client certificates.
    #[cfg(feature = "http")]
    pub(crate) fn certificates(&self) -> Option<&CertificatePolicy> {
        self.0.certificates.as_ref()
    }

    /// Returns whether requests may have a client certificate.
    #[cfg(feature = "fetch")]
    #[cfg_attr(not(feature = "http"), allow(clippy::unused_self, reason = "only requests have certificates"))]
    fn reads_certificates(&self) -> bool {
        #[cfg(feature = "http")]
        return self.certificates().is_some();
        #[cfg(not(feature = "http"))]
        false
    }

    /// Returns whether tokens without a certificate are rejected.
    #[cfg(feature = "http")]
    fn requires_certificate(&self) -> bool {
        self.certificates().is_some_and(|policy| policy.settings.is_required())
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
            // An issuer of opaque tokens has no keys to wait for.
            let fetched = issuers.iter().filter_map(|issuer| Some((issuer, issuer.keys.fetched()?)));
            let mut unusable = fetched.filter(|(issuer, _)| !issuer.keys.is_usable(now));
            let Some((issuer, keys)) = unusable.next() else { break };
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
            return self.looked_up(claims, token, now);
        }
        #[cfg(feature = "fetch")]
        if let Some(issuer) = self.opaque_issuer(token.token) {
            return self.verify_opaque(token, issuer, now);
        }
        self.count_miss(token.scheme);
        self.verify_uncached(token, now, overdue)
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
    fn looked_up(
        &self,
        claims: Claims,
        token: Presented<'_>,
        now: NumericDate,
    ) -> Result<Claims, NotAccepted> {
        #[cfg(feature = "fetch")]
        if claims.is_decided_at_each_use() {
            return self.decided_by_issuer(claims, token, now);
        }
        #[cfg(not(feature = "fetch"))]
        let _ = (token, now);
        Ok(claims)
    }

    #[cfg(feature = "fetch")]
    fn decided_by_issuer(
        &self,
        claims: Claims,
        token: Presented<'_>,
        now: NumericDate,
    ) -> Result<Claims, NotAccepted> {
        if claims.introspected().is_none() && has_valid_status(&claims, now) {
            return Ok(claims);
        }
        // `decide` rejects it. A stolen token causes no call and no fetch.
        if check_bindings(&claims, token.scheme, token.certificate).is_err() {
            return Ok(claims);
        }
        match self.introspect_verified(claims, now) {
            Lookup::Decided(result) => with_valid_status(result?, now),
            Lookup::Pending(introspecting) => Err(NotAccepted::Introspecting(introspecting)),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<String> = self.issuers().collect();
        f.debug_struct("Verifier").field("issuers", &issuers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
