//! Settings that are valid, and probably not intended.

use std::collections::BTreeSet;

use crate::config::settings::Config;
use crate::gateway::Gateway;
use crate::routes::access::Access;
use crate::routes::spellings::{self, MAX_COVERED};
use crate::routes::table::Table;

/// Returns the warnings.
pub(crate) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = covered_spellings(config);
    warnings.extend(hosts_without_issuers(config));
    warnings.extend(unusual_methods(config));
    warnings.extend(scopes_like_keywords(config));
    warnings.extend(header_of_callers(config).map(str::to_owned));
    warnings
}

fn covered_spellings(config: &Config) -> Vec<String> {
    let mut table = Table::new();
    for (index, route) in config.routes.iter().enumerate() {
        for host in &route.hosts {
            // The configuration was read with the same table, so there is no conflict.
            if table.insert(host, &route.path, index).is_err() {
                return Vec::new();
            }
        }
    }
    let covered = spellings::covered(&config.routes, &table);
    let more = (covered.len() == MAX_COVERED).then(|| "further spellings are not listed".to_owned());
    let warning = covered.into_iter().filter_map(|covered| {
        let (strict, by) = (config.routes.get(covered.strict)?, config.routes.get(covered.by)?);
        let (strict, by, spelling, kind) = (&strict.path, &by.path, &covered.spelling, covered.kind);
        Some(format!(
            "the less strict route {by:?} decides about {spelling:?}, which is {strict:?} in another spelling \
             ({kind}): if the backend takes both for the same, add a route for it"
        ))
    });
    warning.chain(more).collect()
}

/// Returns a warning for each host whose tokens or whose routes are missing.
fn hosts_without_issuers(config: &Config) -> Vec<String> {
    let with_issuer: BTreeSet<&String> = config.issuers.iter().flat_map(|entry| &entry.hosts).collect();
    let needs_token = config
        .routes
        .iter()
        .filter(|route| route.methods.iter().any(|(_, access)| *access != Access::Public));
    let with_token: BTreeSet<&String> = needs_token.flat_map(|route| &route.hosts).collect();
    let lacking = with_token
        .difference(&with_issuer)
        .map(|host| format!("no issuer has the host {host:?}, so every token is rejected there"));
    let unused = with_issuer
        .difference(&with_token)
        .map(|host| format!("no route that requires a token has the host {host:?} of an issuer"));
    lacking.chain(unused).collect()
}

/// Returns a warning if the gateway passes on the certificate header of its callers, and sets none itself.
fn header_of_callers(config: &Config) -> Option<&'static str> {
    let has_header = config.certificates.as_ref().is_some_and(|binding| binding.header.is_some());
    (has_header && config.gateway == Gateway::Traefik).then_some(
        "Traefik cannot set `certificate_header`, and passes on that of its callers: a proxy in front of it \
         must replace or remove the header",
    )
}

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"];

fn unusual_methods(config: &Config) -> Vec<String> {
    let methods = config.routes.iter().flat_map(|route| &route.methods).map(|(method, _)| method.as_str());
    let unusual: BTreeSet<&str> = methods.filter(|method| !METHODS.contains(method)).collect();
    unusual.into_iter().map(|method| format!("{method} is an unusual method, which may be a typo")).collect()
}

/// Returns a warning for each scope that differs from a keyword in case only.
fn scopes_like_keywords(config: &Config) -> Vec<String> {
    let rules = config.routes.iter().flat_map(|route| &route.methods);
    let scopes = rules.filter_map(|(_, access)| access.scopes().map(ToString::to_string));
    let like = |scope: &String, keyword: &str| scope != keyword && scope.eq_ignore_ascii_case(keyword);
    let found: BTreeSet<String> =
        scopes.filter(|scope| like(scope, "public") || like(scope, "authenticated")).collect();
    let warning = |scope: String| {
        format!(
            "{scope:?} is the name of a scope, and {:?} is a rule without one",
            scope.to_ascii_lowercase()
        )
    };
    found.into_iter().map(warning).collect()
}
