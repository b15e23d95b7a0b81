//! The rules of one file, compiled for requests.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use http::Method;
use scopegate::http::{Authorizer, TrustedProxies};
use scopegate::{AcceptedIssuers, Clock, ConfigError, Issuer, ResourceIdentifier, Verifier, VerifierBuilder};

use crate::config::certificates::Certificates;
use crate::config::dpop::Started;
use crate::config::forward::Forward;
use crate::config::issuer::IssuerEntry;
use crate::config::revocations::error::NotFollowed;
use crate::config::settings::Config;
use crate::decide::metadata::Metadata;
use crate::gateway::{Asked, Gateway};
use crate::routes::access::{Access, RequiredUser};
use crate::routes::table::{NoRoute, Table};

/// The rules of one file. A request is decided by one value from the beginning to the end.
pub(crate) struct Rules {
    pub(crate) gateway: Gateway,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) uses_hosts: bool,
    /// The host of `public_url`.
    pub(super) host: String,
    pub(super) prefix: String,
    /// `None` if certificates are not read.
    pub(super) certificates: Option<Certificates>,
    pub(super) forward: Forward,
    pub(super) strips_credentials: bool,
    pub(super) table: Table<Route>,
    pub(super) metadata: Metadata,
}

/// A route with its compiled rules.
pub(super) struct Route {
    pub(super) pattern: Arc<str>,
    pub(super) methods: Vec<(Method, Rule)>,
}

/// The rule of a method.
#[derive(Clone)]
pub(super) enum Rule {
    Public,
    Token(Arc<Authorizer>),
}

/// The reason why rules cannot be compiled. A parsed configuration causes none.
#[derive(Debug)]
pub(crate) enum CompileError {
    Host(String),
    Route(matchit::InsertError),
    Requirement(ConfigError),
    Metadata(ConfigError),
}

impl Rules {
    /// Compiles the rules of a configuration for tokens of this verifier, which trusts its issuers.
    pub(crate) fn compile(config: &Config, verifier: &Verifier) -> Result<Self, CompileError> {
        let mut table = Table::new();
        let mut authorizers = Authorizers { config, verifier, hosts: HashMap::new() };
        for route in &config.routes {
            let pattern: Arc<str> = route.path.as_str().into();
            for host in &route.hosts {
                let rule = |(method, access): &(Method, Access)| {
                    Ok((method.clone(), authorizers.rule(host, access)?))
                };
                let methods = route.methods.iter().map(rule).collect::<Result<_, _>>()?;
                let compiled = Route { pattern: Arc::clone(&pattern), methods };
                table.insert(host, &route.path, compiled).map_err(CompileError::Route)?;
            }
        }
        Ok(Self {
            gateway: config.gateway,
            trusted_proxies: config.trusted_proxies.clone(),
            uses_hosts: config.uses_hosts,
            host: config.public_url.host().to_owned(),
            prefix: config.public_url.prefix().to_owned(),
            certificates: config.certificates.clone(),
            forward: config.forward.clone(),
            strips_credentials: config.strips_credentials,
            table,
            metadata: Metadata::new(config, verifier).map_err(CompileError::Metadata)?,
        })
    }

    /// Returns the route that decides about a request.
    pub(super) fn route(&self, asked: &Asked) -> Result<&Route, NoRoute> {
        let host = if self.uses_hosts { asked.host.as_deref() } else { Some(self.host.as_str()) };
        host.ok_or(NoRoute::UnknownHost).and_then(|host| self.table.find(host, &asked.path))
    }
}

/// The reason why there is no verifier for a configuration.
#[derive(Debug)]
pub(crate) enum NotVerifying {
    /// The settings of an issuer. A parsed configuration causes none.
    Issuer(ConfigError),
    /// A source of revocations cannot be read now.
    Revocations(NotFollowed),
}

