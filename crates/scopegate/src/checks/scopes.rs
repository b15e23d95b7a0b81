//! Which claims grant scopes, and how they are read. The scopes themselves are `scope.rs`.

pub(crate) mod source;

use scopegate_proto::json::JsonObject;

use crate::checks::scopes::source::ScopeSource;
use crate::error::Error;
use crate::scope::granted::{GrantedScopes, GrantedScopesBuilder};
use crate::scope::interner::ScopeInterner;

/// The claims that grant scopes, each path once.
#[derive(Clone, Debug)]
pub(crate) struct ScopeClaims(pub(crate) Vec<ScopeSource>);

impl ScopeClaims {
    /// RFC 8693 §4.2 defines `scope` as text. Okta's and Ory Hydra's `scp` is an array, Entra ID's is text.
    pub(crate) fn scope_and_scp() -> Self {
        Self(vec![ScopeSource::text("scope"), ScopeSource::text_or_array("scp")])
    }

    /// Adds a source. It replaces the one with the same path.
    pub(crate) fn add(&mut self, source: ScopeSource) {
        match self.0.iter_mut().find(|known| known.path == source.path) {
            Some(known) => *known = source,
            None => self.0.push(source),
        }
    }

    /// Every scope that the token grants by any of the claims. No claim means no scope.
    pub(crate) fn read(
        &self,
        payload: &JsonObject<'_>,
        table: &ScopeInterner,
    ) -> Result<GrantedScopes, Error> {
        let mut grants = GrantedScopesBuilder::default();
        for source in &self.0 {
            source.read(payload, &mut grants)?;
        }
        Ok(grants.intern(table))
    }
}
