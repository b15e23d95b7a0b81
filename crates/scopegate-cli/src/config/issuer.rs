//! One `[[issuer]]` of the file.

mod source;
mod status_list;

use std::ops::Range;

use scopegate::{Algorithm, ConfigError, Issuer, StatusList};

use crate::config::algorithms;
use crate::config::beside::Beside;
use crate::config::form::Form;
use crate::config::introspection::{self, Introspected, Tokens};
use crate::config::issuer::source::{KINDS, Kind, Source};
use crate::config::problem::Problems;
use crate::config::reader::{Reader, Text};
use crate::config::tenants::{self, PLACEHOLDER};

/// A trusted issuer, with the settings of the file. Equal entries have equal settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuerEntry {
    settings: Settings,
    /// The hosts at which its tokens are accepted. At least one.
    pub(crate) hosts: Vec<String>,
    /// The value of `iss` in its tokens.
    pub(crate) name: String,
}

/// An entry whose name is not known yet.
pub(super) struct Unnamed {
    settings: Settings,
    hosts: Vec<String>,
    /// The place of the value that names the issuer.
    pub(super) span: Range<usize>,
    /// The places of other values, by the setting that an error names.
    spans: Vec<(&'static str, Range<usize>)>,
}

/// The rules of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    source: Source,
    clients: Vec<String>,
    audiences: Vec<String>,
    introspected: Option<Introspected>,
    status_list: Option<StatusList>,
    /// `None` for the algorithms of the kind of issuer.
    algorithms: Option<Vec<Algorithm>>,
}

impl IssuerEntry {
    /// Returns whether the issuer has the same rules and beside. The hosts may differ, because they are
    /// in the rules of routes.
    pub(crate) fn has_rules_of(&self, other: &Self) -> bool {
        self.settings == other.settings
    }

    pub(crate) fn is_cognito(&self) -> bool {
        self.settings.source.kind == Kind::Cognito
    }

    pub(crate) fn audiences(&self) -> &[String] {
        &self.settings.audiences
    }

    /// Returns whether its tokens are accepted by introspection alone, so that it has no keys.
    pub(crate) fn is_opaque(&self) -> bool {
        self.opaque().is_some()
    }

    /// Returns whether it may be asked about a token. `verifies_jwts` is whether another issuer signs JWTs
    /// that are verified.
    pub(crate) fn may_be_asked(&self, form: &Form<'_>, verifies_jwts: bool) -> bool {
        let Some(introspected) = self.introspected() else { return false };
        let is_named = form.issuer() == Some(&self.name);
        match (introspected.tokens, &form.jwt) {
            (Tokens::AfterJwt, _) => is_named,
            (Tokens::Opaque, Some(_)) => false,
            (Tokens::All, Some(_)) => is_named || !verifies_jwts,
            (_, None) => introspected.prefix.as_ref().is_none_or(|prefix| form.token.starts_with(prefix)),
        }
    }

    /// Returns whether the secret for introspection cannot be read here.
    pub(crate) fn lacks_secret(&self) -> bool {
        self.introspected().is_some_and(Introspected::lacks_secret)
    }

    /// Returns whether both cannot be trusted at the same time, because no token tells them apart. The
    /// verifier rejects the second one.
    pub(crate) fn is_in_the_way_of(&self, other: &Self) -> bool {
        self.opaque().zip(other.opaque()).is_some_and(|(one, other)| {
            one.prefix == other.prefix || (one.tokens, other.tokens) == (Tokens::All, Tokens::All)
        })
    }

    /// Returns the issuer with its rules.
    ///
    /// # Errors
    /// Returns the [`ConfigError`] of the preset. An entry of a valid file has none.
    pub(crate) fn issuer(&self) -> Result<Issuer, ConfigError> {
        self.settings.issuer()
    }

    /// Returns the entry with a mistake that no parsed file has, and that the verifier finds.
    #[cfg(test)]
    pub(crate) fn without_algorithms(mut self) -> Self {
        self.settings.algorithms = Some(Vec::new());
        self
    }

    fn opaque(&self) -> Option<&Introspected> {
        self.introspected().filter(|introspected| introspected.replaces_verification())
    }

    fn introspected(&self) -> Option<&Introspected> {
        self.settings.introspected.as_ref()
    }
}

