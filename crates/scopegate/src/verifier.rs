//! `Verifier::verify`, which reads as the documented list of checks. Each check is in the file of its
//! concept.

pub(crate) mod builder;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::cache::key_ref::Voucher;
use crate::cache::{Cache, Entry, Kept};
use crate::checks::audience::Named;
use crate::checks::confirmation;
use crate::checks::lifetime::Validity;
use crate::claims;
use crate::claims::{Claims, Identity};
use crate::clock::Clock;
use crate::error::config::ConfigError;
use crate::error::excerpt::Excerpt;
use crate::error::{Error, Part};
use crate::issuer::registry::{Registry, TrustedIssuer};
use crate::keys::jwk::Key;
use crate::keys::name::KeyName;
use crate::keys::refresh::schedule::Standing;
use crate::keys::refresh::task::AbortOnDrop;
use crate::keys::set::{KeySet, NoSingleKey};
use crate::keys::{Changes, Place, Sought, Unavailable};
use crate::scope::hierarchy::ScopeHierarchy;
use crate::scope::interner::ScopeTable;
use crate::scope::requirement::Requirement;
use crate::status::{IssuerStatus, Status};
use crate::token::CompactToken;
use crate::token::arena::Texts;
use crate::token::header::Header;
use crate::token::json::JsonObject;
use crate::token::numeric_date::NumericDate;
use crate::{metrics, token};

/// A request waits no longer than this for fetches that its unknown key has caused: for one, and where a key may be
/// published late for another one a second later. A caller that has waited so long is better served by a clear answer.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Decides whether a token is an access token for this API. Cloning shares it; build one and keep it.
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
/// assert!(claims.require(&"orders/read".into()).is_ok());
/// assert!(claims.require(&"orders/write".into()).is_err());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    issuers: Registry,
    clock: Arc<dyn Clock>,
    leeway: Duration,
    cache: Cache,
    /// The scopes that routes ask for.
    scopes: ScopeTable,
    /// Held for what happens when they are dropped.
    _tasks: Vec<AbortOnDrop>,
}

impl Verifier {
    pub(crate) fn new(
        issuers: Vec<TrustedIssuer>,
        clock: Arc<dyn Clock>,
        leeway: Duration,
        cache: Cache,
        hierarchy: ScopeHierarchy,
        tasks: Vec<AbortOnDrop>,
    ) -> Self {
        token::prepare();
        let (issuers, scopes) = (Registry::new(issuers), ScopeTable::new(hierarchy));
        Self(Arc::new(Inner { issuers, clock, leeway, cache, scopes, _tasks: tasks }))
    }

    /// Verifies an access token in compact form, without the word `Bearer`.
    ///
    /// It does no I/O and awaits nothing, and waits for no lock for a token whose key is known; the keys are those that
    /// were fetched last. A token that names an unknown key, or comes when the keys have expired, may wake the task
    /// that fetches them. In this order:
    ///
    /// 1. The token has at most 16 KiB, exactly three parts, and each is canonical base64url (RFC 7515 §2, §7.1).
    /// 2. The header is a JSON object without repeated members; there is no `crit` (§4.1.11), and no `b64`
    ///    but `true` (RFC 7797 §7); `alg` is asymmetric. A key that the token brings along (`jwk`, `jku`, `x5c`, `x5u`) is
    ///    never used. The payload is such an object too.
    /// 3. `iss` is exactly the name of a trusted issuer; `alg` and `typ` are what that issuer's tokens may have (RFC
    ///    8725 §3.1, §3.8, §3.11).
    /// 4. Exactly one of that issuer's own keys has the token's `kid` and is for its `alg`.
    /// 5. The token is in date, by `exp`, `nbf` and `iat` (RFC 7519 §4.1). One that is not cannot be accepted, so it is not
    ///    worth a signature check.
    /// 6. The signature verifies with that key.
    /// 7. Only now are the other claims judged: the token is an access token, by `token_use` and other marks of the
    ///    issuer's and by the absence of the marks of ID tokens and others; audience and client; it is not bound to a key
    ///    (RFC 7800); its scopes, and `sub` and `jti`, are well-formed.
    ///
    /// A hostile token costs at most one signature check, and one for an unknown issuer, one with an unknown key, and one
    /// that is out of date, none.
    ///
    /// A token that was accepted is kept, and when it comes again, only what can have changed is checked again: that it is
    /// in date, and that its header leads to the same key, in keys that may be used. See
    /// [`with_cache_entries`](VerifierBuilder::with_cache_entries).
    ///
    /// # Errors
    /// An [`Error`] that names the first check that failed, with what was expected and what was found.
    pub fn verify(&self, token: &(impl AsRef<[u8]> + ?Sized)) -> Result<Claims, Error> {
        let result = match self.judge(token.as_ref()) {
            Judgement::Final(result) => result,
            Judgement::UnknownKey { issuer, key, .. } => Err(issuer.unknown_key(&key)),
        };
        metrics::verified(&result);
        result
    }

