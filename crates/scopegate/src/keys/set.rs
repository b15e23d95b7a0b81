//! An immutable set of keys, looked up by key id and algorithm.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonError, JsonObject, shortlex};
use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::Level;

use crate::keys::jwk::{AcceptedKeys, JwkError, Key};
use crate::token::algorithm::Algorithm;
use crate::token::key_name::{KeyId, KeyName, Thumbprints, UsedName, thumbprints};

/// Maximum number of keys in a set. Real sets have one to ten. The limit bounds the memory that a
/// broken or hostile issuer can use.
const MAX_KEYS: usize = 100;

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// The keys of one issuer at one time.
pub(crate) struct KeySet {
    /// Unique in this process.
    id: u64,
    /// In the order of the document.
    keys: Vec<Arc<Key>>,
    /// The keys with a `kid`, sorted by it ([`shortlex`]).
    named: Vec<(Box<str>, Arc<Key>)>,
    /// In the order of the document.
    skipped: Vec<SkippedJwk>,
    /// The issuer of each key, if a key names its issuer and the set is not for one issuer.
    owners: Vec<Owner>,
}

/// A key of the document that is used, and the issuer that it names.
struct Owner {
    /// Its place in the document, from 0.
    position: usize,
    issuer: Option<Box<str>>,
    key: Arc<Key>,
}

/// A key of the document that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SkippedJwk {
    /// Index in the document, from 0.
    pub(crate) position: usize,
    pub(crate) id: Option<Box<str>>,
    pub(crate) thumbprints: Thumbprints<Box<str>>,
    pub(crate) reason: JwkError,
}