/// Reads an issuer at these hosts, or the issuers of its tenants.
pub(super) fn read(
    mut table: Reader<'_>,
    hosts: &[String],
    beside: &Beside,
    problems: &mut Problems<'_>,
) -> Option<Vec<Unnamed>> {
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
    let status_list = status_list::read(&mut table, problems);
    let introspection = table.table("introspection", problems);
    let tenants = tenants::read(&mut table, beside, problems);
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
    match (&tenants, value.text.contains(PLACEHOLDER)) {
        (Some(_), false) => {
            problems.add(&value.span, format_args!("expected `{PLACEHOLDER}` in the value, for `tenants`"));
        }
        (None, true) => {
            let expected =
                format_args!("expected `tenants` or `tenants_file` for `{PLACEHOLDER}`, found none");
            problems.add(&value.span, expected);
        }
        _ => {}
    }
    let introspection = match (kind, introspection) {
        (Kind::Google, table) => Some(introspection::read_google(table, value.text, problems)),
        (_, Some(table)) => introspection::read(table, beside, problems),
        (_, None) => None,
    };
    let mut spans: Vec<(&'static str, Range<usize>)> = Vec::new();
    for (key, setting) in [
        ("jwks_uri", "jwks_uri"),
        ("status_list_origin", "status list origin"),
        ("status_list", "status_list"),
    ] {
        spans.extend(table.value_span(key).map(|span| (setting, span)));
    }
    let introspected = introspection.map(|read| {
        spans.extend(read.spans);
        read.introspected
    });
    if jwks_uri.is_some() && introspected.as_ref().is_some_and(Introspected::replaces_verification) {
        problems.add(
            &table.key_span("jwks_uri"),
            "expected `jwks_uri` for JWTs that are verified, found introspection in its place",
        );
    }
    if problems.len() > before {
        return None;
    }
    let strings = |texts: Option<Vec<Text<'_>>>| {
        texts.unwrap_or_default().iter().map(|text| text.text.to_owned()).collect()
    };
    let source =
        Source { kind, value: value.text.to_owned(), jwks_uri: jwks_uri.map(|url| url.text.to_owned()) };
    let (clients, audiences) = (strings(clients), strings(audiences));
    let settings = Settings { source, clients, audiences, introspected, status_list, algorithms };
    let unnamed = |settings| Unnamed {
        settings,
        hosts: hosts.to_vec(),
        span: value.span.clone(),
        spans: spans.clone(),
    };
    Some(match tenants {
        None => vec![unnamed(settings)],
        Some(tenants) => tenants.iter().map(|tenant| unnamed(settings.of_tenant(tenant))).collect(),
    })
}

impl Unnamed {
    /// Returns the issuer with its rules.
    pub(super) fn issuer(&self) -> Result<Issuer, ConfigError> {
        self.settings.issuer()
    }

    /// Returns the place of the value with this mistake.
    pub(super) fn span_of(&self, error: &ConfigError) -> &Range<usize> {
        introspection::span_of(error, &self.spans).unwrap_or(&self.span)
    }

    pub(super) fn named(self, name: String) -> IssuerEntry {
        let Self { settings, hosts, .. } = self;
        IssuerEntry { settings, hosts, name }
    }
}

impl Settings {
    /// Returns the settings of a tenant.
    fn of_tenant(&self, tenant: &str) -> Self {
        let mut of_tenant = self.clone();
        let Source { value, jwks_uri, .. } = &mut of_tenant.source;
        *value = value.replace(PLACEHOLDER, tenant);
        *jwks_uri = jwks_uri.take().map(|uri| uri.replace(PLACEHOLDER, tenant));
        of_tenant.introspected = of_tenant.introspected.map(|introspected| introspected.of_tenant(tenant));
        of_tenant
    }

    fn issuer(&self) -> Result<Issuer, ConfigError> {
        let Self { source, clients, audiences, introspected, status_list, algorithms } = self;
        let issuer = source.issuer(introspected.as_ref())?;
        // A list that the file does not have sets no rule. `read` requires one of them.
        let mut issuer = match (audiences.is_empty(), clients.is_empty()) {
            (false, false) => issuer.audiences(audiences).clients(clients),
            (false, true) => issuer.audiences(audiences),
            (true, _) => issuer.clients(clients),
        };
        if let Some(algorithms) = algorithms {
            issuer = issuer.algorithms(algorithms.iter().copied());
        }
        if let Some(rules) = status_list {
            issuer = issuer.status_list(rules.clone());
        }
        let Some(introspected) = introspected else { return Ok(issuer) };
        if let Some(prefix) = &introspected.prefix {
            issuer = issuer.token_prefix(prefix);
        }
        Ok(match introspected.tokens {
            Tokens::Opaque => issuer,
            Tokens::All => issuer.introspect_jwts(),
            Tokens::AfterJwt => issuer.and_introspect(introspected.introspection()?),
        })
    }
}
