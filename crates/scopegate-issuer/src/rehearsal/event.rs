//! Events: what can happen to an issuer's keys and to the way to them, and how a pool triggers each.

use std::fmt;
use std::time::Duration;

use crate::fault::Fault;
use crate::pool::Pool;

/// Something that happens to the keys of an issuer, or to the way to them, and that a resource server should
/// survive. [`Pool::trigger`] makes it happen; a [`Rehearsal`](crate::Rehearsal) measures its effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A new key signs; the one before stays published.
    RotateWithOverlap,
    /// A new key signs; the one before is removed at once.
    RotateWithoutOverlap,
    /// A new key signs, and is published this much later; the one before stays.
    PublishLate(Duration),
    /// The key before the current one is removed, after a rotation with overlap that [prepares](Pool::prepare) it.
    Revoke,
    /// A new key signs under the key id of the one before, which is gone. Issuers must not do so, but some do.
    ReuseKeyId,
    /// The next request for the key set gets status 500.
    ServerError,
    /// The next request for the key set gets one byte every 50 ms, for ever.
    SlowDrip,
    /// The next request for the key set finds its connection closed.
    Reset,
    /// The response to the next request for the key set breaks off.
    Truncated,
    /// The next request for the key set gets a page of HTML.
    Html,
    /// The next response is the key set with padding: 10 MB.
    TenMegabytes,
    /// The next response is the key set with unusable keys among its own.
    UnusableKeys,
    /// From now on every request for the key set gets status 503.
    Outage,
    /// The key set is as it should be again.
    Recovery,
}

impl Event {
    /// Every event; a key is published 1 s late.
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

    /// Whether the key that signed before must not be accepted any longer.
    pub const fn removes_a_key(self) -> bool {
        matches!(self, Self::RotateWithoutOverlap | Self::Revoke | Self::ReuseKeyId)
    }

    /// Whether it is about keys, and not about the way to them.
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
        }
    }
}

/// In a few words, as in the first column of a table.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PublishLate(delay) => f.pad(&format!("{} by {} s", self.name(), delay.as_secs_f64())),
            _ => f.pad(self.name()),
        }
    }
}

impl Pool {
    /// Prepares an event: a key that is to be revoked gets a successor, and new keys are made. That blocks this thread for
    /// about a tenth of a second.
    ///
    /// Without it, [`trigger`](Self::trigger) makes the keys, and has nothing to revoke.
    pub fn prepare(&self, event: Event) {
        match event {
            Event::Revoke => self.rotate(),
            event if event.changes_keys() => self.prepare_new_key(),
            _ => {}
        }
    }

    /// Makes an event happen now. Use it if you measure its effects yourself; otherwise use a
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
        }
    }
}
