//! The form of a token: three parts of canonical base64url, and JSON inside.

use scopegate_proto::json::JsonObject;
use scopegate_proto::jws::{CompactJws, JwsError, Part};

use crate::error::Error;

/// Maximum length of a token. It bounds the work that an attacker can cause with base64 and JSON.
/// Real access tokens are much shorter, and servers limit a whole header section to 8–64 KiB.
pub(crate) const MAX_LENGTH: usize = 16 * 1024;

/// Splits a token and decodes its parts. Nothing is verified or interpreted.
pub(crate) fn split(token: &[u8]) -> Result<CompactJws, Error> {
    split_document(token, MAX_LENGTH)
}

/// Splits a token of at most `max_length` bytes, as [`split`] does.
pub(crate) fn split_document(token: &[u8], max_length: usize) -> Result<CompactJws, Error> {
    CompactJws::split(token, max_length).map_err(|error| match error {
        JwsError::TooLong { limit, found, .. } => Error::TooLong { limit, found },
        JwsError::Encrypted => Error::Encrypted,
        JwsError::NotThreeParts { found, .. } => Error::NotThreeParts { found },
        JwsError::NotBase64Url { part, .. } => Error::NotBase64Url { part },
        // There is no other variant. A future variant means a malformed token, too.
        _ => Error::NotThreeParts { found: 0 },
    })
}

/// Reads the payload of a token as JSON.
pub(crate) fn read_payload(parts: &CompactJws) -> Result<JsonObject<'_>, Error> {
    JsonObject::from_slice(parts.payload()).map_err(|found| Error::InvalidJson { part: Part::Payload, found })
}
