//! Claims that identify the subject, the client or the token.

use std::borrow::Cow;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};

use crate::error::Error;

/// Reads an identifier, which must be a string if it is present. Returns `None` if it is absent,
/// `null` or empty: tokens with an empty `sub` do not all have the same subject.
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
