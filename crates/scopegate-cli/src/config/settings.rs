//! All settings of the file.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::Range;

use scopegate::ConfigError;
use scopegate::http::TrustedProxies;
use toml::de::DeTable;

use crate::config::addresses::Addresses;
use crate::config::beside::Beside;
use crate::config::certificates::{self, Certificates};
use crate::config::dpop::{self, DpopSettings, Started};
use crate::config::forward::{self, Field, Forward};
use crate::config::hosts::Hosts;
use crate::config::issuer::{self, IssuerEntry};
use crate::config::openapi::Document;
use crate::config::problem::{Problem, Problems, Unavailable};
use crate::config::public_url::PublicUrl;
use crate::config::reader::{Reader, Text, string};
use crate::config::revocations::{self, RevocationSettings};
use crate::config::tenants::MAX_ISSUERS;
use crate::config::{openapi, route, strip_credentials, trial};
use crate::gateway::Gateway;
use crate::routes::route::Route;
use crate::routes::table::Table;

/// Maximum size of the file in bytes.
pub(crate) const MAX_FILE: usize = 8 * 1024 * 1024;
/// Maximum number of routes.
pub(crate) const MAX_ROUTES: usize = 10_000;
/// Maximum number of trusted proxies.
const MAX_PROXIES: usize = 1_000;

/// The settings of the service.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) listen_grpc: Option<SocketAddr>,
    pub(crate) listen_admin: Option<SocketAddr>,
    pub(crate) public_url: PublicUrl,
    pub(crate) gateway: Gateway,
    pub(crate) trusted_proxies: TrustedProxies,
    /// `None` if tokens that are bound to a key are rejected.
    pub(crate) dpop: Option<DpopSettings>,
    /// `None` if tokens that are bound to a certificate are rejected.
    pub(crate) certificates: Option<Certificates>,
    pub(crate) issuers: Vec<IssuerEntry>,
    pub(crate) routes: Vec<Route>,
    /// Whether an issuer or a route names a host.
    pub(crate) uses_hosts: bool,
    pub(crate) forward: Forward,
    /// Whether responses ask the gateway to remove the credentials of the caller.
    pub(crate) strips_credentials: bool,
    pub(crate) revocations: Option<RevocationSettings>,
    /// The files and secrets that cannot be read here.
    pub(crate) unavailable: Vec<Unavailable>,
}

impl Config {
    /// Reads the file, with the contents of the files that it names.
    ///
    /// # Errors
    /// Returns the mistakes in the order of the file.
    pub(crate) fn parse_with(
        text: &str,
        document: Option<&Document>,
        beside: &Beside,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::new(text);
        if text.len() > MAX_FILE {
            problems.add(&(0..0), format_args!("expected at most {MAX_FILE} bytes, found {}", text.len()));
            return Err(problems.into_vec());
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            problems.add(&error.span().unwrap_or(0..0), error.message());
        }
        if !errors.is_empty() {
            return Err(problems.into_vec());
        }
        let config = read(Reader::new(table.get_ref(), 0..0), document, beside, &mut problems);
        match config {
            Some(config) if problems.len() == 0 => {
                Ok(Self { unavailable: problems.into_deferred(), ..config })
            }
            _ => Err(problems.into_vec()),
        }
    }

    /// Returns the settings for proofs, with a store of used proofs of their own.
    ///
    /// # Errors
    /// Returns the error of a setting. A parsed configuration has none.
    pub(crate) fn start_dpop(&self) -> Result<Option<Started>, ConfigError> {
        self.dpop.as_ref().map(|settings| settings.start(&self.public_url.origin())).transpose()
    }
}

fn read(
    mut table: Reader<'_>,
    document: Option<&Document>,
    beside: &Beside,
    problems: &mut Problems<'_>,
) -> Option<Config> {
    let mut addresses = Addresses::default();
    let listen = table.required("listen", problems);
    let listen = addresses.read(listen, "127.0.0.1:9000", problems);
    let listen_grpc = table.string("listen_grpc", problems);
    let listen_grpc = addresses.read(listen_grpc, "127.0.0.1:9001", problems);
    let listen_admin = table.string("listen_admin", problems);
    let listen_admin = addresses.read(listen_admin, "127.0.0.1:9002", problems);
    let public_url = table.required("public_url", problems);
    let gateway = table.required("gateway", problems);
    let proxies = table.required_strings("trusted_proxies", problems);
    let dpop = dpop::read(&mut table, beside, problems);
    let certificates = certificates::read(&mut table, listen_grpc.is_some(), problems);
    let issuers = table.tables("issuer", MAX_ISSUERS, problems);
    let routes = table.tables("route", MAX_ROUTES, problems);
    let openapi = table.string("openapi", problems);
    let forward = forward_of(&mut table, problems);
    let strip = table.boolean("strip_credentials", problems);
    let revocations = table.table("revocations", problems);
    let revocations = revocations.and_then(|table| revocations::read(table, beside, problems));
    table.finish(problems);

    let public_url = public_url.and_then(|url| valid(PublicUrl::parse(url.text), &url.span, problems));
    let gateway = gateway.and_then(|text| valid(text.text.parse::<Gateway>(), &text.span, problems));
    let strips_credentials = strip_credentials::of(strip, gateway, problems);
    let trusted_proxies = proxies.and_then(|texts| trusted(&texts, problems));
    for (key, tables) in [("issuer", &issuers), ("route", &routes)] {
        if tables.is_empty() && (key == "issuer" || openapi.is_none()) {
            problems.add(&table.span, format_args!("expected at least one table `[[{key}]]`, found none"));
        }
    }
    let mut hosts = Hosts::new(public_url.as_ref());
    let issuers = issuers_of(issuers, &mut hosts, beside, problems);
    let mut known = Table::new();
    let mut all = match (&openapi, &public_url) {
        (Some(name), Some(url)) => openapi::routes(name, document, url, MAX_ROUTES, &mut known, problems),
        _ => Vec::new(),
    };
    all.extend(routes_of(routes, &mut hosts, &mut known, problems));
    if all.len() > MAX_ROUTES {
        problems.add(&table.key_span("openapi"), format_args!("expected at most {MAX_ROUTES} routes in all"));
    }
    let uses_hosts = hosts.are_used;
    let public_url = public_url?;
    if let (Some(entry), Some(settings)) = (issuers.first(), &dpop) {
        let checked = settings.start(&public_url.origin());
        let checked = checked.and_then(|started| trial::check_dpop(entry, started.dpop));
        let is_range = matches!(checked, Err(ConfigError::OutOfRange { .. }));
        let key = if is_range { "dpop_algorithms" } else { "dpop" };
        valid(checked, &table.key_span(key), problems);
    }
    Some(Config {
        listen: listen?,
        listen_grpc,
        listen_admin,
        public_url,
        gateway: gateway?,
        trusted_proxies: trusted_proxies?,
        dpop,
        certificates,
        issuers,
        routes: all,
        uses_hosts,
        forward,
        strips_credentials,
        revocations,
        unavailable: Vec::new(),
    })
}