    /// Like [`verify`](Self::verify), but `None` when the token names a key that may be about to come, so that
    /// [`verify_or_refresh`](Self::verify_or_refresh) is worth its wait: for middleware that makes a future only where it
    /// needs one.
    pub fn verify_if_settled(&self, token: &(impl AsRef<[u8]> + ?Sized)) -> Option<Result<Claims, Error>> {
        let result = match self.judge(token.as_ref()) {
            Judgement::Final(result) => result,
            Judgement::UnknownKey { issuer, key, standing } => Err(issuer.settled(&key, standing)?),
        };
        metrics::verified(&result);
        Some(result)
    }

    /// Like [`verify`](Self::verify), and if the token names an unknown key, waits for the fetch that this causes. So a
    /// token is not refused because its issuer has just begun to use a new key.
    ///
    /// It waits for as long as such a fetch is due or under way, and at most 2 s: normally the milliseconds of one
    /// fetch, and a second more if the key is not there yet and no other unknown key is asked for, because some issuers
    /// publish a key a moment after they begin to use it. It does not wait for a key that was just looked for; see
    /// [`with_refresh_cooldown`](VerifierBuilder::with_refresh_cooldown). At most 1,024 calls wait for one issuer.
    ///
    /// Dropping the future is safe at any time.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify). When the keys could not be fetched, or too many wait, an unknown key is
    /// [`Error::KeysUnavailable`], because nobody can say whether it exists.
    ///
    /// # Panics
    /// On a Tokio runtime without timers, and outside of any, when it has to wait.
    pub async fn verify_or_refresh(&self, token: &(impl AsRef<[u8]> + ?Sized)) -> Result<Claims, Error> {
        let result = self.check_or_refresh(token.as_ref()).await;
        metrics::verified(&result);
        result
    }

    async fn check_or_refresh(&self, token: &[u8]) -> Result<Claims, Error> {
        let deadline = Instant::now() + LONGEST_WAIT;
        let mut waiting: Option<(Changes<'_>, Place<'_>)> = None;
        loop {
            let issuer = match self.judge(token) {
                Judgement::Final(result) => return result,
                Judgement::UnknownKey { issuer, key, standing } => match issuer.settled(&key, standing) {
                    Some(error) => return Err(error),
                    None => issuer,
                },
            };
            match &mut waiting {
                Some((changes, _)) => {
                    if timeout_at(deadline, changes.next()).await.is_err() {
                        // The change may have come at the same moment.
                        return match self.judge(token) {
                            Judgement::Final(result) => result,
                            Judgement::UnknownKey { issuer, .. } => Err(issuer.unavailable()),
                        };
                    }
                }
                // Looks again before it waits: the change may have come before it looked out for changes.
                none => {
                    let changes = issuer.keys.changes();
                    let Some(place) = changes.place() else { return Err(issuer.unavailable()) };
                    *none = Some((changes, place));
                }
            }
        }
    }

