//! Events of a rehearsal: changes of keys, and failures of the endpoints for keys and introspection.

use std::fmt;
use std::time::Duration;

use crate::fault::Fault;
use crate::pool::Pool;

/// A change of an issuer's keys, or a failure of its key set endpoint or its introspection endpoint.
///
/// A resource server should survive it. [`Pool::trigger`] triggers an event, and a
/// [`Rehearsal`](crate::Rehearsal) measures its effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A new key signs. The previous key stays published.
    RotateWithOverlap,
    /// A new key signs. The previous key is removed at once.
    RotateWithoutOverlap,
    /// A new key signs, and is published after this delay. The previous key stays published.
    PublishLate(Duration),
    /// The previous key is removed. [`Pool::prepare`] rotates with overlap first, so that there is
    /// one.
    Revoke,
    /// A new key replaces the current key and has its key id. Issuers must not do this, but some
    /// do.
    ReuseKeyId,
    /// The next request for the key set gets status 500.
    ServerError,
    /// The next request for the key set gets one byte every 50 ms, without end.
    SlowDrip,
    /// The connection of the next request for the key set is closed without a response.
    Reset,
    /// The next response with the key set is truncated.
    Truncated,
    /// The next request for the key set gets an HTML page.
    Html,
    /// The next response is the key set with padding: 10 MB.
    TenMegabytes,
    /// The next response is the key set with additional keys that are unusable.
    UnusableKeys,
    /// Every request for the key set gets status 503 from now on.
    Outage,
    /// The fault of the key set endpoint ends.
    Recovery,
    /// Every introspection response comes after this delay, from now on.
    IntrospectionSlow(Duration),
    /// No introspection request gets a response, from now on.
    IntrospectionStalled,
    /// Every introspection request gets status 500, from now on.
    IntrospectionServerError,
    /// Every introspection request gets status 429 and `Retry-After: 2`, from now on.
    IntrospectionBusy,
    /// Every introspection request gets an HTML page, from now on.
    IntrospectionHtml,
    /// Every introspection response is truncated, from now on.
    IntrospectionTruncated,
    /// Every introspection request gets one byte every 50 ms, without end, from now on.
    IntrospectionDrip,
    /// The connection of every introspection request is closed without a response, from now on.
    IntrospectionOutage,
    /// Every introspection request gets status 401, from now on: the resource server's credentials
    /// were rotated, and it has the old ones.
    CredentialsRotated,
    /// The fault of the introspection endpoint ends.
    IntrospectionRecovery,
    /// The issuer revokes tokens. A [`Rehearsal`](crate::Rehearsal) revokes the earlier token of its
    /// callers. [`Pool::trigger`] revokes all [opaque tokens](Pool::opaque_token) of the pool.
    TokenRevoked,
}

impl Event {
    /// All events of keys. The delay of [`PublishLate`](Self::PublishLate) is 1 s.
    /// [`INTROSPECTION`](Self::INTROSPECTION) has the others.
    pub const ALL: [Self; 14] = [
        Self::RotateWithOverlap,
        Self::RotateWithoutOverlap,
        Self::PublishLate(Duration::from_secs(1)),
        Self::Revoke,
        Self::ReuseKeyId,
        Self::ServerError,
        Self::SlowDrip,
        Self::Reset,
        Self::Truncated,
        Self::Html,
        Self::TenMegabytes,
        Self::UnusableKeys,
        Self::Outage,
        Self::Recovery,
    ];

    /// All events of introspection, for resource servers that ask the issuer about tokens (RFC 7662).
    /// The delay of [`IntrospectionSlow`](Self::IntrospectionSlow) is 1 s.
    pub const INTROSPECTION: [Self; 11] = [
        Self::IntrospectionSlow(Duration::from_secs(1)),
        Self::IntrospectionStalled,
        Self::IntrospectionServerError,
        Self::IntrospectionBusy,
        Self::IntrospectionHtml,
        Self::IntrospectionTruncated,
        Self::IntrospectionDrip,
        Self::IntrospectionOutage,
        Self::CredentialsRotated,
        Self::IntrospectionRecovery,
        Self::TokenRevoked,
    ];

    /// Returns whether the event is about introspection.
    pub fn is_of_introspection(self) -> bool {
        matches!(self, Self::IntrospectionSlow(_)) || Self::INTROSPECTION.contains(&self)
    }

    /// Returns whether tokens from before the event must be rejected, because the event removes their
    /// key or revokes them.
    pub const fn ends_earlier_tokens(self) -> bool {
        self.removes_a_key() || matches!(self, Self::TokenRevoked)
    }

    /// Returns whether the event removes a key, so that its tokens must be rejected.
    pub const fn removes_a_key(self) -> bool {
        matches!(self, Self::RotateWithoutOverlap | Self::Revoke | Self::ReuseKeyId)
    }

