//! Verifies security event tokens with the keys of their transmitters, and stores the revocations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scopegate_proto::json::{JsonObject, string};
use scopegate_proto::jws::CompactJws;
use tokio::time::Instant;

use crate::checks::form;
use crate::checks::header::Header;
use crate::config_error::ConfigError;
use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::issuer::Issuer;
use crate::issuer::registry::Registry;
use crate::issuer::trusted::{KeyLookup, TrustedIssuer};
use crate::keys::fetched::OverdueKeys;
use crate::revocation::feed::FeedEndedGuard;
use crate::revocation::source::RevocationSource;
use crate::security_events::error::SecurityEventError;
use crate::security_events::event::{Effect, RevocationRules, effect_of};
use crate::security_events::held::HeldSets;
use crate::security_events::seen::SeenIds;
use crate::security_events::set::Set;
use crate::security_events::{Received, report_error, report_received};
use crate::telemetry::log_limit::LogLimit;
use crate::token::numeric_date::NumericDate;
use crate::verifier::Verifier;
use crate::verifier::key_wait::KEY_WAIT_TIMEOUT;
use crate::verifier::outcome::UnknownKey;
use crate::verifier::trust::member::Member;

/// How many ids of SETs are remembered.
const MAX_SEEN: usize = 10_000;

/// How many SETs with an unpublished key are remembered.
const MAX_HELD: usize = 10_000;

pub(super) struct Receiver {
    verifier: Verifier,
    registry: Registry,
    transmitters: HashMap<Arc<str>, Transmitting>,
    token_lifetime: Option<Duration>,
    seen: Mutex<SeenIds>,
    held: Mutex<HeldSets>,
    rejected_sets: LogLimit,
    rejected_senders: LogLimit,
    /// Last, because the end of a feed is not reported if its store is gone.
    _claims: Vec<FeedEndedGuard>,
}

/// A trusted transmitter.
struct Transmitting {
    /// It holds the source of the keys.
    member: Member,
    source: RevocationSource,
    /// The issuers that it may revoke for.
    issuers: Vec<String>,
}

/// A verified SET.
struct Verified {
    transmitter: Arc<str>,
    id: String,
    effect: Effect,
}

/// The reason why a SET is not verified now.
enum Unverified {
    Rejected(SecurityEventError),
    Waits(UnknownKey),
}

impl<E: Into<SecurityEventError>> From<E> for Unverified {
    fn from(error: E) -> Self {
        Self::Rejected(error.into())
    }
}

/// Returns the `kid` and the `jti` of a SET that is not verified, as one string.
///
/// An attacker may know a later `jti`, and not the key that the transmitter has not published yet. So
/// a SET of the attacker has another name than that of the transmitter.
fn unverified_name(set: &[u8]) -> Option<String> {
    let parts = form::split(set).ok()?;
    let id = string(form::read_payload(&parts).ok()?.get("jti")?)?;
    let header = JsonObject::from_slice(parts.header()).ok()?;
    let key_id = header.get("kid").and_then(string).unwrap_or_default();
    // With the length, no other pair of strings has the same name.
    (!id.is_empty()).then(|| format!("{}:{key_id}{id}", key_id.len()))
}

/// Returns the error of a SET whose key is unknown. An access token is rejected by the last keys:
/// its client can get another one. A SET that is rejected is lost, so keys count that were fetched
/// after it arrived.
fn dated(unknown: &UnknownKey, error: Error, arrived: Instant) -> SecurityEventError {
    match unknown.issuer.keys.fetched() {
        Some(keys) if error.kind() == ErrorKind::UnknownKey && !keys.refresh().has_fetched_since(arrived) => {
            let retry_after = keys.refresh().retry_after_unknown_key();
            SecurityEventError::UnconfirmedKey { error, retry_after }
        }
        _ => SecurityEventError::Invalid(error),
    }
}

