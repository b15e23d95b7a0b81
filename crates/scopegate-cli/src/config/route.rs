//! One `[[route]]` of the file.

use std::fmt;

use http::Method;
use scopegate::{Requirement, all_of, any_of};
use toml::Spanned;
use toml::de::DeValue;

use crate::config::problem::Problems;
use crate::config::reader::{self, Reader, Text};
use crate::config::user;
use crate::routes::access::{Access, MAX_SCOPES};
use crate::routes::pattern;
use crate::routes::route::Route;

/// Maximum length of a method.
const MAX_METHOD_LENGTH: usize = 32;

/// Reads a route at these hosts.
pub(super) fn read(mut table: Reader<'_>, hosts: Vec<String>, problems: &mut Problems<'_>) -> Option<Route> {
    let before = problems.len();
    let path = table.required("path", problems);
    if let Some(path) = &path
        && let Err(invalid) = pattern::check(path.text)
    {
        problems.add(&path.span, invalid);
    }
    let mut methods = Vec::new();
    for (key, value) in table.rest() {
        match method(key.text) {
            Some(method) => methods.extend(access(value, problems).map(|access| (method, access))),
            None => problems.add(
                &key.span,
                format_args!(
                    "expected `path`, `host` or a method in upper case, found `{}`",
                    key.text.escape_debug()
                ),
            ),
        }
    }
    if methods.is_empty() && problems.len() == before {
        problems.add(&table.span, "expected at least one method, such as `GET`, found none");
    }
    let path = path?.text.to_owned();
    (problems.len() == before).then_some(Route { hosts, path, methods })
}

/// Reads a method. Methods are compared with case, and all registered ones are in upper case.
fn method(text: &str) -> Option<Method> {
    let is_method = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    (is_method && text.len() <= MAX_METHOD_LENGTH).then(|| Method::from_bytes(text.as_bytes()).ok()).flatten()
}

/// Reads the rule of a method.
fn access(value: &Spanned<DeValue<'_>>, problems: &mut Problems<'_>) -> Option<Access> {
    match value.get_ref() {
        DeValue::String(text) if text == "public" => Some(Access::Public),
        DeValue::String(text) if text == "authenticated" => Some(Access::Authenticated),
        DeValue::String(_) => scope(&reader::string(value, problems)?, problems).map(Access::Scopes),
        DeValue::Table(table) => rule(Reader::new(table, value.span()), problems),
        _ => {
            let found = reader::found(value);
            problems.add(&value.span(), format_args!("expected {EXPECTED}, {found}"));
            None
        }
    }
}

const EXPECTED: &str = "a scope, \"public\", \"authenticated\", { all = [..] } or { any = [..] }";

/// Reads `{ all = [..] }` or `{ any = [..] }`, with or without a requirement of the user.
fn rule(mut table: Reader<'_>, problems: &mut Problems<'_>) -> Option<Access> {
    let (all, any) = (table.strings("all", problems), table.strings("any", problems));
    let user = user::read(&mut table, problems);
    table.finish(problems);
    let mut requirements = |texts: &[Text<'_>]| -> Vec<Requirement> {
        if let Some(further) = texts.get(MAX_SCOPES) {
            problems.add(&further.span, format_args!("expected at most {MAX_SCOPES} scopes, found more"));
        }
        texts.iter().take(MAX_SCOPES).filter_map(|text| scope(text, problems)).collect()
    };
    let scopes = match (all, any) {
        (Some(all), None) => Some(all_of(requirements(&all))),
        (None, Some(any)) => Some(any_of(requirements(&any))),
        (None, None) if user.is_some() => None,
        _ => {
            problems.add(&table.span, "expected either `all` or `any` with a list of scopes");
            return None;
        }
    };
    match (user, scopes) {
        (Some(user), scopes) => Some(Access::User { scopes, user }),
        (None, scopes) => scopes.map(Access::Scopes),
    }
}

fn scope(text: &Text<'_>, problems: &mut Problems<'_>) -> Option<Requirement> {
    text.text.parse().map_err(|error: scopegate::ConfigError| report(text, &error, problems)).ok()
}

fn report(text: &Text<'_>, error: &dyn fmt::Display, problems: &mut Problems<'_>) {
    problems.add(&text.span, error);
}