    /// Returns whether the event changes keys, rather than the response of the endpoint.
    pub(crate) const fn changes_keys(self) -> bool {
        self.removes_a_key() || matches!(self, Self::RotateWithOverlap | Self::PublishLate(_))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::RotateWithOverlap => "rotate with overlap",
            Self::RotateWithoutOverlap => "rotate without overlap",
            Self::PublishLate(_) => "publish late",
            Self::Revoke => "revoke",
            Self::ReuseKeyId => "same kid, new key",
            Self::ServerError => "500",
            Self::SlowDrip => "slow drip",
            Self::Reset => "reset",
            Self::Truncated => "truncated JSON",
            Self::Html => "HTML",
            Self::TenMegabytes => "10 MB body",
            Self::UnusableKeys => "unusable keys among good ones",
            Self::Outage => "outage",
            Self::Recovery => "recovery",
            Self::IntrospectionSlow(_) => "introspection slow",
            Self::IntrospectionStalled => "introspection stalled",
            Self::IntrospectionServerError => "introspection 500",
            Self::IntrospectionBusy => "introspection 429",
            Self::IntrospectionHtml => "introspection HTML",
            Self::IntrospectionTruncated => "introspection truncated JSON",
            Self::IntrospectionDrip => "introspection slow drip",
            Self::IntrospectionOutage => "introspection outage",
            Self::CredentialsRotated => "credentials rotated",
            Self::IntrospectionRecovery => "introspection recovery",
            Self::TokenRevoked => "token revoked",
        }
    }
}

/// Writes the name of the event, as in the first column of a table.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PublishLate(delay) | Self::IntrospectionSlow(delay) => {
                f.pad(&format!("{} by {} s", self.name(), delay.as_secs_f64()))
            }
            _ => f.pad(self.name()),
        }
    }
}

/// Longer than any client waits.
const STALLED: Duration = Duration::from_secs(3_600);

impl Pool {
    /// Prepares an event, so that [`trigger`](Self::trigger) takes no time.
    ///
    /// If the event needs a new key, `prepare` creates it. For [`Event::Revoke`], it rotates the
    /// keys. It blocks this thread for about a tenth of a second.
    ///
    /// Without it, [`trigger`](Self::trigger) creates the keys itself, and [`Event::Revoke`] may
    /// find no previous key to remove.
    pub fn prepare(&self, event: Event) {
        match event {
            Event::Revoke => self.rotate(),
            event if event.changes_keys() => self.prepare_new_key(),
            _ => {}
        }
    }

    /// Triggers an event now.
    ///
    /// Use it if you measure its effects yourself. Otherwise, use a
    /// [`Rehearsal`](crate::Rehearsal).
    ///
    /// ```
    /// use scopegate_issuer::{Event, LocalIssuer};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = LocalIssuer::start().await?;
    /// issuer.trigger(Event::ServerError);
    /// assert_eq!(reqwest::get(issuer.jwks_uri()).await?.status(), 500);
    /// assert_eq!(reqwest::get(issuer.jwks_uri()).await?.status(), 200, "only the next request");
    /// # Ok(()) }
    /// ```
    pub fn trigger(&self, event: Event) {
        match event {
            Event::RotateWithOverlap => self.rotate(),
            Event::RotateWithoutOverlap => self.rotate_without_overlap(),
            Event::PublishLate(delay) => self.publish_after(delay),
            Event::Revoke => self.revoke_previous(),
            Event::ReuseKeyId => self.replace_key_material(),
            Event::ServerError => self.fail_next(1, Fault::Status(500)),
            Event::SlowDrip => self.fail_next(1, Fault::Drip),
            Event::Reset => self.fail_next(1, Fault::Reset),
            Event::Truncated => self.fail_next(1, Fault::Truncated),
            Event::Html => self.fail_next(1, Fault::Html),
            Event::TenMegabytes => self.fail_next(1, Fault::Oversized(10_000_000)),
            Event::UnusableKeys => self.fail_next(1, Fault::UnusableAmongGood),
            Event::Outage => self.set_fault(Fault::Status(503)),
            Event::Recovery => self.clear_fault(),
            Event::IntrospectionSlow(delay) => self.set_introspection_fault(Fault::Delay(delay)),
            Event::IntrospectionStalled => self.set_introspection_fault(Fault::Delay(STALLED)),
            Event::IntrospectionServerError => self.set_introspection_fault(Fault::Status(500)),
            Event::IntrospectionBusy => {
                self.set_introspection_fault(Fault::RetryAfter { status: 429, seconds: 2 });
            }
            Event::IntrospectionHtml => self.set_introspection_fault(Fault::Html),
            Event::IntrospectionTruncated => self.set_introspection_fault(Fault::Truncated),
            Event::IntrospectionDrip => self.set_introspection_fault(Fault::Drip),
            Event::IntrospectionOutage => self.set_introspection_fault(Fault::Reset),
            Event::CredentialsRotated => self.set_introspection_fault(Fault::Status(401)),
            Event::IntrospectionRecovery => self.clear_introspection_fault(),
            Event::TokenRevoked => self.revoke_opaque_tokens(),
        }
    }
}
