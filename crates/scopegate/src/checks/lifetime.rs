//! When a token may be used: `exp`, `nbf` and `iat`, with one leeway for all three. It reads no clock.

use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonObject;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::token::numeric_date::NumericDate;

/// The times that a token states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) expires_at: NumericDate,
    not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
}

impl Lifetime {
    pub(crate) fn read(payload: &JsonObject<'_>) -> Result<Self, Error> {
        Ok(Self {
            // RFC 9068 §2.2: required.
            expires_at: date("exp", payload.get("exp"))?.ok_or(Error::MissingClaim { claim: "exp" })?,
            not_before: date("nbf", payload.get("nbf"))?,
            issued_at: date("iat", payload.get_non_null("iat"))?,
        })
    }

    pub(crate) fn check(&self, now: NumericDate, leeway: Duration) -> Result<(), Error> {
        // RFC 7519 §4.1.4: on or after it, the token is refused.
        if now >= self.expires_at.plus(leeway) {
            return Err(Error::Expired { expired_at: self.expires_at, now, leeway });
        }
        // A token from the future comes from a clock that is wrong, and so is its `exp`.
        for (claim, from) in [("nbf", self.not_before), ("iat", self.issued_at)] {
            if let Some(valid_from) = from.filter(|from| now.plus(leeway) < *from) {
                return Err(Error::NotYetValid { claim, valid_from, now, leeway });
            }
        }
        Ok(())
    }
}

fn date(claim: &'static str, value: Option<&RawValue>) -> Result<Option<NumericDate>, Error> {
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
