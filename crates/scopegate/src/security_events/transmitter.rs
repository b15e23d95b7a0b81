//! A transmitter: an issuer that signs security events, and the issuers that it may revoke for.

#[cfg(feature = "fetch")]
use std::time::Duration;

use crate::checks::audience::{
    AllowList, AudiencePolicy, EmptyAudience, MissingAudience, ServiceAccountRule,
};
use crate::checks::kind::TypeRule;
use crate::config_error::ConfigError;
#[cfg(feature = "fetch")]
use crate::fetch::authorization::FetchAuthorization;
use crate::issuer::Issuer;
#[cfg(feature = "fetch")]
use crate::security_events::poll::Polling;

/// An issuer of security events. Pass it to
/// [`SecurityEventsBuilder::transmitter`](crate::SecurityEventsBuilder::transmitter).
///
/// A transmitter has a quarter of the [capacity](crate::RevocationsBuilder::capacity) at most, so
/// that it leaves room for other sources. Further SETs get 503
/// ([`RevocationError::SourceFull`](crate::RevocationError::SourceFull)) until entries have ended.
///
/// ```
/// use scopegate::{Issuer, Transmitter};
///
/// // signs tokens and events with the same keys
/// let realm = Issuer::keycloak("https://sso.example/realms/acme")?;
/// let realm = Transmitter::new(realm.audience("https://api.example/security-events"));
///
/// // signs events about the tokens of another issuer
/// let hub = Issuer::from_jwks_uri("https://events.example", "https://events.example/jwks.json")?;
/// let hub = Transmitter::new(hub.audience("my-stream")).subject_issuer("https://issuer.example");
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a transmitter is trusted by SecurityEventsBuilder::transmitter"]
pub struct Transmitter {
    issuer: Issuer,
    subject_issuers: Vec<String>,
    #[cfg(feature = "fetch")]
    pub(super) polling: Polling,
}

/// An id without an issuer is revoked for each of these.
const MAX_SUBJECT_ISSUERS: usize = 16;

impl Transmitter {
    /// Takes the name, the keys and the algorithms from an issuer, and the audiences of its SETs:
    /// the name that the transmitter has for this receiver.
    ///
    /// Rules of the issuer about clients, scopes and other claims have no meaning for SETs. Starting
    /// fails with [`ConfigError::OutOfRange`] if the issuer has rules about clients, any audience,
    /// tokens without `iss`, or [a name for each tenant](Issuer::entra_multi_tenant).
    pub fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            subject_issuers: Vec::new(),
            #[cfg(feature = "fetch")]
            polling: Polling::default(),
        }
    }

    /// Adds an issuer whose tokens the transmitter may revoke. Its own are always included.
    ///
    /// The issuer is compared with the subject's `iss`, character by character. A subject without
    /// `iss` is revoked for each of the transmitter's issuers. Maximum: 16.
    pub fn subject_issuer(self, issuer: impl Into<String>) -> Self {
        self.subject_issuers([issuer])
    }

    /// Adds issuers whose tokens the transmitter may revoke.
    pub fn subject_issuers<I>(mut self, issuers: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.subject_issuers.extend(issuers.into_iter().map(Into::into));
        self
    }

    #[cfg(feature = "fetch")]
    pub(super) fn name(&self) -> &str {
        &self.issuer.identifier
    }

    /// Returns the issuer with the rules for SETs, and the issuers that it may revoke for.
    pub(super) fn into_rules(self) -> Result<(Issuer, Vec<String>), ConfigError> {
        let Self { mut issuer, subject_issuers, .. } = self;
        let out_of_range = |expected, found: &str| {
            let found = format!("{}: {found}", issuer.identifier);
            Err(ConfigError::OutOfRange { setting: "transmitter", expected, found })
        };
        let policy = &issuer.policy;
        if !matches!(policy.audience.audiences, AllowList::OneOf(_)) {
            return out_of_range("an issuer with audiences", "any audience");
        }
        if !matches!(policy.audience.clients, AllowList::NotConfigured) {
            return out_of_range("an issuer with audiences only", "a rule about clients");
        }
        if policy.accepts_missing_iss {
            return out_of_range("an issuer whose events have `iss`", "`allow_missing_iss`");
        }
        if policy.tenancy.name_template().is_some() {
            return out_of_range("an issuer with one name", "a name for each tenant");
        }
        if subject_issuers.len() > MAX_SUBJECT_ISSUERS {
            return out_of_range("at most 16 subject issuers", &subject_issuers.len().to_string());
        }
        let mut issuers = vec![issuer.identifier.clone()];
        for name in subject_issuers {
            if !issuers.contains(&name) {
                issuers.push(name);
            }
        }
        issuer.check()?;
        let policy = &mut issuer.policy;
        policy.typ = TypeRule::SecurityEvent;
        policy.audience = AudiencePolicy {
            audiences: policy.audience.audiences.clone(),
            clients: AllowList::NotConfigured,
            missing_audience: MissingAudience::Refused,
            empty_audience: EmptyAudience::Reject,
            client_claims: Vec::new(),
            required_client: None,
            is_service_account: ServiceAccountRule::Subject,
        };
        Ok((issuer, issuers))
    }
}

#[cfg(feature = "fetch")]
impl Transmitter {
    /// Fetches SETs from this URL (RFC 8936), in the background while the receiver exists. The URL
    /// must be `https`, or `http` on a loopback address.
    ///
    /// A SET is acknowledged by the request that follows its revocations. A rejected SET is reported
    /// to the transmitter with its code. If a request fails, it is retried after 1 s, and later
    /// after up to 60 s, with jitter. At most 100 SETs are requested at once.
    ///
    /// A SET whose key is unknown gets no result until the keys were fetched, so that it is sent
    /// again. If they lack the key then, it is held for a refresh period, and rejected afterwards.
    ///
    /// The transmitter becomes a source of revocations that readiness waits for: see
    /// [`Revocations::ready`](crate::Revocations::ready).
    pub fn poll_endpoint(mut self, url: impl Into<String>) -> Self {
        self.polling.endpoint = Some(url.into());
        self
    }

    /// Sends credentials with each poll. Default: none.
    pub fn poll_authorization(mut self, authorization: FetchAuthorization) -> Self {
        self.polling.authorization = Some(authorization);
        self
    }

    /// Sets the time between polls, with a jitter of ±10 %. Default: 5 s. Range: 100 ms–1 h.
    ///
    /// A poll requests an immediate response (`returnImmediately`), because a delayed one looks like
    /// a lost connection.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.polling.interval = interval;
        self
    }

    /// Sets how long verification continues after the last successful poll. Afterwards each token
    /// is [`Error::RevocationsUnavailable`](crate::Error::RevocationsUnavailable) (503).
    ///
    /// Default: no limit. Range: 1 s–30 days, and at least twice the
    /// [poll interval](Self::poll_interval). A poll is successful when no further SETs are waiting.
    pub fn max_feed_age(mut self, limit: Duration) -> Self {
        self.polling.max_feed_age = Some(limit);
        self
    }
}
