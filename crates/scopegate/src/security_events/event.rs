//! The events that revoke tokens (CAEP 1.0), and the revocations that follow from them.

use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::revocation::revoked::Revocation;
use crate::security_events::error::SecurityEventError;
use crate::security_events::set::{EventTime, Set, malformed};
use crate::security_events::subject::{Name, Subject};
use crate::token::numeric_date::NumericDate;

/// A type of event that revokes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EventType {
    SessionRevoked,
    CredentialChange,
}

impl EventType {
    /// Returns `None` for types without an effect.
    fn of(uri: &str) -> Option<Self> {
        match uri.strip_prefix("https://schemas.openid.net/secevent/caep/event-type/")? {
            "session-revoked" => Some(Self::SessionRevoked),
            "credential-change" => Some(Self::CredentialChange),
            _ => None,
        }
    }
}

/// The rules for the revocations of one transmitter.
pub(super) struct RevocationRules<'a> {
    /// The issuers that it may revoke for. The first one is its own name.
    pub(super) issuers: &'a [String],
    pub(super) token_lifetime: Option<Duration>,
    pub(super) now: NumericDate,
    pub(super) leeway: Duration,
}

/// The effect of a SET.
#[derive(Debug, Default)]
pub(super) struct Effect {
    pub(super) revocations: Vec<Revocation>,
    /// An event revokes tokens, and its subject or a part of it is in a format that tokens do not
    /// have.
    pub(super) has_unsupported_subject: bool,
    /// The time of an event is after `iat`, so `iat` is used.
    pub(super) has_later_time: bool,
}

/// Reads all events of a SET.
pub(super) fn effect_of(set: &Set<'_>, rules: &RevocationRules<'_>) -> Result<Effect, SecurityEventError> {
    let mut effect = Effect::default();
    for (uri, value) in set.events.iter() {
        let Some(kind) = EventType::of(uri) else { continue };
        let event = JsonObject::from_text(value.get()).map_err(|_| {
            malformed("events", "an object with unique members for each event", Excerpt::type_of_json(value))
        })?;
        let time = time_of(&event, set, rules.leeway)?;
        let subject = Subject::read(subject_of(&event, set)?)?;
        if kind == EventType::CredentialChange && !removes_credential(&event)? {
            continue;
        }
        effect.has_later_time |= time.is_none();
        add(&mut effect, kind, &subject, time.unwrap_or(set.issued_at), rules)?;
    }
    Ok(effect)
}

fn add(
    effect: &mut Effect,
    kind: EventType,
    subject: &Subject,
    time: NumericDate,
    rules: &RevocationRules<'_>,
) -> Result<(), SecurityEventError> {
    let end = |revocation: Revocation, from: NumericDate| match rules.token_lifetime {
        Some(lifetime) => revocation.ends_at(from.plus(lifetime)),
        None => revocation,
    };
    let before = effect.revocations.len();
    let mut foreign = None;
    let mut revoke = |names: &mut dyn Iterator<Item = &Name>,
                      revocation: &dyn Fn(&str, &str) -> Revocation| {
        for name in names {
            match issuers_of(name, rules.issuers) {
                Ok(issuers) => {
                    let all = issuers.iter().map(|issuer| revocation(issuer, &name.value));
                    effect.revocations.extend(all);
                }
                // Another name of the same may be the transmitter's.
                Err(error) if name.is_alias => foreign = Some(error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    revoke(&mut subject.users.iter().chain(&subject.unspecified), &|issuer, name| {
        end(Revocation::subject(issuer, name, time), time)
    })?;
    // A token was issued before now, and a session ends now or has ended before.
    revoke(&mut subject.tokens.iter(), &|issuer, name| end(Revocation::token(issuer, name), rules.now))?;
    let is_named = match kind {
        EventType::SessionRevoked => {
            revoke(&mut subject.sessions.iter().chain(&subject.unspecified), &|issuer, name| {
                end(Revocation::session(issuer, name), rules.now)
            })?;
            effect.revocations.len() > before
        }
        // A credential is the user's, in every session.
        EventType::CredentialChange => !(subject.users.is_empty() && subject.unspecified.is_empty()),
    };
    match foreign {
        Some(error) if effect.revocations.len() == before => return Err(error),
        _ => {}
    }
    effect.has_unsupported_subject |= subject.has_unsupported || !is_named;
    Ok(())
}

/// Returns the issuers of a name, which the transmitter must be allowed to revoke for.
fn issuers_of<'a>(name: &'a Name, allowed: &'a [String]) -> Result<&'a [String], SecurityEventError> {
    let Some(issuer) = &name.issuer else { return Ok(allowed) };
    match allowed.iter().position(|allowed| allowed == issuer) {
        Some(at) => Ok(allowed.get(at..=at).unwrap_or_default()),
        None => Err(SecurityEventError::ForeignSubject {
            transmitter: allowed.first().cloned().unwrap_or_default(),
            found: Excerpt::identifier(issuer),
        }),
    }
}

/// Returns the time of the event, or `None` if it is after the SET was issued. A transmitter would
/// revoke tokens of the future. Often it is in milliseconds.
fn time_of(event: &JsonObject<'_>, set: &Set<'_>, leeway: Duration) -> Result<Option<NumericDate>, Error> {
    let timestamp = EventTime::read("event_timestamp", event.get_non_null("event_timestamp"))?;
    let time = match timestamp.or(set.occurred_at) {
        Some(EventTime::At(time)) => time,
        Some(EventTime::OutOfRange) => return Ok(None),
        None => set.issued_at,
    };
    Ok((time <= set.issued_at.plus(leeway)).then_some(time))
}

/// Returns the SET's `sub_id`, or the event's `subject` of earlier drafts. Both could differ.
fn subject_of<'a>(event: &JsonObject<'a>, set: &Set<'a>) -> Result<&'a RawValue, Error> {
    match (set.subject, event.get_non_null("subject")) {
        (Some(subject), None) | (None, Some(subject)) => Ok(subject),
        (None, None) => Err(Error::MissingClaim { claim: "sub_id" }),
        (Some(_), Some(found)) => {
            Err(malformed("subject", "absent beside `sub_id`", Excerpt::type_of_json(found)))
        }
    }
}

/// Returns whether a credential was changed or removed, and not added.
fn removes_credential(event: &JsonObject<'_>) -> Result<bool, Error> {
    let found = event.get("change_type");
    match found.and_then(string).as_deref() {
        Some("create") => Ok(false),
        Some("revoke" | "update" | "delete") => Ok(true),
        _ => Err(Error::MalformedClaim {
            claim: "change_type".into(),
            expected: "create, revoke, update or delete",
            found: found.map(|value| Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT)),
        }),
    }
}
