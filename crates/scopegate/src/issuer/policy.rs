//! The rules for the tokens of one issuer.

use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;

use crate::checks::audience::{AllowList, AudiencePolicy};
use crate::checks::header::Header;
use crate::checks::kind::{TokenKind, TypeRule};
use crate::checks::scopes::ScopeClaims;
use crate::error::Error;
use crate::keys::issuer_keys::KeyOwner;
use crate::keys::jwk::KeyRules;
#[cfg(feature = "fetch")]
use crate::status_list::StatusList;
use crate::tenants::Tenants;
use crate::tenants::template::NameTemplate;
use crate::token::algorithm::Algorithm;

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
    pub(crate) tenancy: Tenancy,
    /// The tenants whose tokens are accepted. `None` if there is no rule.
    pub(crate) tenants: Option<Tenants>,
    /// The issuer's own leeway, instead of the verifier's.
    pub(crate) leeway: Option<Duration>,
    /// The rules for the claim `status`. `None` ignores it.
    #[cfg(feature = "fetch")]
    pub(crate) status_list: Option<StatusList>,
}

/// The tenants of an issuer, as its preset knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tenancy {
    Unknown,
    /// The issuer is this tenant's.
    One(Arc<str>),
    /// The issuer has a name for each tenant. The first form is that of `iss`, and keys may name
    /// their issuer in each form.
    Many(Arc<[NameTemplate]>),
}

impl Tenancy {
    /// Returns the forms of names, or none if the issuer has one name.
    pub(crate) fn templates(&self) -> &[NameTemplate] {
        match self {
            Self::Unknown | Self::One(_) => &[],
            Self::Many(templates) => templates,
        }
    }

    /// Returns the form of `iss`, if the issuer has a name for each tenant.
    pub(crate) fn name_template(&self) -> Option<&NameTemplate> {
        self.templates().first()
    }
}

impl Policy {
    /// Returns whether both accept the same tokens. The order of a list does not matter, because an
    /// application may read it from a table.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self == other || self.in_order() == other.in_order()
    }

    /// Returns whether both have the same rules for status lists, and for the keys that sign them.
    #[cfg(feature = "fetch")]
    pub(crate) fn has_same_lists_as(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.in_order(), other.in_order());
        (ours.status_list, ours.algorithms, ours.key_issuers)
            == (theirs.status_list, theirs.algorithms, theirs.key_issuers)
    }

    fn in_order(&self) -> Self {
        fn sort<T: Ord>(list: &mut Vec<T>) {
            list.sort_unstable();
            list.dedup();
        }
        let mut rules = self.clone();
        rules.algorithms = Algorithm::as_set(&rules.algorithms);
        sort(&mut rules.key_issuers);
        sort(&mut rules.kind.required);
        for list in [&mut rules.audience.audiences, &mut rules.audience.clients] {
            if let AllowList::OneOf(values) = list {
                sort(values);
            }
        }
        #[cfg(feature = "fetch")]
        if let Some(list) = &mut rules.status_list {
            sort(list.origins_mut());
        }
        rules
    }

    /// Returns the rules that select the usable keys of a set.
    pub(crate) fn key_rules(&self) -> KeyRules {
        // A set for many tenants keeps the keys that name one of them.
        let is_one_issuer = self.tenancy.name_template().is_none();
        KeyRules {
            algorithms: self.algorithms.clone(),
            issuers: is_one_issuer.then(|| self.key_issuers.clone()),
        }
    }

    /// Returns the names by which keys belong to the issuer.
    pub(crate) fn key_owner(&self) -> KeyOwner {
        KeyOwner {
            names: self.key_issuers.clone(),
            templates: self.tenancy.templates().to_vec(),
            tenants: self.tenants.clone(),
        }
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
