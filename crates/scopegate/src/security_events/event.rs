//! The events that revoke tokens (CAEP 1.0), and the revocations that follow from them.

use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use serde_json::value::RawValue;

use crate::checks::lifetime::date;
use crate::error::Error;
use crate::revocation::revoked::Revocation;
use crate::security_events::error::SecurityEventError;
use crate::security_events::set::{Set, malformed};
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
    /// An event revokes tokens, and its subject is in a format that tokens do not have.
    pub(super) has_unsupported_subject: bool,
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
        let before = effect.revocations.len();
        add(&mut effect.revocations, kind, &subject, time, rules)?;
        effect.has_unsupported_subject |= effect.revocations.len() == before;
    }
    Ok(effect)
}

fn add(
    revocations: &mut Vec<Revocation>,
    kind: EventType,
    subject: &Subject,
    time: NumericDate,
    rules: &RevocationRules<'_>,
) -> Result<(), SecurityEventError> {
    let end = |revocation: Revocation, from: NumericDate| match rules.token_lifetime {
        Some(lifetime) => revocation.ends_at(from.plus(lifetime)),
        None => revocation,
    };
    for user in subject.user.iter().chain(&subject.unspecified) {
        for issuer in issuers_of(user, rules.issuers)? {
            revocations.push(end(Revocation::subject(issuer, &user.name, time), time));
        }
    }
    let session = match kind {
        EventType::SessionRevoked => subject.session.iter().chain(&subject.unspecified),
        // A credential is the user's, in every session.
        EventType::CredentialChange => return Ok(()),
    };
    for session in session {
        for issuer in issuers_of(session, rules.issuers)? {
            // The issuer ends the session now, or has ended it before.
            revocations.push(end(Revocation::session(issuer, &session.name), rules.now));
        }
    }
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

/// Returns the time of the event. It cannot be after the SET was issued: a transmitter would revoke
/// tokens of the future.
fn time_of(event: &JsonObject<'_>, set: &Set<'_>, leeway: Duration) -> Result<NumericDate, Error> {
    let timestamp = date("event_timestamp", event.get_non_null("event_timestamp"))?;
    let (claim, time) = match (timestamp, set.occurred_at) {
        (Some(time), _) => ("event_timestamp", time),
        (None, Some(time)) => ("toe", time),
        (None, None) => return Ok(set.issued_at),
    };
    if time > set.issued_at.plus(leeway) {
        return Err(malformed(claim, "a time that is not after `iat`", Excerpt::new(&time.to_string())));
    }
    Ok(time)
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
