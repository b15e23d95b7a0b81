//! One `[[issuer]]` of the file.

use std::ops::Range;

use scopegate::{Algorithm, ConfigError, Issuer, IssuerWithoutAudience};

use crate::config::algorithms;
use crate::config::problem::Problems;
use crate::config::reader::{Reader, Text};

/// A trusted issuer, with the settings of the file. Equal entries have equal settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuerEntry {
    source: Source,
    rules: TokenRules,
    /// The hosts at which its tokens are accepted. At least one.
    pub(crate) hosts: Vec<String>,
    /// The value of `iss` in its tokens.
    pub(crate) name: String,
}

/// An entry whose name is not known yet.
pub(super) struct Unnamed {
    source: Source,
    rules: TokenRules,
    hosts: Vec<String>,
    /// The place of the value that names the issuer.
    pub(super) span: Range<usize>,
    jwks_span: Option<Range<usize>>,
}

/// The rules of the entry about tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TokenRules {
    clients: Vec<String>,
    audiences: Vec<String>,
    /// `None` for the algorithms of the kind of issuer.
    algorithms: Option<Vec<Algorithm>>,
}

/// The kind of issuer, with the value of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    kind: Kind,
    value: String,
    jwks_uri: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Issuer,
    Cognito,
    Auth0,
    Okta,
    Entra,
    Keycloak,
    Hydra,
    Rfc9068,
}

const KINDS: [(&str, Kind); 8] = [
    ("issuer", Kind::Issuer),
    ("cognito", Kind::Cognito),
    ("auth0", Kind::Auth0),
    ("okta", Kind::Okta),
    ("entra", Kind::Entra),
    ("keycloak", Kind::Keycloak),
    ("hydra", Kind::Hydra),
    ("rfc9068", Kind::Rfc9068),
];

impl Source {
    fn issuer(&self) -> Result<IssuerWithoutAudience, ConfigError> {
        match (self.kind, &self.jwks_uri) {
            (Kind::Issuer, Some(jwks_uri)) => Issuer::from_jwks_uri(&self.value, jwks_uri),
            (Kind::Issuer, None) => Issuer::from_metadata(&self.value),
            (Kind::Cognito, _) => Issuer::cognito(&self.value),
            (Kind::Auth0, _) => Issuer::auth0(&self.value),
            (Kind::Okta, _) => Issuer::okta(&self.value),
            (Kind::Entra, _) => Issuer::entra(&self.value),
            (Kind::Keycloak, _) => Issuer::keycloak(&self.value),
            (Kind::Hydra, _) => Issuer::hydra(&self.value),
            (Kind::Rfc9068, _) => Issuer::rfc9068(&self.value),
        }
    }
}

impl IssuerEntry {
    /// Returns whether the issuer has the same rules. The hosts may differ, because they are in the rules
    /// of routes.
    pub(crate) fn has_rules_of(&self, other: &Self) -> bool {
        let Self { source, rules, hosts: _, name: _ } = self;
        (source, rules) == (&other.source, &other.rules)
    }

    pub(crate) fn is_cognito(&self) -> bool {
        self.source.kind == Kind::Cognito
    }

    pub(crate) fn audiences(&self) -> &[String] {
        &self.rules.audiences
    }

    /// Returns the issuer with its rules.
    ///
    /// # Errors
    /// Returns the [`ConfigError`] of the preset. An entry of a valid file has none.
    pub(crate) fn issuer(&self) -> Result<Issuer, ConfigError> {
        issuer(&self.source, &self.rules)
    }
}

/// Reads an issuer at these hosts.
pub(super) fn read(
    mut table: Reader<'_>,
    hosts: Vec<String>,
    problems: &mut Problems<'_>,
) -> Option<Unnamed> {
    let before = problems.len();
    let mut kinds = KINDS
        .iter()
        .filter_map(|(key, kind)| table.value(key).is_some().then_some((*key, *kind)))
        .collect::<Vec<_>>()
        .into_iter();
    let first = kinds.next();
    for (key, _) in kinds {
        let (one, _) = first?;
        problems.add(
            &table.key_span(key),
            format_args!("expected one kind of issuer, found `{one}` and `{key}`"),
        );
    }
    let jwks_uri = table.string("jwks_uri", problems);
    let clients = table.strings("clients", problems);
    let audiences = table.strings("audiences", problems);
    let algorithms = algorithms::read(&mut table, "algorithms", problems);
    table.finish(problems);
    let Some((key, kind)) = first else {
        let keys = KINDS.map(|(key, _)| key).join("`, `");
        problems.add(&table.span, format_args!("expected a kind of issuer out of `{keys}`, found none"));
        return None;
    };
    if jwks_uri.is_some() && kind != Kind::Issuer {
        problems.add(
            &table.key_span("jwks_uri"),
            format_args!("expected `jwks_uri` beside `issuer`, found `{key}`"),
        );
    }
    if clients.is_none() && audiences.is_none() {
        problems.add(&table.span, "expected `clients` or `audiences`, found none of them");
    }
    let value = table.string(key, problems)?;
    let strings = |texts: Option<Vec<Text<'_>>>| {
        texts.unwrap_or_default().iter().map(|text| text.text.to_owned()).collect()
    };
    let jwks_span = jwks_uri.as_ref().map(|url| url.span.clone());
    let source =
        Source { kind, value: value.text.to_owned(), jwks_uri: jwks_uri.map(|url| url.text.to_owned()) };
    if problems.len() > before {
        return None;
    }
    let rules = TokenRules { clients: strings(clients), audiences: strings(audiences), algorithms };
    Some(Unnamed { source, rules, hosts, span: value.span, jwks_span })
}

impl Unnamed {
    /// Returns the issuer with its rules.
    pub(super) fn issuer(&self) -> Result<Issuer, ConfigError> {
        issuer(&self.source, &self.rules)
    }

    /// Returns the place of the value with this mistake.
    pub(super) fn span_of(&self, error: &ConfigError) -> &Range<usize> {
        let is_jwks_uri = matches!(error, ConfigError::InvalidUrl { setting: "jwks_uri", .. });
        self.jwks_span.as_ref().filter(|_| is_jwks_uri).unwrap_or(&self.span)
    }

    pub(super) fn named(self, name: String) -> IssuerEntry {
        let Self { source, rules, hosts, .. } = self;
        IssuerEntry { source, rules, hosts, name }
    }
}

fn issuer(source: &Source, rules: &TokenRules) -> Result<Issuer, ConfigError> {
    let issuer = source.issuer()?;
    let TokenRules { clients, audiences, algorithms } = rules;
    // A list that the file does not have sets no rule. `read` requires one of them.
    let issuer = match (audiences.is_empty(), clients.is_empty()) {
        (false, false) => issuer.audiences(audiences).clients(clients),
        (false, true) => issuer.audiences(audiences),
        (true, _) => issuer.clients(clients),
    };
    Ok(match algorithms {
        Some(algorithms) => issuer.algorithms(algorithms.iter().copied()),
        None => issuer,
    })
}
