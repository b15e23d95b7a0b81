//! When a token may be used: `exp`, `nbf` and `iat`, with one leeway for all three. It reads no clock.

use std::time::Duration;

use crate::NumericDate;
use crate::error::Error;
use crate::json_object::JsonObject;

/// The times that a token states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    pub(crate) expires_at: NumericDate,
    pub(crate) issued_at: Option<NumericDate>,
}

impl Validity {
    /// The token's times, when `now` lies within them.
    pub(crate) fn check(payload: &JsonObject<'_>, now: NumericDate, leeway: Duration) -> Result<Self, Error> {
        // RFC 9068 §2.2: required. RFC 7519 §4.1.4: on or after it, the token is refused.
        let expires_at = date(payload, "exp")?.ok_or(Error::MissingClaim { claim: "exp" })?;
        if now >= expires_at.plus(leeway) {
            return Err(Error::Expired { expired_at: expires_at, now, leeway });
        }
        let from = |claim| {
            let date = date(payload, claim)?;
            match date.filter(|from| now.plus(leeway) < *from) {
                Some(valid_from) => Err(Error::NotYetValid { claim, valid_from, now, leeway }),
                None => Ok(date),
            }
        };
        from("nbf")?;
        // A token from the future comes from a clock that is wrong, and so is its `exp`.
        Ok(Self { expires_at, issued_at: from("iat")? })
    }
}

fn date(payload: &JsonObject<'_>, claim: &'static str) -> Result<Option<NumericDate>, Error> {
    match payload.get(claim) {
        None => Ok(None),
        Some(value) => match NumericDate::parse(value) {
            Some(date) => Ok(Some(date)),
            None => {
                Err(Error::MalformedClaim { claim: claim.into(), expected: "a number of seconds since 1970" })
            }
        },
    }
}
