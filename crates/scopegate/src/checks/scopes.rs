//! Which claims grant scopes, and how they are read. The scopes themselves are `scope.rs`.

use std::borrow::Cow;

use scopegate_proto::json::{JsonObject, string, strings};

use crate::error::Error;
use crate::scope::granted::{GrantedScopes, GrantedScopesBuilder};
use crate::scope::interner::ScopeInterner;

/// The claims that grant scopes.
#[derive(Clone, Debug)]
pub(crate) struct ScopeClaims {
    /// Claims that are defined to hold scopes.
    pub(crate) standard: &'static [ScopeClaim],
    /// A claim that holds an array of names, and grants them in tokens that have none of the claims above.
    pub(crate) fallback: Option<ClaimPath>,
    /// Claims that hold arrays of names, which need not be scopes.
    pub(crate) additional: Vec<ClaimPath>,
}

/// Where an array of names is: a claim, or a member of an object in a claim, and so on.
pub(crate) type ClaimPath = Vec<Cow<'static, str>>;

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
    pub(crate) fn read(
        &self,
        payload: &JsonObject<'_>,
        table: &ScopeInterner,
    ) -> Result<GrantedScopes, Error> {
        let mut grants = GrantedScopesBuilder::default();
        for claim in self.standard {
            claim.read(payload, &mut grants)?;
        }
        let has_standard = self.standard.iter().any(|claim| payload.contains(claim.name()));
        let fallback = self.fallback.iter().filter(|_| !has_standard);
        for path in self.additional.iter().chain(fallback) {
            for name in names(payload, path)? {
                // Roles and permissions need not follow the grammar of scopes. One that does not can never be asked
                // for, so it grants nothing.
                let _ = grants.add(&name);
            }
        }
        Ok(grants.intern(table))
    }
}

/// The names at a path; none where the path leads nowhere.
fn names<'a>(payload: &JsonObject<'a>, path: &[Cow<'static, str>]) -> Result<Vec<Cow<'a, str>>, Error> {
    let malformed = |expected| Error::MalformedClaim { claim: path.join(".").into(), expected };
    let mut members = path.iter();
    let mut found = members.next().and_then(|claim| payload.get(claim));
    for member in members {
        let Some(object) = found else { break };
        let object = JsonObject::from_text(object.get());
        found = object.map_err(|_| malformed("an array of strings within objects"))?.get(member);
    }
    let Some(value) = found else { return Ok(Vec::new()) };
    strings(value).ok_or_else(|| malformed("an array of strings"))
}

impl ScopeClaim {
    fn name(self) -> &'static str {
        match self {
            Self::Text(claim) | Self::TextOrArray(claim) => claim,
        }
    }

    fn read(self, payload: &JsonObject<'_>, grants: &mut GrantedScopesBuilder) -> Result<(), Error> {
        let (claim, expected) = match self {
            Self::Text(claim) => (claim, "scopes separated by spaces"),
            Self::TextOrArray(claim) => (claim, "scopes separated by spaces, or an array of scopes"),
        };
        let Some(value) = payload.get(claim) else { return Ok(()) };
        let read = match (string(value), self) {
            (Some(text), _) => grants.add_text(&text),
            (None, Self::TextOrArray(_)) => {
                strings(value).and_then(|array| array.iter().try_for_each(|scope| grants.add(scope)))
            }
            (None, Self::Text(_)) => None,
        };
        read.ok_or_else(|| Error::MalformedClaim { claim: claim.into(), expected })
    }
}
