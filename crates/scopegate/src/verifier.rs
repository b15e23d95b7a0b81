//! `Verifier::verify`, which reads as the documented list of checks. Each check is in the file of its
//! concept.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::builder::VerifierBuilder;
use crate::claims::Claims;
use crate::clock::Clock;
use crate::error::{Error, Part};
use crate::header::Header;
use crate::issuer::Policy;
use crate::json_object::{JsonObject, string};
use crate::key_set::{KeySet, NoSingleKey};
use crate::key_source::{Changes, KeySource, Place, Sought, Unavailable};
use crate::refresh::{KeyName, Standing};
use crate::status::{IssuerStatus, Status};
use crate::token::CompactToken;
use crate::validity::Validity;
use crate::{Excerpt, NumericDate, metrics, token_kind};

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
    issuers: HashMap<Box<str>, TrustedIssuer>,
    clock: Arc<dyn Clock>,
    leeway: Duration,
    /// Held for what happens when they are dropped.
    _tasks: Vec<StopOnDrop>,
}

pub(crate) struct TrustedIssuer {
    pub(crate) identifier: Arc<str>,
    pub(crate) policy: Policy,
    pub(crate) keys: Arc<KeySource>,
}

impl Verifier {
    /// The start of every verifier: name whom to trust, then [`start`](VerifierBuilder::start).
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }

    pub(crate) fn new(
        issuers: HashMap<Box<str>, TrustedIssuer>,
        clock: Arc<dyn Clock>,
        leeway: Duration,
        tasks: Vec<StopOnDrop>,
    ) -> Self {
        Self(Arc::new(Inner { issuers, clock, leeway, _tasks: tasks }))
    }

    /// Verifies an access token in compact form, without the word `Bearer`.
    ///
    /// It does no I/O and awaits nothing, and takes no lock for a token whose key is known; the keys are those that
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
    /// 5. The signature verifies with that key.
    /// 6. Only now are the claims judged: `exp`, `nbf` and `iat` (RFC 7519 §4.1); the token is an access token, by
    ///    `token_use` and other marks of the issuer's and by the absence of the marks of ID tokens and others; audience and
    ///    client; it is not bound to a key (RFC 7800); its scopes, and `sub` and `jti`, are well-formed.
    ///
    /// A hostile token costs at most one signature check, and one for an unknown issuer none.
    ///
    /// # Errors
    /// An [`Error`] that names the first check that failed, with what was expected and what was found.
    pub fn verify(&self, token: &str) -> Result<Claims, Error> {
        let result = match self.judge(token) {
            Judgement::Final(result) => result,
            Judgement::UnknownKey { issuer, key, .. } => Err(issuer.unknown_key(&key)),
        };
        metrics::verified(&result);
        result
    }

    /// Like [`verify`](Self::verify), but `None` when the token names a key that may be about to come, so that
    /// [`verify_or_refresh`](Self::verify_or_refresh) is worth its wait: for middleware that makes a future only where it
    /// needs one.
    pub fn verify_if_settled(&self, token: &str) -> Option<Result<Claims, Error>> {
        let result = match self.judge(token) {
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
    pub async fn verify_or_refresh(&self, token: &str) -> Result<Claims, Error> {
        let result = self.check_or_refresh(token).await;
        metrics::verified(&result);
        result
    }

    async fn check_or_refresh(&self, token: &str) -> Result<Claims, Error> {
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
    fn judge(&self, token: &str) -> Judgement<'_> {
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

    /// Until the keys of every issuer are there and may be used, all at the same time: for a service that reports itself
    /// ready only then. At once if they are; never if the runtime that fetches them has ended.
    pub async fn ready(&self) {
        loop {
            let now = self.now();
            let mut issuers = self.0.issuers.values();
            let Some(issuer) = issuers.find(|issuer| !issuer.keys.view(now).usable) else { return };
            let mut changes = issuer.keys.changes();
            while !issuer.keys.view(self.now()).usable {
                changes.next().await;
            }
        }
    }

    /// What an operator may want to know: for each issuer its keys, their age, and what came of the fetches.
    pub fn status(&self) -> Status {
        let now = self.0.clock.now();
        Status::new(
            self.0.issuers.values().map(|issuer| IssuerStatus::new(&issuer.identifier, &issuer.keys, now)),
        )
    }

    /// Whether one is a clone of the other, so that what one has verified needs no second verification.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn now(&self) -> NumericDate {
        self.0.clock.now().into()
    }

    /// The checks, in the order that [`verify`](Self::verify) documents.
    fn check(&self, token: &str) -> Result<Claims, Refused<'_>> {
        let token = CompactToken::split(token)?;
        let header = Header::parse(&token.header)?;
        let payload = JsonObject::from_slice(&token.payload)
            .map_err(|found| Error::NotAnObject { part: Part::Payload, found })?;
        let issuer = self.trusted_issuer(&payload)?;
        issuer.check_header(&header)?;
        let now = self.now();
        issuer.check_signature(&header, &token, now)?;
        // From here on the issuer vouches for every byte of the payload, the `iss` that chose it included.
        let policy = &issuer.policy;
        let validity = Validity::check(&payload, now, self.0.leeway)?;
        // First, because an ID token is for somebody else, too, and what it is tells its sender more.
        policy.kind.check(&payload)?;
        let named = policy.recipients.check(&payload)?;
        token_kind::check_not_bound(&payload)?;
        let scopes = policy.scopes.read(&payload)?;
        Ok(Claims::new(Arc::clone(&issuer.identifier), named, scopes, validity, &payload)?)
    }

    fn trusted_issuer(&self, payload: &JsonObject<'_>) -> Result<&TrustedIssuer, Error> {
        let issuer = payload.get("iss").and_then(string);
        issuer.as_deref().and_then(|issuer| self.0.issuers.get(issuer)).ok_or_else(|| Error::UnknownIssuer {
            expected: self.0.issuers.keys().take(3).map(ToString::to_string).collect(),
            found: issuer.as_deref().map(Excerpt::new),
        })
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

    fn check_signature<'a>(
        &'a self,
        header: &Header<'_>,
        token: &CompactToken<'_>,
        now: NumericDate,
    ) -> Result<(), Refused<'a>> {
        let (id, algorithm) = (header.key_id.as_deref(), header.algorithm);
        let check = |keys: &KeySet| match keys.find(id, algorithm) {
            Ok(key) if key.verifying.verifies(token.signing_input.as_bytes(), &token.signature) => Ok(()),
            Ok(_) => {
                let issuer = self.identifier.to_string();
                Err(Refused::from(Error::BadSignature { issuer, key_id: id.map(Excerpt::new) }))
            }
            Err(NoSingleKey::Ambiguous(found)) => {
                let (issuer, key_id) = (self.identifier.to_string(), id.map(Excerpt::new));
                Err(Refused::from(Error::AmbiguousKey { issuer, key_id, algorithm, found }))
            }
            Err(NoSingleKey::Unknown) => {
                Err(Refused::UnknownKey { issuer: self, key: KeyName { id: id.map(Into::into), algorithm } })
            }
        };
        self.keys.read(now, check).unwrap_or_else(|Unavailable { retry_after }| {
            let issuer = self.identifier.to_string();
            Err(Refused::from(Error::KeysUnavailable { issuer, retry_after }))
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
        f.debug_struct("Verifier").field("issuers", &self.0.issuers.keys()).finish_non_exhaustive()
    }
}

/// A task that ends with its handle.
pub(crate) struct StopOnDrop(pub(crate) AbortHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
