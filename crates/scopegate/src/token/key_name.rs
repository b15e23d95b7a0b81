//! The name of a token's key.

use std::borrow::Cow;

use crate::token::algorithm::Algorithm;

/// The key that a token names, and the algorithm that the key must support.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyName {
    /// Boxed, because results that may name a missing key are returned for every token.
    pub(crate) id: Box<KeyId<'static>>,
    pub(crate) algorithm: Algorithm,
}

/// Thumbprints of a key's certificate, the stronger hash first. They are parameters of a token's
/// header (RFC 7515 §4.1.7, §4.1.8) and members of a JWK (RFC 7517 §4.8, §4.9).
pub(crate) const THUMBPRINTS: [&str; 2] = ["x5t#S256", "x5t"];

/// The thumbprints of a key's certificate, in the order of [`THUMBPRINTS`].
pub(crate) type Thumbprints<T> = [Option<T>; THUMBPRINTS.len()];

/// The names that a token's header has for its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum KeyId<'a> {
    Absent,
    Kid(Cow<'a, str>),
    /// There is no `kid`. A thumbprint counts only in a set that publishes that member.
    Thumbprints(Box<Thumbprints<Cow<'a, str>>>),
}

impl KeyId<'_> {
    pub(crate) fn to_owned(&self) -> KeyId<'static> {
        let owned = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
        match self {
            Self::Absent => KeyId::Absent,
            Self::Kid(kid) => KeyId::Kid(owned(kid)),
            Self::Thumbprints(names) => {
                KeyId::Thumbprints(Box::new(names.each_ref().map(|name| name.as_ref().map(owned))))
            }
        }
    }

    /// Returns the name to show if no key set decides which name is used.
    pub(crate) fn first(&self) -> Option<UsedName<'_>> {
        match self {
            Self::Absent => None,
            Self::Kid(kid) => Some(UsedName::Kid(kid)),
            Self::Thumbprints(names) => thumbprints(names).next(),
        }
    }
}

impl<'a> From<Option<&'a str>> for KeyId<'a> {
    fn from(kid: Option<&'a str>) -> Self {
        kid.map_or(Self::Absent, |kid| Self::Kid(Cow::Borrowed(kid)))
    }
}

/// The one name by which a set looks up a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsedName<'a> {
    Kid(&'a str),
    /// The index in [`THUMBPRINTS`], and the value.
    Thumbprint(usize, &'a str),
}

impl UsedName<'_> {
    /// Returns the form in errors: the `kid`, or the parameter and the value of a thumbprint with
    /// `=` between.
    pub(crate) fn shown(self) -> String {
        match self {
            Self::Kid(kid) => kid.to_owned(),
            Self::Thumbprint(at, value) => {
                format!("{}={value}", THUMBPRINTS.get(at).copied().unwrap_or_default())
            }
        }
    }
}

/// Returns the thumbprints that are present.
pub(crate) fn thumbprints<T: AsRef<str>>(names: &Thumbprints<T>) -> impl Iterator<Item = UsedName<'_>> {
    let indexed = names.iter().enumerate();
    indexed.filter_map(|(at, name)| Some(UsedName::Thumbprint(at, name.as_ref()?.as_ref())))
}

/// Returns the parameter and the value of a thumbprint that is [shown](UsedName::shown).
pub(crate) fn split_thumbprint_id(id: &str) -> Option<(&str, &str)> {
    id.split_once('=').filter(|(parameter, _)| THUMBPRINTS.contains(parameter))
}