impl Receiver {
    /// Trusts these transmitters: issuers with the rules for SETs, each with the issuers that it may
    /// revoke for.
    pub(super) fn new(
        verifier: &Verifier,
        transmitters: Vec<(Issuer, Vec<String>)>,
        token_lifetime: Option<Duration>,
    ) -> Result<Self, ConfigError> {
        let revocations = verifier.revocations().ok_or_else(|| ConfigError::OutOfRange {
            setting: "security events",
            expected: "a verifier with revocations",
            found: "none".to_owned(),
        })?;
        let (mut declared, mut by_name) = (Vec::new(), HashMap::new());
        for (issuer, issuers) in transmitters {
            let name: Arc<str> = issuer.identifier.as_str().into();
            if by_name.contains_key(&name) {
                return Err(ConfigError::DuplicateIssuer { issuer: name.to_string() });
            }
            let source = revocations.source(&format!("security events of {name}"));
            let source = source.map_err(|error| ConfigError::OutOfRange {
                setting: "sources",
                expected: "fewer",
                found: error.to_string(),
            })?;
            let member = verifier.untrusted_member(issuer)?;
            declared.push(Arc::clone(&member.issuer));
            by_name.insert(name, Transmitting { member, source, issuers });
        }
        // Last, because a claim that ends is reported.
        let sources = by_name.values().map(|transmitting| &transmitting.source);
        let claims = RevocationSource::claim_all(sources, "its receiver was dropped");
        let claims = claims.map_err(|taken| ConfigError::OutOfRange {
            setting: "transmitter",
            expected: "one receiver for each transmitter",
            found: taken.name().to_owned(),
        })?;
        for transmitting in by_name.values() {
            transmitting.source.limit_to_share();
        }
        Ok(Self {
            verifier: verifier.clone(),
            registry: Registry::new(declared),
            transmitters: by_name,
            token_lifetime,
            seen: Mutex::new(SeenIds::new(MAX_SEEN)),
            held: Mutex::new(HeldSets::new(MAX_HELD)),
            rejected_sets: LogLimit::new(1),
            rejected_senders: LogLimit::new(1),
            _claims: claims,
        })
    }

    /// Returns the source of a transmitter's revocations.
    #[cfg(feature = "fetch")]
    pub(super) fn source(&self, transmitter: &str) -> Option<RevocationSource> {
        self.transmitters.get(transmitter).map(|transmitting| transmitting.source.clone())
    }

    pub(super) fn transmitters(&self) -> impl Iterator<Item = &str> {
        self.registry.names()
    }

    /// Verifies a SET that has arrived at this time, and stores its revocations.
    pub(super) async fn receive(&self, set: &[u8], arrived: Instant) -> Result<Received, SecurityEventError> {
        match self.verify(set, arrived).await {
            Ok(verified) => self.apply(verified),
            Err(error) => Err(self.hold(set, error, arrived)),
        }
    }

    /// Holds a SET for a refresh period if the transmitter does not publish its key. It is sent
    /// again, so waiting costs nothing.
    fn hold(&self, set: &[u8], error: SecurityEventError, arrived: Instant) -> SecurityEventError {
        let SecurityEventError::Invalid(Error::UnknownKey { issuer, .. }) = &error else { return error };
        let transmitting = self.transmitters.get(issuer.as_str());
        let keys = transmitting.and_then(|transmitting| transmitting.member.issuer.keys.fetched());
        let (Some(keys), Some(name)) = (keys, unverified_name(set)) else { return error };
        let (retry_after, held_for) = (keys.refresh().retry_after_unknown_key(), keys.refresh().interval());
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_held = held.hold(issuer.as_str(), &name, arrived, held_for);
        match error {
            SecurityEventError::Invalid(error) if is_held => {
                SecurityEventError::UnpublishedKey { error, retry_after, held_for }
            }
            other => other,
        }
    }

    /// Reports a pushed SET that is not accepted. If any sender is allowed, anyone may cause it.
    pub(super) fn report_pushed(&self, error: &SecurityEventError) {
        report_error(error, self.rejected_sets.allows_one());
    }

