//! The nonces of servers (RFC 9449 §8, §9): the last one of each origin and role.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Maximum number of stored nonces. A program calls a handful of APIs. The oldest one is removed.
const MAX_NONCES: usize = 64;

/// Maximum length of a nonce in bytes. It returns in each proof, and servers bound their headers.
const MAX_LENGTH: usize = 1024;

const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The role of a server. A server that has both uses different nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    AuthorizationServer,
    ResourceServer,
}

/// A nonce of a server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Nonce(Arc<str>);

impl Nonce {
    /// Reads the nonce of a response. A repeated, malformed or long one is ignored.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(DPOP_NONCE).iter();
        let (value, another) = (values.next()?, values.next());
        if another.is_some() { None } else { Self::from_value(value) }
    }

    /// Reads `1*NQCHAR` (RFC 9449 §8.1).
    fn from_value(value: &HeaderValue) -> Option<Self> {
        let bytes = value.as_bytes();
        let is_allowed = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !(1..=MAX_LENGTH).contains(&bytes.len()) || !bytes.iter().all(is_allowed) {
            return None;
        }
        std::str::from_utf8(bytes).ok().map(|text| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The nonces of all servers. They are read without a lock, because each request reads one. A
/// change copies the list, which is short.
#[derive(Default)]
pub(crate) struct Nonces(ArcSwap<Vec<Entry>>);

#[derive(Clone)]
struct Entry {
    role: Role,
    origin: Arc<str>,
    nonce: Nonce,
}

impl Nonces {
    pub(crate) fn get(&self, role: Role, origin: &str) -> Option<Nonce> {
        let entries = self.0.load();
        entries.iter().find(|entry| entry.is_of(role, origin)).map(|entry| entry.nonce.clone())
    }

    /// Stores the last nonce of a server. It replaces the earlier one (RFC 9449 §8.2).
    pub(crate) fn set(&self, role: Role, origin: &str, nonce: &Nonce) {
        if self.get(role, origin).as_ref() == Some(nonce) {
            return;
        }
        let entry = Entry { role, origin: origin.into(), nonce: nonce.clone() };
        self.0.rcu(|entries| {
            let others = entries.iter().filter(|entry| !entry.is_of(role, origin));
            let mut others: Vec<Entry> = others.cloned().collect();
            let excess = (others.len() + 1).saturating_sub(MAX_NONCES);
            others.drain(..excess);
            others.push(entry.clone());
            others
        });
    }
}

impl Entry {
    fn is_of(&self, role: Role, origin: &str) -> bool {
        self.role == role && *self.origin == *origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(text: &str) -> Nonce {
        Nonce(text.into())
    }

    fn read(values: &[&[u8]]) -> Option<Nonce> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(DPOP_NONCE, HeaderValue::from_bytes(value).unwrap());
        }
        Nonce::from_headers(&headers)
    }

    #[test]
    fn nonce_has_one_to_1024_allowed_characters() {
        // DP52: RFC 9449 §8.1
        let longest = "n".repeat(MAX_LENGTH);
        for text in ["n", "!#[]~", "eyJ7S_zG.eyJH0-Z.HX4w-7v", &longest] {
            assert_eq!(read(&[text.as_bytes()]), Some(nonce(text)), "{text}");
        }
        let longer = "n".repeat(MAX_LENGTH + 1);
        for bytes in [b"".as_slice(), b"a b", b"a\"", b"a\\", b"a\tb", b"\xc3\xa9", longer.as_bytes()] {
            assert_eq!(read(&[bytes]), None, "{bytes:?}");
        }
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[b"a", b"a"]), None, "a repeated header");
    }

    #[test]
    fn nonces_of_origins_and_roles_are_separate() {
        // DP52
        let nonces = Nonces::default();
        let (one, two) = ("https://one:443", "https://two:443");
        nonces.set(Role::AuthorizationServer, one, &nonce("as"));
        assert_eq!(nonces.get(Role::ResourceServer, one), None);
        nonces.set(Role::ResourceServer, one, &nonce("rs"));
        assert_eq!(nonces.get(Role::AuthorizationServer, one), Some(nonce("as")));
        assert_eq!(nonces.get(Role::ResourceServer, one), Some(nonce("rs")));
        assert_eq!(nonces.get(Role::ResourceServer, two), None);
        nonces.set(Role::ResourceServer, one, &nonce("next"));
        assert_eq!(nonces.get(Role::ResourceServer, one), Some(nonce("next")));
        assert_eq!(nonces.0.load().len(), 2);
    }

    #[test]
    fn stored_nonces_are_bounded() {
        // DP52
        let nonces = Nonces::default();
        for n in 0..=MAX_NONCES {
            nonces.set(Role::ResourceServer, &n.to_string(), &nonce("n"));
            assert_eq!(nonces.0.load().len(), (n + 1).min(MAX_NONCES));
        }
        assert_eq!(nonces.get(Role::ResourceServer, "0"), None, "the oldest is removed");
        assert_eq!(nonces.get(Role::ResourceServer, "1"), Some(nonce("n")));
    }

    #[test]
    fn debug_hides_the_nonce() {
        // DP53
        assert_eq!(format!("{:?}", nonce("n0nce")), "[redacted]");
    }
}
