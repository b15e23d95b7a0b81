//! The lifetime of a token: `exp`, `nbf` and `iat`, with one leeway. The caller passes the current
//! time.

use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonObject;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::token::numeric_date::NumericDate;

/// The dates of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) expires_at: NumericDate,
    not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
}

/// The times at which a token is valid, with the leeway. They are computed once for a cached token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValidTimes {
    from: NumericDate,
    /// The first time at which the token is rejected.
    until: NumericDate,
}

impl Lifetime {
    /// The lifetime in place of a malformed or wrong one, which has ended.
    pub(crate) const ENDED: Self =
        Self { expires_at: NumericDate::DISTANT_PAST, not_before: None, issued_at: None };

    pub(crate) fn read(payload: &JsonObject<'_>) -> Result<Self, Error> {
        Ok(Self {
            // RFC 9068 §2.2: required.
            expires_at: date("exp", payload.get("exp"))?.ok_or(Error::MissingClaim { claim: "exp" })?,
            not_before: date("nbf", payload.get("nbf"))?,
            issued_at: date("iat", payload.get_non_null("iat"))?,
        })
    }

    /// Reads the dates of a document whose `exp` is optional. Without one, it does not expire.
    #[cfg(feature = "fetch")]
    pub(crate) fn read_with_optional_exp(payload: &JsonObject<'_>) -> Result<Self, Error> {
        Ok(Self {
            expires_at: date("exp", payload.get("exp"))?.unwrap_or(NumericDate::DISTANT_FUTURE),
            not_before: date("nbf", payload.get("nbf"))?,
            issued_at: date("iat", payload.get("iat"))?,
        })
    }

    pub(crate) fn check(&self, now: NumericDate, leeway: Duration) -> Result<(), Error> {
        // RFC 7519 §4.1.4: the token is rejected on or after this time.
        if now >= self.expires_at.plus(leeway) {
            return Err(Error::Expired { expired_at: self.expires_at, now, leeway });
        }
        // If a token is from the future, the issuer's clock is wrong, and so is the token's `exp`.
        for (claim, from) in [("nbf", self.not_before), ("iat", self.issued_at)] {
            not_in_future(claim, from, now, leeway)?;
        }
        Ok(())
    }

    /// Returns the times at which [`check`](Self::check) accepts the token.
    pub(crate) fn valid_times(&self, leeway: Duration) -> ValidTimes {
        let from = [self.not_before, self.issued_at].into_iter().flatten();
        let latest =
            from.fold(NumericDate::DISTANT_PAST, |latest, from| if from > latest { from } else { latest });
        ValidTimes { from: latest.minus(leeway), until: self.expires_at.plus(leeway) }
    }
}

impl ValidTimes {
    #[inline]
    pub(crate) fn contain(&self, now: NumericDate) -> bool {
        self.from <= now && now < self.until
    }
}

/// Checks a date from which on a token is valid.
pub(crate) fn not_in_future(
    claim: &'static str,
    from: Option<NumericDate>,
    now: NumericDate,
    leeway: Duration,
) -> Result<(), Error> {
    match from.filter(|from| now.plus(leeway) < *from) {
        Some(valid_from) => Err(Error::NotYetValid { claim, valid_from, now, leeway }),
        None => Ok(()),
    }
}

/// Reads a date. `None` is an absent claim.
pub(crate) fn date(claim: &'static str, value: Option<&RawValue>) -> Result<Option<NumericDate>, Error> {
    let Some(value) = value else { return Ok(None) };
    match NumericDate::parse(value) {
        Some(date) => Ok(Some(date)),
        None => Err(Error::MalformedClaim {
            claim: claim.into(),
            expected: "a number of seconds since 1970",
            found: Some(Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> NumericDate {
        NumericDate::from(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    proptest! {
        #[test]
        fn valid_times_agree_with_the_check(
            expires_at in 990..1_010_u64,
            not_before in proptest::option::of(990..1_010_u64),
            issued_at in proptest::option::of(990..1_010_u64),
            leeway in 0..5_u64,
            now in 980..1_020_u64,
        ) {
            let (now, leeway) = (at(now), Duration::from_secs(leeway));
            let lifetime = Lifetime {
                expires_at: at(expires_at),
                not_before: not_before.map(at),
                issued_at: issued_at.map(at),
            };
            prop_assert_eq!(lifetime.valid_times(leeway).contain(now), lifetime.check(now, leeway).is_ok());
        }
    }
}
