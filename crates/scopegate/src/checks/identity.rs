//! Claims that name someone or something: the subject, the client, the token.

use std::borrow::Cow;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};

use crate::error::Error;

/// Reads a claim that names someone or something, and must be a string if it is there. Returns `None` if
/// it is absent, `null` or empty: many tokens with an empty `sub` are not one subject's.
pub(crate) fn optional_name<'a>(
    payload: &JsonObject<'a>,
    claim: &str,
) -> Result<Option<Cow<'a, str>>, Error> {
    let Some(value) = payload.get_non_null(claim) else { return Ok(None) };
    match string(value) {
        Some(name) => Ok(Some(name).filter(|name| !name.is_empty())),
        None => Err(Error::MalformedClaim {
            claim: claim.to_owned().into(),
            expected: "a string",
            found: Some(Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT)),
        }),
    }
}