    /// Checks the token, and asks what is known about its key if that is missing.
    fn judge(&self, token: &[u8]) -> Judgement<'_> {
        loop {
            match self.check(token) {
                Ok(claims) => return Judgement::Final(Ok(claims)),
                Err(Refused::Finally(error)) => return Judgement::Final(Err(error)),
                Err(Refused::UnknownKey { issuer, key }) => match issuer.keys.unknown_key(&key) {
                    Sought::Missing(standing) => return Judgement::UnknownKey { issuer, key, standing },
                    Sought::Arrived => {}
                },
            }
        }
    }

    /// The same requirement, for tokens of this verifier: it knows which scopes [imply](VerifierBuilder::with_implied_scopes)
    /// others, so that [`Requirement::sufficient_scopes`] asks for no more than is needed, and [`Claims::require`] then takes as long for a token of 200 scopes
    /// and a requirement of ten as for one of each. The layers of `scopegate-axum` do this.
    ///
    /// For requirements that are made when the program starts, before the first token: one that was verified earlier is
    /// compared by text. The verifier remembers up to 256 different scopes as long as it lives; requirements with others are
    /// answered as if they were not prepared.
    #[must_use = "it returns what was prepared"]
    pub fn prepare(&self, requirement: impl Into<Requirement>) -> Requirement {
        requirement.into().prepared(&self.0.scopes)
    }

    /// Until the keys of every issuer are there and may be used, all at the same time: for a service that reports itself
    /// ready only then. At once if they are; never if the runtime that fetches them has ended.
    pub async fn ready(&self) {
        loop {
            let now = self.now();
            let mut issuers = self.0.issuers.iter();
            let Some(issuer) = issuers.find(|issuer| !issuer.keys.view(now).usable) else { return };
            let mut changes = issuer.keys.changes();
            while !issuer.keys.view(self.now()).usable {
                changes.next().await;
            }
        }
    }

    /// What an operator may want to know: for each issuer its keys, their age, and what came of the fetches; and how many
    /// tokens are kept.
    pub fn status(&self) -> Status {
        let now = self.0.clock.now();
        let issuers = self.0.issuers.iter();
        Status::new(
            issuers.map(|issuer| IssuerStatus::new(&issuer.identifier, &issuer.keys, now)),
            self.0.cache.usage(),
        )
    }

    /// The identifiers of the trusted issuers, in the order in which they were named.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.0.issuers.names()
    }

    /// Those of the trusted issuers that are named, in the order of their names here: for a document that tells callers
    /// of some of them. Compared character by character.
    ///
    /// # Errors
    /// [`ConfigError::UntrustedIssuer`] for a name that is none of theirs, [`ConfigError::IssuerNamedTwice`] for one that
    /// is there twice, [`ConfigError::NoIssuerNamed`] for no names.
    pub fn issuers_named<S: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Vec<&str>, ConfigError> {
        self.0.issuers.select(names)
    }

    /// Whether one is a clone of the other, so that what one has verified needs no second verification.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn now(&self) -> NumericDate {
        self.0.clock.now().into()
    }

    /// The checks, in the order that [`verify`](Self::verify) documents, unless the token passed them before.
    fn check(&self, token: &[u8]) -> Result<Claims, Refused<'_>> {
        let Inner { cache, leeway, .. } = &*self.0;
        let now = self.now();
        if let Some(claims) = self.verified_before(token, now) {
            return Ok(claims);
        }
        let parts = CompactToken::split(token)?;
        let header = Header::parse(parts.header())?;
        let payload = JsonObject::from_slice(parts.payload())
            .map_err(|found| Error::NotAnObject { part: Part::Payload, found })?;
        let issuer = self.0.issuers.named_by(&payload)?;
        issuer.check_header(&header)?;
        let voucher = issuer.find_key(&header, now)?;
        // Before the signature, because a token that cannot be accepted is not worth one.
        let validity = Validity::read(&payload)?;
        validity.check(now, *leeway)?;
        issuer.check_signature(&voucher.key, &header, &parts)?;
        // From here on the issuer vouches for every byte of the payload, what was read of it included.
        let policy = &issuer.policy;
        // First, because an ID token is for somebody else, too, and what it is says more.
        policy.kind.check(&payload)?;
        let named = policy.recipients.check(&payload)?;
        confirmation::check_not_bound(&payload)?;
        let claims = self.read_claims(token, &payload, issuer, &named, validity)?;
        if !cache.is_off()
            && let Kept::Yes { evicted: evicted @ 1.. } = cache.keep(Entry::new(&claims, voucher))
        {
            metrics::evicted(evicted);
        }
        Ok(claims)
    }

    /// Reads the claims that are left once the token is known to be for us.
    fn read_claims(
        &self,
        token: &[u8],
        payload: &JsonObject<'_>,
        issuer: &TrustedIssuer,
        named: &Named<'_>,
        validity: Validity,
    ) -> Result<Claims, Error> {
        let subject = claims::optional_string(payload, "sub")?;
        let token_id = claims::optional_string(payload, "jti")?;
        let mut texts = Texts::of(payload.text());
        let granted = issuer.policy.scopes.read(payload, &mut texts, &self.0.scopes)?;
        Ok(Claims::new(
            token,
            Arc::clone(&issuer.identifier),
            &Identity { subject: subject.as_deref(), token_id: token_id.as_deref(), named },
            texts,
            granted,
            validity,
        ))
    }

    /// The claims of a token that passed all checks before, if it would pass them again now.
    fn verified_before(&self, token: &[u8], now: NumericDate) -> Option<Claims> {
        let Inner { cache, leeway, .. } = &*self.0;
        if cache.is_off() {
            return None;
        }
        let claims = cache.find(token, |entry| {
            entry.claims().validity().check(now, *leeway).is_ok() && entry.voucher.still_vouches(now)
        });
        metrics::looked_up(claims.is_some());
        claims
    }
}