    /// Returns whether to warn of a sender that is not authenticated. The limit is not that of
    /// rejected SETs, because an attacker would hide these.
    pub(super) fn may_warn_of_sender(&self) -> bool {
        self.rejected_senders.allows_one()
    }

    /// Verifies a SET. If its key is unknown, waits for a fetch.
    async fn verify(&self, set: &[u8], arrived: Instant) -> Result<Verified, SecurityEventError> {
        let parts = form::split(set)?;
        let unknown = match self.check(set, &parts, OverdueKeys::Wait) {
            Ok(verified) => return Ok(verified),
            Err(Unverified::Rejected(error)) => return Err(error),
            Err(Unverified::Waits(unknown)) => unknown,
        };
        if let Some(error) = unknown.settled_error() {
            return Err(dated(&unknown, error, arrived));
        }
        let settled = unknown.settled(Instant::now() + KEY_WAIT_TIMEOUT, || self.verifier.now()).await;
        settled.map_err(|error| dated(&unknown, error, arrived))?;
        self.check(set, &parts, OverdueKeys::Use).map_err(|unverified| match unverified {
            Unverified::Rejected(error) => error,
            Unverified::Waits(unknown) => dated(&unknown, unknown.error(), arrived),
        })
    }

    fn check(&self, set: &[u8], parts: &CompactJws, overdue: OverdueKeys) -> Result<Verified, Unverified> {
        let now = self.verifier.now();
        let header = Header::parse(parts.header())?;
        let payload = form::read_payload(parts)?;
        let issuer =
            self.registry.named_by(&payload).ok_or_else(|| self.registry.unknown_issuer(&payload))?;
        issuer.policy.check_header(&header)?;
        match issuer.find_key(&header.key_id, header.algorithm, now, overdue)? {
            KeyLookup::Found(key) => issuer.check_signature(&key, set, parts)?,
            KeyLookup::Missing(missing) => {
                return Err(Unverified::Waits(UnknownKey { issuer, missing }));
            }
        }
        Ok(self.read(&payload, &issuer, now)?)
    }

    /// Reads the claims of a SET whose signature is verified.
    fn read(
        &self,
        payload: &JsonObject<'_>,
        issuer: &TrustedIssuer,
        now: NumericDate,
    ) -> Result<Verified, SecurityEventError> {
        issuer.policy.audience.check(payload)?;
        let set = Set::read(payload, now, issuer.leeway)?;
        let transmitting = self.transmitters.get(&issuer.identifier);
        let issuers = transmitting.map(|one| one.issuers.as_slice()).unwrap_or_default();
        let rules =
            RevocationRules { issuers, token_lifetime: self.token_lifetime, now, leeway: issuer.leeway };
        let effect = effect_of(&set, &rules)?;
        Ok(Verified { transmitter: Arc::clone(&issuer.identifier), id: set.id.into_owned(), effect })
    }

    /// Stores the revocations of a SET that was not received before.
    fn apply(&self, verified: Verified) -> Result<Received, SecurityEventError> {
        let Verified { transmitter, id, effect } = verified;
        let Effect { revocations, has_unsupported_subject, has_later_time } = effect;
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let received = if seen().contains(&transmitter, &id) {
            Received::Repeated
        } else if revocations.is_empty() {
            Received::Ignored
        } else {
            let count = revocations.len();
            if let Some(transmitting) = self.transmitters.get(&transmitter) {
                transmitting.source.revoke_all(revocations).map_err(SecurityEventError::NotStored)?;
            }
            Received::Applied { revocations: count }
        };
        // Once it is stored: a SET that comes again after a failure is not a repeated one.
        seen().insert(&transmitter, &id);
        if has_later_time && received != Received::Repeated {
            tracing::warn!(%transmitter, "security event with a time after iat, using iat");
        }
        if has_unsupported_subject && received != Received::Repeated {
            tracing::warn!(%transmitter, "security event about a subject that tokens do not name");
        }
        report_received(&transmitter, &id, received);
        Ok(received)
    }
}
