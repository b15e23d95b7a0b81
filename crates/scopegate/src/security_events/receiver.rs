//! Verifies security event tokens with the keys of their transmitters, and stores the revocations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scopegate_proto::json::JsonObject;
use scopegate_proto::jws::CompactJws;
use tokio::time::Instant;

use crate::error::config::ConfigError;
use crate::issuer::Issuer;
use crate::issuer::registry::Registry;
use crate::issuer::trusted::{KeyLookup, TrustedIssuer};
use crate::keys::fetched::OverdueKeys;
use crate::revocation::revoked::Revocation;
use crate::revocation::source::RevocationSource;
use crate::security_events::error::SecurityEventError;
use crate::security_events::event::{RevocationRules, effect_of};
use crate::security_events::seen::SeenIds;
use crate::security_events::set::Set;
use crate::security_events::{Received, report_error, report_received};
use crate::token;
use crate::token::header::Header;
use crate::token::numeric_date::NumericDate;
use crate::verifier::Verifier;
use crate::verifier::key_wait::KEY_WAIT_TIMEOUT;
use crate::verifier::member::Member;
use crate::verifier::outcome::UnknownKey;
use crate::verifier::read_payload;

/// How many ids of SETs are remembered.
const MAX_SEEN: usize = 10_000;

pub(super) struct Receiver {
    verifier: Verifier,
    registry: Registry,
    transmitters: HashMap<Arc<str>, Transmitting>,
    token_lifetime: Option<Duration>,
    seen: Mutex<SeenIds>,
}

/// A trusted transmitter.
struct Transmitting {
    /// It holds the source of the keys.
    _member: Member,
    source: RevocationSource,
    /// The issuers that it may revoke for.
    issuers: Vec<String>,
}

/// A verified SET.
struct Verified {
    transmitter: Arc<str>,
    id: String,
    revocations: Vec<Revocation>,
    has_unsupported_subject: bool,
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
            let source = revocations.source(&format!("security events of {name}"));
            let source = source.map_err(|error| ConfigError::OutOfRange {
                setting: "sources",
                expected: "fewer",
                found: error.to_string(),
            })?;
            let member = verifier.untrusted_member(issuer)?;
            declared.push(Arc::clone(&member.issuer));
            let transmitting = Transmitting { _member: member, source, issuers };
            if by_name.insert(Arc::clone(&name), transmitting).is_some() {
                return Err(ConfigError::DuplicateIssuer { issuer: name.to_string() });
            }
        }
        Ok(Self {
            verifier: verifier.clone(),
            registry: Registry::new(declared),
            transmitters: by_name,
            token_lifetime,
            seen: Mutex::new(SeenIds::new(MAX_SEEN)),
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

    pub(super) async fn receive(&self, set: &[u8]) -> Result<Received, SecurityEventError> {
        let result = match self.verify(set).await {
            Ok(verified) => self.apply(verified),
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            report_error(error);
        }
        result
    }

    /// Verifies a SET. If its key is unknown, waits for a fetch.
    async fn verify(&self, set: &[u8]) -> Result<Verified, SecurityEventError> {
        let parts = token::split(set)?;
        let unknown = match self.check(set, &parts, OverdueKeys::Wait) {
            Ok(verified) => return Ok(verified),
            Err(Unverified::Rejected(error)) => return Err(error),
            Err(Unverified::Waits(unknown)) => unknown,
        };
        if let Some(error) = unknown.settled_error() {
            return Err(error.into());
        }
        unknown.settled(Instant::now() + KEY_WAIT_TIMEOUT, || self.verifier.now()).await?;
        self.check(set, &parts, OverdueKeys::Use).map_err(|unverified| match unverified {
            Unverified::Rejected(error) => error,
            Unverified::Waits(unknown) => unknown.error().into(),
        })
    }

    fn check(&self, set: &[u8], parts: &CompactJws, overdue: OverdueKeys) -> Result<Verified, Unverified> {
        let now = self.verifier.now();
        let header = Header::parse(parts.header())?;
        let payload = read_payload(parts)?;
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
        Ok(Verified {
            transmitter: Arc::clone(&issuer.identifier),
            id: set.id.into_owned(),
            revocations: effect.revocations,
            has_unsupported_subject: effect.has_unsupported_subject,
        })
    }

    /// Stores the revocations of a SET that was not received before.
    fn apply(&self, verified: Verified) -> Result<Received, SecurityEventError> {
        let Verified { transmitter, id, revocations, has_unsupported_subject } = verified;
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
        if has_unsupported_subject && received != Received::Repeated {
            tracing::warn!(%transmitter, "security event about a subject that tokens do not name");
        }
        report_received(&transmitter, &id, received);
        Ok(received)
    }
}
