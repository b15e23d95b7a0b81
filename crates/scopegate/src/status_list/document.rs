//! The checks of a status list token (draft-ietf-oauth-status-list-20 §5.1, §8.3).

use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::base64url;
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use scopegate_proto::jws::{CompactJws, Part};
use serde_json::value::RawValue;

use crate::checks::form::split_document;
use crate::checks::header::Header;
use crate::checks::kind::TypeRule;
use crate::checks::lifetime::Lifetime;
use crate::error::Error;
use crate::keys::jwk::Key;
use crate::status_list::array::{Bits, StatusArray};
use crate::status_list::error::{ListError, shown_url};
use crate::status_list::memory::{Document, FetchPermit};
use crate::token::algorithm::Algorithm;
use crate::token::key_name::KeyName;
use crate::token::numeric_date::NumericDate;

/// Upper bound of a status list token. A list of a million random bytes fits.
pub(super) const MAX_DOCUMENT: usize = 2 * 1024 * 1024;

/// Bounds for the `ttl`. A shorter one burdens the issuer, and a longer one delays the rejection of
/// revoked tokens (§11.5).
const MIN_TTL: Duration = Duration::from_secs(30);
const MAX_TTL: Duration = Duration::from_secs(12 * 3_600);

/// The renewal period of lists without `ttl`.
const DEFAULT_TTL: Duration = Duration::from_secs(300);

/// A list token whose signature was not verified yet.
pub(super) struct UnverifiedList {
    document: Document,
    parts: CompactJws,
    pub(super) key: KeyName,
}

/// A verified list.
pub(super) struct VerifiedList {
    pub(super) array: StatusArray,
    pub(super) ttl: Duration,
    pub(super) issued_at: NumericDate,
    /// The `exp` with the leeway. If there is none, it is in the distant future.
    expires_at: NumericDate,
    pub(super) signed_by: SignedBy,
    /// The memory in which it was inflated, until it is counted as a list.
    _memory: FetchPermit,
}

/// The key that signed a list, and its name in the list's header.
pub(super) struct SignedBy {
    pub(super) key: Arc<Key>,
    pub(super) name: KeyName,
}

impl UnverifiedList {
    /// Splits a document, and checks its header.
    pub(super) fn read(document: Document, algorithms: &[Algorithm]) -> Result<Self, ListError> {
        let parts = split_document(&document.bytes, MAX_DOCUMENT)?;
        let header = Header::parse(parts.header())?;
        TypeRule::StatusList.check(header.typ.as_deref())?;
        if !algorithms.contains(&header.algorithm) {
            return Err(ListError::Algorithm(header.algorithm));
        }
        let key = KeyName { id: Box::new(header.key_id.to_owned()), algorithm: header.algorithm };
        Ok(Self { document, parts, key })
    }

    /// Verifies the signature, checks the claims, and inflates the list in this memory.
    pub(super) fn verify(
        self,
        key: Arc<Key>,
        uri: &str,
        now: NumericDate,
        leeway: Duration,
        memory: FetchPermit,
    ) -> Result<VerifiedList, ListError> {
        let signing_input = self.parts.signing_input(&self.document.bytes);
        if !key.verifying.verifies(signing_input, self.parts.signature()) {
            return Err(ListError::BadSignature);
        }
        let payload = JsonObject::from_slice(self.parts.payload())
            .map_err(|found| Error::InvalidJson { part: Part::Payload, found })?;
        let subject = payload.get("sub");
        if subject.and_then(string).as_deref() != Some(uri) {
            let expected = "exactly the URL in the token's `status_list`";
            return Err(match subject.and_then(string) {
                Some(found) => ListError::Member { member: "sub", expected, found: Some(shown_url(&found)) },
                None => member("sub", expected, subject),
            });
        }
        let lifetime = Lifetime::read_with_optional_exp(&payload)?;
        let issued_at = lifetime.issued_at.ok_or(Error::MissingClaim { claim: "iat" })?;
        lifetime.check(now, leeway)?;
        let ttl = read_ttl(payload.get("ttl"))?;
        let list = payload.get("status_list");
        let list = list.and_then(|list| JsonObject::from_text(list.get()).ok());
        let list = list.ok_or_else(|| member("status_list", "an object", payload.get("status_list")))?;
        let bits = list.get("bits");
        let bits = bits
            .and_then(|bits| Bits::parse(bits.get()))
            .ok_or_else(|| member("bits", "1, 2, 4 or 8", bits))?;
        let compressed = list.get("lst").and_then(string).and_then(|lst| base64url::decode(lst.as_bytes()));
        // The value may be long, so the error has none of it.
        let compressed = compressed.ok_or_else(|| member("lst", "a string in base64url", None))?;
        let array = StatusArray::inflate(bits, compressed)?;
        let expires_at = lifetime.expires_at.plus(leeway);
        let signed_by = SignedBy { key, name: self.key };
        Ok(VerifiedList { array, ttl, issued_at, expires_at, signed_by, _memory: memory })
    }
}

impl VerifiedList {
    /// Returns the end of a list that was requested at this time: its `exp` or the stale limit. If
    /// there is no `exp`, the limit counts from `iat`. A replayed list would never end otherwise.
    pub(super) fn usable_until(&self, asked: NumericDate, max_stale: Duration) -> NumericDate {
        let has_expiry = self.expires_at < NumericDate::DISTANT_FUTURE;
        let from = if has_expiry || asked < self.issued_at { asked } else { self.issued_at };
        let stale_at = from.plus(max_stale);
        if self.expires_at < stale_at { self.expires_at } else { stale_at }
    }
}

fn read_ttl(value: Option<&RawValue>) -> Result<Duration, ListError> {
    let Some(value) = value else { return Ok(DEFAULT_TTL) };
    match serde_json::from_str::<f64>(value.get()) {
        Ok(seconds) if seconds > 0.0 => {
            Ok(Duration::try_from_secs_f64(seconds).unwrap_or(MAX_TTL).clamp(MIN_TTL, MAX_TTL))
        }
        _ => Err(member("ttl", "a positive number", Some(value))),
    }
}

fn member(member: &'static str, expected: &'static str, found: Option<&RawValue>) -> ListError {
    let found = found.map(|value| Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT));
    ListError::Member { member, expected, found }
}
