//! The values of a configuration by toml's reading of the file.

use scopegate_cli_fuzzing::{Issuer, Route, Rule, Values};
use toml::{Table, Value};
use url::Url;

use crate::program_config::content;

/// The number of paths in `openapi.yaml`.
const PATHS: usize = 2;

/// The keys of `[issuer.introspection]` that name a secret.
const SECRETS: [&str; 4] =
    ["client_secret_file", "client_secret_env", "private_key_file", "certificate_file"];
/// The keys at the top that name a secret.
const OF_SERVICE: [&str; 2] = ["dpop_nonce_key_file", "replay_store_password_file"];

pub(super) fn assert_values(values: &Values, table: &Table) {
    assert_eq!(Some(values.listen), address(table, "listen"));
    for (key, found) in [("listen_grpc", values.listen_grpc), ("listen_admin", values.listen_admin)] {
        assert_eq!(found, address(table, key), "{key}");
    }
    for (key, found) in [("dpop", &values.dpop), ("certificate_binding", &values.certificates)] {
        let mode = text(table, key).filter(|mode| *mode != "off");
        assert_eq!(found.is_some(), mode.is_some(), "{key}");
        let is_required = found.as_ref().is_some_and(|debug| debug.contains("is_required: true"));
        assert_eq!(is_required, mode == Some("require"), "{key}: {found:?}");
    }
    assert_eq!(values.follows_revocations, table.contains_key("revocations"));
    let forward = table.get("forward").and_then(Value::as_table).into_iter().flat_map(Table::keys);
    let mut forward: Vec<String> = forward.map(|name| name.to_ascii_lowercase()).collect();
    let mut found = values.forward.clone();
    forward.sort();
    found.sort();
    assert_eq!(found, forward);
    assert_issuers(values, table);
    let from_document = if table.contains_key("openapi") { PATHS } else { 0 };
    let routes = tables(table, "route");
    assert_eq!(values.routes.len(), from_document + routes.len());
    let of_file = values.routes.iter().skip(from_document);
    of_file.zip(routes).for_each(|(found, route)| assert_route(found, route, &own_host(table)));
}

/// Asserts that each issuer is there, once for each tenant, and lacks the secrets that are missing.
fn assert_issuers(values: &Values, table: &Table) {
    let mut unavailable = OF_SERVICE.iter().filter(|key| is_missing(table, key)).count();
    let mut issuers = values.issuers.iter();
    for issuer in tables(table, "issuer") {
        let introspection = issuer.get("introspection").and_then(Value::as_table);
        let lacking = introspection
            .map_or(0, |introspection| SECRETS.iter().filter(|key| is_missing(introspection, key)).count());
        unavailable += lacking;
        let tokens = introspection.and_then(|introspection| text(introspection, "tokens"));
        let is_opaque = issuer.contains_key("google") || tokens.is_some_and(|tokens| tokens != "after_jwt");
        for tenant in tenants(issuer) {
            let Issuer { name, hosts, is_opaque: found, lacks_secret } = issuers.next().expect("an issuer");
            assert_eq!((*found, *lacks_secret), (is_opaque, lacking > 0), "{name}");
            assert_eq!(*hosts, self::hosts(issuer, &own_host(table)), "{name}");
            if let Some(expected) = text(issuer, "issuer") {
                let expected =
                    tenant.map_or(expected.to_owned(), |tenant| expected.replace("{tenant}", tenant));
                assert_eq!(*name, expected);
            }
        }
    }
    assert_eq!(issuers.next(), None);
    assert_eq!(values.unavailable.len(), unavailable.min(50), "{:?}", values.unavailable);
}

fn assert_route(found: &Route, route: &Table, own_host: &str) {
    assert_eq!(Some(found.path.as_str()), text(route, "path"));
    assert_eq!(found.hosts, hosts(route, own_host));
    let rules = route.iter().filter(|(key, _)| !["path", "host"].contains(&key.as_str()));
    let rules: Vec<_> = rules.collect();
    assert_eq!(found.rules.len(), rules.len(), "a rule is lost or invented");
    for (method, rule) in rules {
        let (_, found) = found.rules.iter().find(|(found, _)| found == method).expect("the rule of a method");
        assert_rule(found, rule);
    }
}

/// Asserts that a rule has the requirements of the file, and is public only if the file says so.
fn assert_rule(found: &Rule, rule: &Value) {
    let is_public = rule.as_str() == Some("public");
    let Rule::Token { scopes, acr, max_auth_age_secs } = found else {
        assert!(is_public, "{rule} is public");
        return;
    };
    assert!(!is_public, "{rule} is not public");
    let (kind, expected) = match rule {
        Value::String(text) if text == "authenticated" => ("", Vec::new()),
        Value::String(text) => ("", vec![text.clone()]),
        _ => ["all", "any"].iter().find_map(|kind| Some((*kind, list(rule.get(*kind)?)))).unwrap_or_default(),
    };
    let shown = scopes.as_deref().unwrap_or_default();
    let other = if kind == "all" { "any of (" } else { "all of (" };
    assert!(!shown.starts_with(other), "{rule} is {shown}");
    let prefix = format!("{kind} of (");
    let inner =
        shown.strip_prefix(&prefix).map_or(shown, |inner| inner.strip_suffix(')').expect("a bracket"));
    let found: Vec<&str> = inner.split(", ").filter(|scope| !scope.is_empty()).collect();
    assert!(found.iter().all(|scope| expected.iter().any(|one| one == scope)), "{rule} is {shown}");
    assert!(expected.iter().all(|scope| found.contains(&scope.as_str())), "{rule} is {shown}");
    assert_eq!(*acr, rule.get("acr").map(list).unwrap_or_default());
    let age = rule.get("max_auth_age_secs").and_then(Value::as_integer);
    assert_eq!(max_auth_age_secs.map(i64::try_from), age.map(Ok));
}

fn text<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
    table.get(key).and_then(Value::as_str)
}

fn address(table: &Table, key: &str) -> Option<std::net::SocketAddr> {
    text(table, key).map(|text| text.parse().expect("an address"))
}

fn tables<'t>(table: &'t Table, key: &str) -> Vec<&'t Table> {
    let tables = table.get(key).and_then(Value::as_array).into_iter().flatten();
    tables.map(|value| value.as_table().expect("a table")).collect()
}

/// Returns the strings of a list, or the one string.
fn list(value: &Value) -> Vec<String> {
    let own = |value: &Value| value.as_str().expect("a string").to_owned();
    value.as_array().map_or_else(|| vec![own(value)], |list| list.iter().map(own).collect())
}

fn own_host(table: &Table) -> String {
    let url = Url::parse(text(table, "public_url").expect("a URL")).expect("a URL");
    url.host_str().expect("a host").to_owned()
}

fn hosts(table: &Table, own_host: &str) -> Vec<String> {
    table.get("host").map_or_else(|| vec![own_host.to_owned()], list)
}

/// Returns the tenants of an issuer, or `None` for an issuer without tenants.
fn tenants(issuer: &Table) -> Vec<Option<&str>> {
    if let Some(tenants) = issuer.get("tenants").and_then(Value::as_array) {
        return tenants.iter().map(Value::as_str).collect();
    }
    let Some(file) = text(issuer, "tenants_file") else { return vec![None] };
    let lines = content(file).expect("a list of tenants").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| Some(line.trim())).collect()
}

fn is_missing(table: &Table, key: &str) -> bool {
    text(table, key).is_some_and(|name| content(name).is_none())
}
