//! Which claims grant scopes, and how they are read. The scopes themselves are `scope.rs`.

use crate::error::Error;
use crate::json_object::{JsonObject, string, strings};
use crate::{Scope, Scopes};

/// The claims that grant scopes.
#[derive(Clone, Debug)]
pub(crate) struct ScopeClaims {
    /// Claims that are defined to hold scopes.
    pub(crate) standard: &'static [ScopeClaim],
    /// Claims that hold arrays of names, which need not be scopes.
    pub(crate) more: Vec<&'static str>,
}

/// A claim that holds scopes, and its form.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ScopeClaim {
    /// Separated by spaces.
    Text(&'static str),
    /// Separated by spaces, or an array.
    TextOrArray(&'static str),
}

/// RFC 8693 §4.2 defines `scope` as text. Okta's and Ory Hydra's `scp` is an array, Entra ID's is text.
pub(crate) const SCOPE_AND_SCP: &[ScopeClaim] = &[ScopeClaim::Text("scope"), ScopeClaim::TextOrArray("scp")];

impl ScopeClaims {
    /// Every scope that the token grants by any of the claims. No claim means no scope.
    pub(crate) fn read(&self, payload: &JsonObject<'_>) -> Result<Scopes, Error> {
        let mut scopes = Vec::new();
        for claim in self.standard {
            scopes.extend(claim.read(payload)?);
        }
        for claim in &self.more {
            let Some(value) = payload.get(claim) else { continue };
            let names = strings(value).ok_or_else(|| Error::MalformedClaim {
                claim: (*claim).into(),
                expected: "an array of strings",
            })?;
            // Roles and permissions need not follow the grammar of scopes. One that does not can never be asked
            // for, so it grants nothing.
            scopes.extend(names.iter().filter_map(|name| Scope::parse(name)));
        }
        Ok(scopes.into_iter().collect())
    }
}

impl ScopeClaim {
    fn read(self, payload: &JsonObject<'_>) -> Result<Vec<Scope>, Error> {
        let (claim, expected) = match self {
            Self::Text(claim) => (claim, "scopes separated by spaces"),
            Self::TextOrArray(claim) => (claim, "scopes separated by spaces, or an array of scopes"),
        };
        let Some(value) = payload.get(claim) else { return Ok(Vec::new()) };
        let scopes: Option<Vec<Scope>> = match (string(value), self) {
            // Several spaces in a row are not in the grammar, and do not change the meaning.
            (Some(text), _) => text.split(' ').filter(|scope| !scope.is_empty()).map(Scope::parse).collect(),
            (None, Self::TextOrArray(_)) => {
                strings(value).and_then(|array| array.iter().map(|scope| Scope::parse(scope)).collect())
            }
            (None, Self::Text(_)) => None,
        };
        scopes.ok_or_else(|| Error::MalformedClaim { claim: claim.into(), expected })
    }
}