impl TrustedIssuer {
    fn check_header(&self, header: &Header<'_>) -> Result<(), Error> {
        if !self.policy.algorithms.contains(&header.algorithm) {
            return Err(Error::UnacceptableAlgorithm {
                expected: self.policy.algorithms.clone(),
                found: Excerpt::new(header.algorithm.name()),
            });
        }
        self.policy.typ.check(header.typ.as_deref())
    }

    /// The one key that the token's header leads to.
    fn find_key(&self, header: &Header<'_>, now: NumericDate) -> Result<Voucher, Refused<'_>> {
        let (id, algorithm) = (header.key_id.as_deref(), header.algorithm);
        let find = |keys: &KeySet| {
            keys.find(id, algorithm).map(|key| Voucher::new(key, id.is_some(), keys, &self.keys))
        };
        let found = self.keys.read(now, find).map_err(|Unavailable { retry_after }| {
            Error::KeysUnavailable { issuer: self.identifier.to_string(), retry_after }
        })?;
        found.map_err(|none| match none {
            NoSingleKey::Ambiguous(found) => {
                let (issuer, key_id) = (self.identifier.to_string(), id.map(Excerpt::new));
                Refused::Finally(Error::AmbiguousKey { issuer, key_id, algorithm, found })
            }
            NoSingleKey::Unknown => {
                Refused::UnknownKey { issuer: self, key: KeyName { id: id.map(Into::into), algorithm } }
            }
        })
    }

    fn check_signature(&self, key: &Key, header: &Header<'_>, parts: &CompactToken<'_>) -> Result<(), Error> {
        if key.verifying.verifies(parts.signing_input, parts.signature()) {
            return Ok(());
        }
        Err(Error::BadSignature {
            issuer: self.identifier.to_string(),
            key_id: header.key_id.as_deref().map(Excerpt::new),
        })
    }

    /// The error for a key that the issuer does not publish.
    fn unknown_key(&self, key: &KeyName) -> Error {
        metrics::unknown_key(&self.identifier);
        Error::UnknownKey {
            issuer: self.identifier.to_string(),
            key_id: key.id.as_deref().map(Excerpt::new),
            algorithm: key.algorithm,
        }
    }

    /// The error for a missing key, unless it may be about to come.
    fn settled(&self, key: &KeyName, standing: Standing) -> Option<Error> {
        match standing {
            Standing::Pending => None,
            Standing::Absent => Some(self.unknown_key(key)),
            Standing::Undecided => Some(self.unavailable()),
        }
    }

    fn unavailable(&self) -> Error {
        let Unavailable { retry_after } = self.keys.unavailable();
        Error::KeysUnavailable { issuer: self.identifier.to_string(), retry_after }
    }
}

/// What is thought of a token.
enum Judgement<'a> {
    Final(Result<Claims, Error>),
    UnknownKey { issuer: &'a TrustedIssuer, key: KeyName, standing: Standing },
}

/// Why a token is not accepted now.
enum Refused<'a> {
    Finally(Error),
    /// It may be accepted after a fetch.
    UnknownKey {
        issuer: &'a TrustedIssuer,
        key: KeyName,
    },
}

impl From<Error> for Refused<'_> {
    fn from(error: Error) -> Self {
        Self::Finally(error)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<&str> = self.0.issuers.iter().map(|issuer| &*issuer.identifier).collect();
        f.debug_struct("Verifier").field("issuers", &issuers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
