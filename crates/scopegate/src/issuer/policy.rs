//! The rules for the tokens of one issuer.

use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;

use crate::checks::audience::AudiencePolicy;
use crate::checks::kind::{TokenKind, TypeRule};
use crate::checks::scopes::ScopeClaims;
use crate::error::Error;
use crate::keys::jwk::KeyRules;
#[cfg(feature = "fetch")]
use crate::status_list::StatusList;
use crate::token::algorithm::Algorithm;
use crate::token::header::Header;

/// The checks of each token of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) algorithms: Vec<Algorithm>,
    /// Accepted values of a key's member `issuer`.
    pub(crate) key_issuers: Vec<String>,
    /// Whether tokens without `iss` belong to this issuer.
    pub(crate) accepts_missing_iss: bool,
    pub(crate) typ: TypeRule,
    pub(crate) kind: TokenKind,
    pub(crate) audience: AudiencePolicy,
    pub(crate) scopes: ScopeClaims,
    /// The scopes that the issuer may grant, sorted. `None` if it may grant all.
    pub(crate) scope_limit: Option<Vec<String>>,
    /// The issuer's own leeway, instead of the verifier's.
    pub(crate) leeway: Option<Duration>,
    /// The rules for the claim `status`. `None` ignores it.
    #[cfg(feature = "fetch")]
    pub(crate) status_list: Option<StatusList>,
}

impl Policy {
    /// Returns the rules that select the usable keys of a set.
    pub(crate) fn key_rules(&self) -> KeyRules {
        KeyRules { algorithms: self.algorithms.clone(), issuers: self.key_issuers.clone() }
    }

    pub(crate) fn check_header(&self, header: &Header<'_>) -> Result<(), Error> {
        if !self.algorithms.contains(&header.algorithm) {
            return Err(Error::UnacceptableAlgorithm {
                expected: self.algorithms.clone(),
                found: Excerpt::new(header.algorithm.name()),
            });
        }
        self.typ.check(header.typ.as_deref())
    }
}
