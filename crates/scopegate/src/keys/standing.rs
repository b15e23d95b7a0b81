//! The time until which an issuer is trusted. Requests read it without a lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::token::numeric_date::NumericDate;

/// The trust in one issuer. Dates are seconds since 1970, as the bits of an `f64`.
pub(crate) struct Standing {
    /// Before this date, a request reads nothing else.
    undisputed_until: AtomicU64,
    /// The end of the trust. It is written under the lock of the registry.
    trusted_until: AtomicU64,
    /// A token was accepted since the last call of [`take_used`](Self::take_used).
    used: AtomicBool,
    /// Each request looks closer, because its tenant decides too.
    stays_disputed: bool,
}

/// A date before every time. The trust has ended, and never returns.
const ENDED: f64 = f64::NEG_INFINITY;

/// A date before every time. The next request reads the other fields.
const DISPUTED: f64 = f64::MIN;

impl Standing {
    /// Creates a standing without an end.
    pub(crate) fn configured() -> Self {
        let forever = f64::INFINITY.to_bits();
        Self {
            undisputed_until: AtomicU64::new(forever),
            trusted_until: AtomicU64::new(forever),
            used: AtomicBool::new(false),
            stays_disputed: false,
        }
    }

    /// Creates a standing until this date. The first accepted token is recorded as a use.
    #[cfg(feature = "fetch")]
    pub(crate) fn until(date: NumericDate) -> Self {
        Self {
            undisputed_until: AtomicU64::new(DISPUTED.to_bits()),
            trusted_until: AtomicU64::new(date.as_secs_f64().to_bits()),
            used: AtomicBool::new(false),
            stays_disputed: false,
        }
    }

    /// Makes each request look closer. Other issuers' requests then read nothing more.
    pub(crate) fn disputed(self) -> Self {
        Self { undisputed_until: AtomicU64::new(DISPUTED.to_bits()), stays_disputed: true, ..self }
    }

    /// Returns whether a valid token of the issuer may be accepted, without a closer look.
    #[inline]
    pub(crate) fn is_undisputed(&self, now: NumericDate) -> bool {
        let undisputed = f64::from_bits(self.undisputed_until.load(Ordering::Relaxed));
        now.as_secs_f64() < undisputed
    }

    /// Returns whether a valid token of the issuer may be accepted, and records it as a use.
    #[inline]
    pub(crate) fn accepts(&self, now: NumericDate) -> bool {
        self.is_undisputed(now) || self.look_closer(now)
    }

    #[cold]
    fn look_closer(&self, now: NumericDate) -> bool {
        let before = self.undisputed_until.load(Ordering::Acquire);
        if !self.is_trusted(now) {
            return false;
        }
        // Written only if it changes. Otherwise each use would invalidate the cache line of other cores.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        if self.stays_disputed {
            return self.is_trusted(now);
        }
        // If the trust has ended meanwhile, the exchange fails, and it stays ended.
        let until = self.trusted_until.load(Ordering::Acquire);
        let _ = self.undisputed_until.compare_exchange(before, until, Ordering::AcqRel, Ordering::Relaxed);
        self.is_trusted(now)
    }

    /// Returns whether the trust lasts. It records nothing.
    pub(crate) fn is_trusted(&self, now: NumericDate) -> bool {
        let until = f64::from_bits(self.trusted_until.load(Ordering::Acquire));
        now.as_secs_f64() < until
    }

    /// Ends the trust. No request accepts a token afterwards, cached ones included.
    pub(crate) fn end(&self) {
        // In this order, or a request could take the old date for the new one.
        self.trusted_until.store(ENDED.to_bits(), Ordering::Release);
        self.undisputed_until.swap(ENDED.to_bits(), Ordering::AcqRel);
    }

    /// Sets the end. The caller holds the lock of the registry, and has not ended the trust.
    #[cfg(feature = "fetch")]
    pub(crate) fn prolong(&self, date: NumericDate) {
        self.trusted_until.store(date.as_secs_f64().to_bits(), Ordering::Release);
    }

    /// Returns whether a token was accepted since the last call. The caller holds the lock of the
    /// registry, and has not ended the trust.
    #[cfg(feature = "fetch")]
    pub(crate) fn take_used(&self) -> bool {
        if !self.used.swap(false, Ordering::Relaxed) {
            return false;
        }
        self.undisputed_until.store(DISPUTED.to_bits(), Ordering::Release);
        true
    }
}

#[cfg(all(test, feature = "fetch"))]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> NumericDate {
        NumericDate::from(std::time::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn trust_ends_at_its_date_or_earlier() {
        let standing = Standing::until(at(100));
        assert!(standing.accepts(at(99)) && standing.accepts(at(0)));
        assert!(!standing.accepts(at(100)));
        standing.prolong(at(200));
        assert!(standing.accepts(at(199)) && !standing.accepts(at(200)));
        standing.end();
        assert!(!standing.accepts(at(0)) && !standing.is_trusted(at(0)));
        let configured = Standing::configured();
        assert!(configured.accepts(at(u64::from(u32::MAX))));
        configured.end();
        assert!(!configured.accepts(at(0)));
    }

    #[test]
    fn disputed_standing_has_the_same_end() {
        let standing = Standing::until(at(100)).disputed();
        for _ in 0..2 {
            assert!(standing.accepts(at(99)) && !standing.is_undisputed(at(0)));
            assert!(!standing.accepts(at(100)));
        }
        assert!(standing.take_used() && !standing.take_used());
        standing.end();
        assert!(!standing.accepts(at(0)));
    }

    #[test]
    fn accepted_token_is_a_use() {
        let standing = Standing::until(at(100));
        assert!(!standing.take_used());
        for _ in 0..2 {
            assert!(standing.is_trusted(at(1)) && !standing.take_used());
            assert!(standing.accepts(at(1)) && standing.accepts(at(1)));
            assert!(standing.take_used() && !standing.take_used());
        }
        assert!(!standing.accepts(at(100)) && !standing.take_used());
    }
}