fn issuers_of(
    tables: Vec<Reader<'_>>,
    hosts: &mut Hosts<'_>,
    beside: &Beside,
    problems: &mut Problems<'_>,
) -> Vec<IssuerEntry> {
    let mut unnamed = Vec::new();
    for mut table in tables {
        let hosts = hosts.read(&mut table, problems);
        let span = table.span.clone();
        unnamed.extend(issuer::read(table, &hosts, beside, problems).into_iter().flatten());
        if unnamed.len() > MAX_ISSUERS {
            problems
                .add(&span, format_args!("expected at most {MAX_ISSUERS} issuers in all, with each tenant"));
            return Vec::new();
        }
    }
    let mut entries: Vec<IssuerEntry> = Vec::new();
    let mut names = HashSet::new();
    for (entry, span) in trial::named(unnamed, problems) {
        if !names.insert(entry.name.clone()) {
            problems.add(&span, format_args!("issuer {} is trusted twice", entry.name));
        }
        entries.push(entry);
    }
    entries
}

fn routes_of(
    tables: Vec<Reader<'_>>,
    hosts: &mut Hosts<'_>,
    known: &mut Table<()>,
    problems: &mut Problems<'_>,
) -> Vec<Route> {
    let mut routes = Vec::new();
    for mut table in tables {
        let path = table.value("path").map_or_else(|| table.span.clone(), toml::Spanned::span);
        let hosts = hosts.read(&mut table, problems);
        let Some(route) = route::read(table, hosts, problems) else { continue };
        for host in &route.hosts {
            if let Err(error) = known.insert(host, &route.path, ()) {
                let found = &route.path;
                problems.add(
                    &path,
                    format_args!(
                        "expected another path than that of an earlier route, found {found:?}: {error}"
                    ),
                );
            }
        }
        routes.push(route);
    }
    routes
}

fn forward_of(table: &mut Reader<'_>, problems: &mut Problems<'_>) -> Forward {
    let mut headers: Forward = Vec::new();
    for (key, value) in table.table("forward", problems).iter().flat_map(Reader::rest) {
        let name = valid(forward::header_name(key.text), &key.span, problems);
        let field =
            string(value, problems).and_then(|text| valid(Field::parse(text.text), &text.span, problems));
        let (Some(name), Some(field)) = (name, field) else { continue };
        if headers.len() == forward::MAX_HEADERS || headers.iter().any(|(other, _)| *other == name) {
            let max = forward::MAX_HEADERS;
            problems.add(
                &key.span,
                format_args!("expected each header once, at most {max}, found `{}`", key.text),
            );
        } else {
            headers.push((name, field));
        }
    }
    headers
}

/// Reads the trusted proxies. Each mistake is reported at its own place.
fn trusted(texts: &[Text<'_>], problems: &mut Problems<'_>) -> Option<TrustedProxies> {
    let before = problems.len();
    for text in texts {
        valid(TrustedProxies::new([text.text]), &text.span, problems);
    }
    if let Some(further) = texts.get(MAX_PROXIES) {
        problems.add(&further.span, format_args!("expected at most {MAX_PROXIES} trusted proxies"));
    }
    let all = TrustedProxies::new(texts.iter().map(|text| text.text));
    // If each is valid, all of them may still be every address.
    let first = texts.first().map_or(0..0, |text| text.span.clone());
    if problems.len() == before { valid(all, &first, problems) } else { None }
}

fn valid<T, E: std::fmt::Display>(
    result: Result<T, E>,
    span: &Range<usize>,
    problems: &mut Problems<'_>,
) -> Option<T> {
    result.map_err(|error| problems.add(span, error)).ok()
}