/// Returns the settings of a verifier that trusts the issuers of a configuration, at the time of a clock.
/// `dpop` has its settings for proofs. `change` may change each issuer. The sources of revocations are
/// read, and followed from now on.
///
/// # Errors
/// Returns an error if a source of revocations cannot be read, or the error of an issuer. The issuers of
/// a parsed configuration have none.
pub(crate) async fn verifier_of(
    config: &Config,
    clock: impl Clock + Clone,
    dpop: Option<&Started>,
    change: impl Fn(&IssuerEntry, Issuer) -> Issuer,
) -> Result<VerifierBuilder, NotVerifying> {
    let mut builder = Verifier::builder().clock(clock.clone());
    for entry in &config.issuers {
        builder = builder.trust(change(entry, entry.issuer().map_err(NotVerifying::Issuer)?));
    }
    if let Some(settings) = &config.revocations {
        let revocations = settings.follow(clock).await.map_err(NotVerifying::Revocations)?;
        builder = builder.revocations(&revocations);
    }
    if let Some(started) = dpop {
        builder = builder.dpop(started.dpop.clone());
    }
    if let Some(certificates) = &config.certificates {
        builder = builder.client_certificates(certificates.settings());
    }
    Ok(builder)
}

/// The authorizers, one for each host and requirement. Many routes have the same requirement.
struct Authorizers<'c> {
    config: &'c Config,
    verifier: &'c Verifier,
    hosts: HashMap<String, OfHost>,
}

struct OfHost {
    resource: ResourceIdentifier,
    issuers: AcceptedIssuers,
    by_requirement: HashMap<(Option<String>, Option<RequiredUser>), Arc<Authorizer>>,
}

impl Authorizers<'_> {
    fn rule(&mut self, host: &str, access: &Access) -> Result<Rule, CompileError> {
        if *access == Access::Public {
            return Ok(Rule::Public);
        }
        let authorizer = match access.scopes() {
            None => Authorizer::require_token(self.verifier),
            Some(required) => {
                Authorizer::require_scope(self.verifier, required).map_err(CompileError::Requirement)?
            }
        };
        let key = (access.scopes().map(ToString::to_string), access.user().cloned());
        let of_host = match self.hosts.entry(host.to_owned()) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => place.insert(OfHost::new(self.config, host)?),
        };
        let OfHost { resource, issuers, by_requirement } = of_host;
        let authorizer = match by_requirement.entry(key) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => {
                let authorizer = authorizer.with_resource(resource).with_issuers(issuers.clone());
                let authorizer = with_user(authorizer, access.user()).map_err(CompileError::Requirement)?;
                place.insert(Arc::new(authorizer))
            }
        };
        Ok(Rule::Token(Arc::clone(authorizer)))
    }
}

/// Adds the required authentication of the user.
fn with_user(authorizer: Authorizer, user: Option<&RequiredUser>) -> Result<Authorizer, ConfigError> {
    let Some(RequiredUser { acr, max_age }) = user else { return Ok(authorizer) };
    let authorizer = if acr.is_empty() { authorizer } else { authorizer.with_acr(acr)? };
    Ok(match max_age {
        Some(age) => authorizer.with_max_auth_age(*age),
        None => authorizer,
    })
}

impl OfHost {
    fn new(config: &Config, host: &str) -> Result<Self, CompileError> {
        let resource = config.public_url.at_host(host);
        let resource = resource.ok_or_else(|| CompileError::Host(host.to_owned()))?;
        let issuers = config.issuers.iter().filter(|entry| entry.hosts.iter().any(|one| one == host));
        let issuers = AcceptedIssuers::issuers(issuers.map(|entry| entry.name.clone()));
        Ok(Self { resource, issuers, by_requirement: HashMap::new() })
    }
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(host) => write!(f, "expected a host, found {host:?}"),
            Self::Route(error) => error.fmt(f),
            Self::Requirement(error) | Self::Metadata(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CompileError {}

impl std::fmt::Display for NotVerifying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Issuer(error) => error.fmt(f),
            Self::Revocations(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotVerifying {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Issuer(error) => error.source(),
            Self::Revocations(error) => error.source(),
        }
    }
}
