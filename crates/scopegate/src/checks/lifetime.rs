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
        // RFC 7519 §4.1.4: the token is rejected on or after this time.
        if now >= self.expires_at.plus(leeway) {
            return Err(Error::Expired { expired_at: self.expires_at, now, leeway });
        }
        // If a token is from the future, the issuer's clock is wrong, and so is the token's `exp`.
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