/// The result of a lookup that does not find exactly one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyLookupError {
    Unknown,
    Ambiguous(usize),
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 §5), key by key. An unusable key is skipped, and the other keys
    /// stay usable. A set without a usable key is empty and not an error, because its issuer may
    /// have withdrawn every key. Keys that the earlier set also has stay the same objects.
    pub(crate) fn from_json<'a>(
        json: &[u8],
        accepted: impl Into<AcceptedKeys<'a>>,
        earlier: Option<&Self>,
    ) -> Result<Self, JwksError> {
        let accepted = accepted.into();
        let known = earlier.map_or(&[][..], |earlier| &earlier.keys);
        let set = JsonObject::from_slice(json).map_err(JwksError::InvalidJson)?;
        let jwks = set.get("keys").ok_or(JwksError::NoKeys)?;
        let jwks = <Vec<&RawValue>>::deserialize(jwks).map_err(|_| JwksError::NoKeys)?;
        if jwks.len() > MAX_KEYS {
            return Err(JwksError::TooMany(jwks.len()));
        }
        let (mut keys, mut skipped) = (Vec::with_capacity(jwks.len()), Vec::new());
        let mut owners = Vec::new();
        for (position, jwk) in jwks.into_iter().enumerate() {
            match Key::from_jwk(jwk, accepted, known) {
                // Some sets list a key twice, which is not ambiguous. A different key with the same
                // id is.
                Ok(usable) => usable.into_iter().for_each(|key: Arc<Key>| {
                    if accepted.issuers.is_none() {
                        let issuer = Key::issuer_of(jwk);
                        owners.push(Owner { position, issuer, key: Arc::clone(&key) });
                    }
                    if !keys.iter().any(|listed: &Arc<Key>| listed.is_same_as(&key)) {
                        keys.push(key);
                    }
                }),
                Err(reason) => {
                    let (id, thumbprints) = Key::names_of(jwk);
                    skipped.push(SkippedJwk { position, id, thumbprints, reason });
                }
            }
        }
        if owners.iter().all(|owner: &Owner| owner.issuer.is_none()) {
            owners = Vec::new();
        }
        Ok(Self::new(keys, skipped, owners))
    }

    fn new(keys: Vec<Arc<Key>>, skipped: Vec<SkippedJwk>, owners: Vec<Owner>) -> Self {
        let named = |key: &Arc<Key>| Some((key.id.clone()?, Arc::clone(key)));
        let mut named: Vec<(Box<str>, Arc<Key>)> = keys.iter().filter_map(named).collect();
        named.sort_by(|(a, _), (b, _)| shortlex(a, b));
        Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), keys, named, skipped, owners }
    }

    /// Returns whether keys name their issuers. If so, each issuer uses a set
    /// [of its own](Self::for_issuers).
    pub(crate) fn names_issuers(&self) -> bool {
        !self.owners.is_empty()
    }

    /// Returns the issuers that keys name. A name may be repeated.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &str> {
        self.owners.iter().filter_map(|owner| owner.issuer.as_deref())
    }

    /// Returns the set for an issuer with these names. A key that names another issuer is skipped.
    pub(crate) fn for_issuers(&self, names: &[String]) -> Self {
        let (mut keys, mut skipped) = (Vec::with_capacity(self.keys.len()), self.skipped.clone());
        for Owner { position, issuer, key } in &self.owners {
            if issuer.as_deref().is_none_or(|issuer| names.iter().any(|name| name == issuer)) {
                if !keys.iter().any(|listed: &Arc<Key>| listed.is_same_as(key)) {
                    keys.push(Arc::clone(key));
                }
            } else if skipped.iter().all(|other| other.position != *position) {
                let (id, thumbprints) = (key.id.clone(), key.thumbprints.clone());
                let reason = JwkError::OtherIssuer;
                skipped.push(SkippedJwk { position: *position, id, thumbprints, reason });
            }
        }
        skipped.sort_by_key(|key| key.position);
        Self::new(keys, skipped, Vec::new())
    }

    /// Returns the set if it has a usable key.
    pub(crate) fn not_empty(self) -> Result<Self, JwksError> {
        if self.is_empty() { Err(JwksError::NoneUsable(self.skipped)) } else { Ok(self) }
    }

    /// Returns whether no key can verify a token.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the keys that are not used.
    pub(crate) fn skipped(&self) -> &[SkippedJwk] {
        &self.skipped
    }

    /// Logs the skipped keys, unless the earlier set has skipped the same ones. `may_log` is called
    /// for each event.
    pub(crate) fn log_skipped(
        &self,
        issuer: &dyn fmt::Display,
        earlier: Option<&Self>,
        may_log: impl Fn(Level) -> bool,
    ) {
        if earlier.is_some_and(|earlier| earlier.skipped == self.skipped) {
            return;
        }
        for key @ SkippedJwk { position, reason, .. } in &self.skipped {
            let key_id = key.name().map(|name| Excerpt::new(&name.shown())).map(tracing::field::display);
            let level = if reason.holds_secret() { Level::WARN } else { Level::INFO };
            match level {
                _ if !may_log(level) => {}
                // A published private key is compromised, so the operator has to act.
                Level::WARN => tracing::warn!(%issuer, position, key_id, %reason, "key of the set skipped"),
                _ => tracing::info!(%issuer, position, key_id, %reason, "key of the set skipped"),
            }
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Returns the only key that fits. A token that does not name its key finds one if exactly one
    /// fits its algorithm. If several fit, none is tried, because a token must never cost more than
    /// one signature check.
    pub(crate) fn find(&self, id: &KeyId<'_>, algorithm: Algorithm) -> Result<&Arc<Key>, KeyLookupError> {
        match self.used_name(id) {
            Some(UsedName::Kid(id)) => {
                let before = self.named.partition_point(|(named, _)| shortlex(named, id).is_lt());
                let named = self.named.iter().skip(before).take_while(|(named, _)| **named == *id);
                single(named.map(|(_, key)| key), algorithm)
            }
            Some(name @ UsedName::Thumbprint(..)) => {
                single(self.keys.iter().filter(|key| has(&key.thumbprints, name)), algorithm)
            }
            None => single(self.keys.iter(), algorithm),
        }
    }

    /// Returns the name that identifies a key in this set. A thumbprint counts if a key has that
    /// member, or if a skipped key has this thumbprint. Many issuers write a thumbprint into tokens
    /// and publish none. Their tokens do not name their key.
    pub(crate) fn used_name<'n>(&self, id: &'n KeyId<'_>) -> Option<UsedName<'n>> {
        let KeyId::Thumbprints(names) = id else { return id.first() };
        thumbprints(names).find(|name| {
            let UsedName::Thumbprint(at, _) = *name else { return false };
            let publishes = |key: &Arc<Key>| key.thumbprints.get(at).is_some_and(Option::is_some);
            self.keys.iter().any(publishes) || self.skipped.iter().any(|key| has(&key.thumbprints, *name))
        })
    }

    /// Returns the reason why the key that a token names is skipped, if the issuer publishes it.
    pub(crate) fn reason_to_skip(&self, id: &KeyId<'_>) -> Option<JwkError> {
        let name = self.used_name(id)?;
        let is_named = |key: &&SkippedJwk| match name {
            UsedName::Kid(kid) => key.id.as_deref() == Some(kid),
            UsedName::Thumbprint(..) => has(&key.thumbprints, name),
        };
        Some(self.skipped.iter().find(is_named)?.reason)
    }

    /// Returns whether a token that names this key would find one or several.
    pub(crate) fn contains(&self, name: &KeyName) -> bool {
        !matches!(self.find(&name.id, name.algorithm), Err(KeyLookupError::Unknown))
    }

    /// Returns whether both sets have the same objects in the same order.
    pub(crate) fn has_same_keys(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len()
            && self.keys.iter().zip(&other.keys).all(|(ours, theirs)| Arc::ptr_eq(ours, theirs))
    }

    /// Returns the `kid` of each key, or its thumbprint if it has none. Each is listed once, in
    /// alphabetical order.
    pub(crate) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.keys.iter().filter_map(|key| Some(key.name()?.shown())).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl SkippedJwk {
    /// Returns the `kid`, or the first thumbprint if there is none.
    pub(crate) fn name(&self) -> Option<UsedName<'_>> {
        self.id.as_deref().map(UsedName::Kid).or_else(|| thumbprints(&self.thumbprints).next())
    }
}

fn has(published: &Thumbprints<Box<str>>, name: UsedName<'_>) -> bool {
    thumbprints(published).any(|thumbprint| thumbprint == name)
}

fn single<'a>(
    keys: impl Iterator<Item = &'a Arc<Key>>,
    algorithm: Algorithm,
) -> Result<&'a Arc<Key>, KeyLookupError> {
    let mut fitting = keys.filter(|key| key.algorithm == algorithm);
    let first = fitting.next().ok_or(KeyLookupError::Unknown)?;
    match fitting.count() {
        0 => Ok(first),
        more => Err(KeyLookupError::Ambiguous(1 + more)),
    }
}

