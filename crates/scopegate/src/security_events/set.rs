//! The claims of a security event token (RFC 8417 §2.2), once its signature is verified.

use std::borrow::Cow;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonObject;
use serde_json::value::RawValue;

use crate::checks::identity::optional_name;
use crate::checks::lifetime::{date, not_in_future};
use crate::error::Error;
use crate::token::numeric_date::NumericDate;

/// The claims of a SET that its events refer to.
pub(super) struct Set<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) issued_at: NumericDate,
    /// The time of the event, if the SET has it.
    pub(super) occurred_at: Option<EventTime>,
    pub(super) subject: Option<&'a RawValue>,
    pub(super) events: JsonObject<'a>,
}

/// The time of an event. A wrong unit must not cost the event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum EventTime {
    At(NumericDate),
    /// A number that is no date.
    OutOfRange,
}

impl EventTime {
    pub(super) fn read(claim: &'static str, value: Option<&RawValue>) -> Result<Option<Self>, Error> {
        match date(claim, value) {
            Err(_) if value.is_some_and(is_number) => Ok(Some(Self::OutOfRange)),
            read => Ok(read?.map(Self::At)),
        }
    }
}

fn is_number(value: &RawValue) -> bool {
    value.get().starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

impl<'a> Set<'a> {
    pub(super) fn read(payload: &JsonObject<'a>, now: NumericDate, leeway: Duration) -> Result<Self, Error> {
        // The Shared Signals Framework forbids both. Other tokens have them.
        for claim in ["exp", "sub"] {
            if let Some(found) = payload.get_non_null(claim) {
                return Err(malformed(
                    claim,
                    "absent in a security event token",
                    Excerpt::type_of_json(found),
                ));
            }
        }
        let issued_at =
            date("iat", payload.get_non_null("iat"))?.ok_or(Error::MissingClaim { claim: "iat" })?;
        not_in_future("iat", Some(issued_at), now, leeway)?;
        let not_before = date("nbf", payload.get_non_null("nbf"))?;
        not_in_future("nbf", not_before, now, leeway)?;
        let id = optional_name(payload, "jti")?.ok_or(Error::MissingClaim { claim: "jti" })?;
        let occurred_at = EventTime::read("toe", payload.get_non_null("toe"))?;
        let events = payload.get("events").ok_or(Error::MissingClaim { claim: "events" })?;
        let events = JsonObject::from_text(events.get()).ok().filter(|events| events.iter().len() > 0);
        let events = events.ok_or_else(|| {
            let found = payload.get("events").map(Excerpt::type_of_json);
            Error::MalformedClaim { claim: "events".into(), expected: "an object with an event", found }
        })?;
        let subject = payload.get_non_null("sub_id");
        Ok(Self { id, issued_at, occurred_at, subject, events })
    }
}

pub(super) fn malformed(claim: &'static str, expected: &'static str, found: Excerpt) -> Error {
    Error::MalformedClaim { claim: claim.into(), expected, found: Some(found) }
}
