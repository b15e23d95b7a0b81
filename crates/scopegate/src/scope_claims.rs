//! Which claims grant scopes, and how they are read. The scopes themselves are `scope.rs`.

use crate::error::Error;
use crate::json_object::{JsonObject, string, strings};
use crate::{Scope, Scopes};

/// The claims that are read besides `scope` and `scp`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScopeClaims {
    /// Names of claims that hold arrays of strings.
    pub(crate) more: Vec<&'static str>,
}

impl ScopeClaims {
    /// Every scope that the token grants by any of the claims. No claim means no scope.
    pub(crate) fn read(&self, payload: &JsonObject<'_>) -> Result<Scopes, Error> {
        let mut scopes = Vec::new();
        // RFC 8693 §4.2 defines `scope` as text. Okta's and Ory Hydra's `scp` is an array, Entra ID's is text.
        for (claim, arrays_too) in [("scope", false), ("scp", true)] {
            let Some(value) = payload.get(claim) else { continue };
            let expected =
                if arrays_too { "text or an array of scopes" } else { "scopes separated by spaces" };
            let malformed = || Error::MalformedClaim { claim: claim.into(), expected };
            match (string(value), strings(value).filter(|_| arrays_too)) {
                (Some(text), _) => {
                    // Several spaces in a row are not in the grammar, and do not change the meaning.
                    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
                        scopes.push(Scope::parse(scope).ok_or_else(malformed)?);
                    }
                }
                (None, Some(array)) => {
                    for scope in array {
                        scopes.push(Scope::parse(&scope).ok_or_else(malformed)?);
                    }
                }
                (None, None) => return Err(malformed()),
            }
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