/// The reason why a document is not a key set, or why a verifier cannot start with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JwksError {
    InvalidJson(JsonError),
    NoKeys,
    TooMany(usize),
    /// A key set whose keys are all skipped.
    NoneUsable(Vec<SkippedJwk>),
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidJson(found) => write!(f, "expected a key set, found a document that is {found}"),
            Self::NoKeys => f.write_str("expected an array `keys`, found none"),
            Self::TooMany(found) => write!(f, "expected at most {MAX_KEYS} keys, found {found}"),
            Self::NoneUsable(skipped) => {
                write!(f, "none of the {} keys can verify a token", skipped.len())?;
                let show = |SkippedJwk { position, reason, .. }: &SkippedJwk| (*position, *reason);
                skipped.iter().map(show).try_for_each(|(at, reason)| write!(f, "; key {at} {reason}"))
            }
        }
    }
}

impl std::error::Error for JwksError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a set that has the Ed25519 key of RFC 8037 Appendix A.2 under each of these ids.
    fn set(ids: &[&str], earlier: Option<&KeySet>) -> KeySet {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let jwks = ids.iter().map(|id| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"{id}"}}"#));
        let json = format!(r#"{{"keys":[{}]}}"#, jwks.collect::<Vec<_>>().join(","));
        KeySet::from_json(json.as_bytes(), Algorithm::ALL, earlier).unwrap()
    }

    #[test]
    fn set_without_usable_key_is_empty() {
        // FR-A1, FR-A17
        let read = |json: &str| KeySet::from_json(json.as_bytes(), Algorithm::ALL, None);
        let empty = read(r#"{"keys":[]}"#).unwrap();
        assert!(empty.is_empty() && empty.skipped().is_empty());
        let skipped = read(r#"{"keys":[{"kty":"oct","kid":"a","k":"AQAB"},{"kty":"EC","kid":7}]}"#).unwrap();
        assert!(skipped.is_empty());
        let ids: Vec<_> = skipped.skipped().iter().map(|key| (key.position, key.id.as_deref())).collect();
        assert_eq!(ids, [(0, Some("a")), (1, None)]);
        assert!(matches!(skipped.not_empty(), Err(JwksError::NoneUsable(keys)) if keys.len() == 2));
        let some = set(&["a"], None);
        assert!(!some.is_empty() && some.not_empty().is_ok());
        for not_a_set in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[{"kty""#, "<html>"] {
            assert!(read(not_a_set).is_err(), "{not_a_set}");
        }
    }

    #[test]
    fn unchanged_keys_stay_the_same_objects() {
        // B21
        let first = set(&["a", "b"], None);
        assert!(set(&["a", "b"], Some(&first)).has_same_keys(&first));
        assert!(!set(&["a", "b"], None).has_same_keys(&first));
        let rotated = set(&["b", "c"], Some(&first));
        let find = |keys: &KeySet, id| Arc::as_ptr(keys.find(&Some(id).into(), Algorithm::EdDSA).unwrap());
        assert_eq!(find(&rotated, "b"), find(&first, "b"));
        assert!(!rotated.has_same_keys(&first));
        assert!(matches!(rotated.find(&Some("a").into(), Algorithm::EdDSA), Err(KeyLookupError::Unknown)));
    }
}
