//! The claim `status` of a token (draft-ietf-oauth-status-list-20 §6.2).

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use scopegate_proto::url::SecureUrl;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::status_list::error::shown_url;
use crate::status_list::{ListRules, Presence};

/// Longer URLs are rejected. Each list stores its URL.
const MAX_URI: usize = 2_048;

/// The largest integer that every JSON parser reads exactly is one less (RFC 8259 §6).
const INDEX_LIMIT: u64 = 1 << 53;

/// The place of a token's status.
pub(super) struct Reference {
    pub(super) uri: SecureUrl,
    pub(super) index: u64,
}

impl Reference {
    /// Reads the claim of a verified token. Returns `None` if the token names no list and need not
    /// name one. Other status mechanisms are ignored (§6.1).
    pub(super) fn read(payload: &JsonObject<'_>, rules: &ListRules) -> Result<Option<Self>, Error> {
        let absent = |claim| match rules.presence {
            Presence::Optional => Ok(None),
            Presence::Required => Err(Error::MissingClaim { claim }),
        };
        // `null` is not an object. A list must not be skipped because a value is unusual.
        let Some(status) = payload.get("status") else { return absent("status") };
        let status = object("status", status)?;
        let Some(list) = status.get("status_list") else { return absent("status.status_list") };
        let list = object("status.status_list", list)?;
        let index = list.get("idx");
        let index = index
            .and_then(|index| index.get().parse().ok().filter(|index| *index < INDEX_LIMIT))
            .ok_or_else(|| malformed("status.status_list.idx", "an integer between 0 and 2^53 - 1", index))?;
        let uri = list.get("uri");
        let text = uri.and_then(string);
        let url = text.as_deref().filter(|uri| uri.len() <= MAX_URI);
        let url = url.and_then(|uri| SecureUrl::parse(uri).ok()).ok_or_else(|| match text {
            Some(text) => Error::MalformedClaim {
                claim: "status.status_list.uri".into(),
                expected: "an https URL",
                found: Some(shown_url(&text)),
            },
            None => malformed("status.status_list.uri", "an https URL", uri),
        })?;
        if !rules.origins.iter().any(|origin| origin.has_same_origin(&url)) {
            let origins: Vec<&str> = rules.origins.iter().take(3).map(|origin| origin.written()).collect();
            return Err(Error::WrongClaim {
                claim: "status.status_list.uri".into(),
                expected: format!("a list at the origin of {}", origins.join(", ")),
                found: Some(shown_url(url.written())),
            });
        }
        Ok(Some(Self { uri: url, index }))
    }
}

fn object<'a>(claim: &'static str, value: &'a RawValue) -> Result<JsonObject<'a>, Error> {
    JsonObject::from_text(value.get())
        .map_err(|_| malformed(claim, "a JSON object without repeated members", Some(value)))
}

fn malformed(claim: &'static str, expected: &'static str, found: Option<&RawValue>) -> Error {
    let found = found.map(|value| Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT));
    Error::MalformedClaim { claim: claim.into(), expected, found }
}
