//! `Verifier::verify`, which reads as the documented list of checks. Each check is in the file of its
//! concept.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::builder::VerifierBuilder;
use crate::claims::Claims;
use crate::clock::Clock;
use crate::error::{Error, Part};
use crate::header::Header;
use crate::issuer::Policy;
use crate::json_object::{JsonObject, string};
use crate::key_set::{KeySet, NoSingleKey};
use crate::key_source::{KeySource, Unavailable, Waited};
use crate::token::CompactToken;
use crate::validity::Validity;
use crate::{Excerpt, NumericDate, token_kind};

/// Decides whether a token is an access token for this API. Cloning shares it; build one and keep it.
///
/// ```no_run
/// # async fn example(token: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use scopegate::{Issuer, Verifier};
///
/// let verifier = Verifier::builder()
///     .trust(Issuer::cognito("eu-west-1_Ab12Cd34E")?.client("1example23456789"))
///     .start()
///     .await?;
/// let claims = verifier.verify(token)?;
/// claims.require(&"https://my-api-server.org/api.read".into())?;
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
    /// It takes no lock, does no I/O and awaits nothing; the keys are those that were fetched last. A token
    /// that names an unknown key wakes the task that fetches them. In this order:
    ///
    /// 1. The token has at most 16 KiB, exactly three parts, and each is canonical base64url (RFC 7515 §2, §7.1).
    /// 2. The header is a JSON object without repeated members; there is no `crit` (§4.1.11); `alg` is asymmetric.
    ///    A key that the token brings along (`jwk`, `jku`, `x5c`, `x5u`) is never used.
    /// 3. `iss` is exactly the name of a trusted issuer; `alg` and `typ` are what that issuer's tokens may have
    ///    (RFC 8725 §3.1, §3.8, §3.11).
    /// 4. Exactly one of that issuer's own keys has the token's `kid` and is for its `alg`.
    /// 5. The signature verifies with that key.
    /// 6. Only now are the claims judged: `exp`, `nbf` and `iat` (RFC 7519 §4.1); audience and client; the token is
    ///    an access token; it is not bound to a key (RFC 7800); its scopes are well-formed.
    ///
    /// A hostile token costs at most one signature check, and one for an unknown issuer none.
    ///
    /// # Errors
    /// An [`Error`] that names the first check that failed, with what was expected and what was found.
    pub fn verify(&self, token: &str) -> Result<Claims, Error> {
        let token = CompactToken::split(token)?;
        let header = Header::parse(&token.header)?;
        let payload = JsonObject::from_slice(&token.payload)
            .map_err(|found| Error::NotAnObject { part: Part::Payload, found })?;
        let issuer = self.trusted_issuer(&payload)?;
        issuer.check_header(&header)?;
        let now = NumericDate::from(self.0.clock.now());
        issuer.check_signature(&header, &token, now)?;
        // From here on the issuer vouches for every byte of the payload, the `iss` that chose it included.
        let policy = &issuer.policy;
        let validity = Validity::check(&payload, now, self.0.leeway)?;
        let named = policy.recipients.check(&payload)?;
        policy.token_use.check(&payload)?;
        token_kind::check_not_bound(&payload)?;
        let scopes = policy.scopes.read(&payload)?;
        Claims::new(Arc::clone(&issuer.identifier), named, scopes, validity, &payload)
    }

    /// Like [`verify`](Self::verify), and if the token names an unknown key, waits for the fetch that this
    /// causes: at most a second. So a token is not refused because its issuer has just begun to use a new
    /// key.
    ///
    /// It waits only if a fetch may be made; after one for an unknown key there is none for another 30 s (see
    /// [`with_refresh_cooldown`](VerifierBuilder::with_refresh_cooldown)).
    ///
    /// # Errors
    /// As for [`verify`](Self::verify). When the keys could not be fetched, an unknown key is
    /// [`Error::KeysUnavailable`], because nobody can say whether it exists.
    pub async fn verify_or_refresh(&self, token: &str) -> Result<Claims, Error> {
        let refused = self.verify(token);
        let Err(Error::UnknownKey { issuer, .. }) = &refused else { return refused };
        let Some(trusted) = self.0.issuers.get(issuer.as_str()) else { return refused };
        match trusted.keys.fetched_for_unknown_key().await {
            Waited::Fresh => self.verify(token),
            Waited::Undecided { retry_after } => {
                Err(Error::KeysUnavailable { issuer: issuer.clone(), retry_after })
            }
        }
    }

    /// Whether this is a clone of the other verifier, so that what one has verified needs no second
    /// verification.
    pub fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn trusted_issuer(&self, payload: &JsonObject<'_>) -> Result<&TrustedIssuer, Error> {
        let issuer = payload.get("iss").and_then(string);
        issuer
            .as_deref()
            .and_then(|issuer| self.0.issuers.get(issuer))
            .ok_or_else(|| Error::UnknownIssuer { found: issuer.as_deref().map(Excerpt::new) })
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

    fn check_signature(
        &self,
        header: &Header<'_>,
        token: &CompactToken<'_>,
        now: NumericDate,
    ) -> Result<(), Error> {
        let issuer = || self.identifier.to_string();
        let (id, algorithm) = (header.key_id.as_deref(), header.algorithm);
        let key_id = || id.map(Excerpt::new);
        let check = |keys: &KeySet| match keys.find(id, algorithm) {
            Ok(key) if key.verifying.verifies(token.signing_input.as_bytes(), &token.signature) => Ok(()),
            Ok(_) => Err(Error::BadSignature { issuer: issuer(), key_id: key_id() }),
            Err(NoSingleKey::Ambiguous(found)) => {
                Err(Error::AmbiguousKey { issuer: issuer(), key_id: key_id(), algorithm, found })
            }
            Err(NoSingleKey::Unknown) => {
                self.keys.report_unknown_key();
                Err(Error::UnknownKey { issuer: issuer(), key_id: key_id(), algorithm })
            }
        };
        match self.keys.read(now, check) {
            Ok(checked) => checked,
            Err(Unavailable { retry_after }) => Err(Error::KeysUnavailable { issuer: issuer(), retry_after }),
        }
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
