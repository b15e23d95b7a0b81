//! The claims that grant scopes.

pub(crate) mod source;

use scopegate_proto::json::JsonObject;

use crate::checks::scopes::source::ScopeSource;
use crate::config_error::ConfigError;
use crate::error::Error;
use crate::scope::granted::{GrantedScopes, GrantedScopesBuilder};
use crate::scope::interner::ScopeInterner;

/// The claims that grant scopes. [`check`](Self::check) finds duplicate paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScopeClaims(pub(crate) Vec<ScopeSource>);

impl ScopeClaims {
    /// RFC 8693 §4.2 defines `scope` as a string. `scp` of Okta and Ory Hydra is an array, of Entra
    /// ID a string.
    pub(crate) fn scope_and_scp() -> Self {
        Self(vec![ScopeSource::text("scope"), ScopeSource::text_or_array("scp")])
    }

    /// Adds a source. It replaces the source with the same path and inherits its condition, unless
    /// it has its own. Otherwise a prefix or a map would make a preset read a claim in more tokens.
    pub(crate) fn add(&mut self, mut source: ScopeSource) {
        match self.0.iter_mut().find(|known| known.path == source.path) {
            Some(known) => {
                source.unless = source.unless.or_else(|| known.unless.take());
                *known = source;
            }
            None => self.0.push(source),
        }
    }

    /// Adds a source that is read in every token. It also replaces a source with a condition.
    pub(crate) fn add_for_every_token(&mut self, source: ScopeSource) {
        self.0.retain(|known| known.path != source.path);
        self.0.push(source);
    }

    /// Checks each source, and that each path is unique. If two sources had one path, one of them
    /// would silently grant nothing.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.0.iter().enumerate().try_for_each(|(position, source)| {
            source.check()?;
            if self.0.iter().take(position).any(|earlier| earlier.path == source.path) {
                return Err(ConfigError::InvalidName {
                    setting: "path of a scope source",
                    expected: "each path once",
                    found: source.path.to_string(),
                });
            }
            Ok(())
        })
    }

    /// Returns all scopes that the claims grant and that the issuer may grant. A token without
    /// these claims has no scopes.
    pub(crate) fn read(
        &self,
        payload: &JsonObject<'_>,
        limit: Option<&[String]>,
        table: &ScopeInterner,
    ) -> Result<GrantedScopes, Error> {
        let mut grants = GrantedScopesBuilder::default();
        for source in &self.0 {
            source.read(payload, &mut grants)?;
        }
        if let Some(limit) = limit {
            grants.limit_to(limit);
        }
        Ok(grants.intern(table))
    }
}
