//! `security` of a document or an operation, as the rule of a route.

use std::collections::HashMap;

use scopegate::{Requirement, all_of, any_of};

use crate::openapi::Mistakes;
use crate::openapi::yaml::Node;
use crate::routes::access::{Access, MAX_SCOPES};

/// A kind of scheme.
enum Scheme {
    /// `oauth2` and `openIdConnect`.
    Scopes,
    /// `http` with `bearer`.
    Bearer,
}

/// The declared schemes by name. Operations look for them again and again.
pub(super) struct Schemes<'d>(HashMap<&'d str, &'d Node>);

impl<'d> Schemes<'d> {
    pub(super) fn of(root: &'d Node) -> Self {
        let schemes = root.get("components").and_then(|components| components.get("securitySchemes"));
        let members = schemes.and_then(Node::map).unwrap_or_default().iter();
        Self(members.map(|member| (member.key.as_str(), &member.value)).collect())
    }
}

/// Reads a list of alternatives. Returns `None` if it has a mistake.
pub(super) fn access(security: &Node, schemes: &Schemes<'_>, mistakes: &mut Mistakes) -> Option<Access> {
    let Some(alternatives) = security.list() else {
        mistakes.expected(security, "a list of security requirements");
        return None;
    };
    if alternatives.len() > MAX_SCOPES {
        mistakes.add(security.place, format_args!("expected at most {MAX_SCOPES} security requirements"));
        return None;
    }
    if alternatives.iter().all(is_empty) {
        return Some(Access::Public);
    }
    let mut any = Vec::new();
    for alternative in alternatives {
        any.push(one(alternative, schemes, mistakes));
    }
    let any: Vec<Access> = any.into_iter().collect::<Option<_>>()?;
    let mut sets = Vec::new();
    for access in any {
        match access {
            Access::Scopes(required) => sets.push(required),
            // Any valid token satisfies this alternative, also a token with the scopes of another one.
            other => return Some(other),
        }
    }
    if let [one] = sets.as_slice() {
        return Some(Access::Scopes(one.clone()));
    }
    Some(Access::Scopes(any_of(sets)))
}

/// Returns whether a requirement is `{}`.
fn is_empty(requirement: &Node) -> bool {
    requirement.map().is_some_and(<[_]>::is_empty)
}

fn one(requirement: &Node, schemes: &Schemes<'_>, mistakes: &mut Mistakes) -> Option<Access> {
    let Some(members) = requirement.map() else {
        mistakes.expected(requirement, "a security requirement");
        return None;
    };
    let [member] = members else {
        mistakes.add(
            requirement.place,
            if members.is_empty() {
                "expected a scheme: optional security cannot be enforced"
            } else {
                "expected one scheme: two schemes in one requirement cannot be enforced"
            },
        );
        return None;
    };
    let scheme = match scheme(&member.key, schemes) {
        Ok(scheme) => scheme,
        Err(found) => {
            let expected = "a scheme of type `oauth2`, `openIdConnect`, or `http` with `bearer`";
            mistakes.add(member.place, format_args!("expected {expected}, found {found}"));
            return None;
        }
    };
    let Some(scopes) = member.value.list().filter(|scopes| scopes.len() <= MAX_SCOPES) else {
        mistakes.expected(&member.value, format_args!("a list of at most {MAX_SCOPES} scopes"));
        return None;
    };
    if scopes.is_empty() {
        return Some(Access::Authenticated);
    }
    if matches!(scheme, Scheme::Bearer) {
        mistakes.add(member.value.place, "expected no roles: a scheme of type `http` has no scopes");
        return None;
    }
    let scopes: Vec<Option<Requirement>> = scopes.iter().map(|node| scope(node, mistakes)).collect();
    let scopes: Vec<Requirement> = scopes.into_iter().collect::<Option<_>>()?;
    if let [one] = scopes.as_slice() {
        return Some(Access::Scopes(one.clone()));
    }
    Some(Access::Scopes(all_of(scopes)))
}

fn scope(node: &Node, mistakes: &mut Mistakes) -> Option<Requirement> {
    let Some(text) = node.text() else {
        mistakes.expected(node, "a scope");
        return None;
    };
    text.parse().map_err(|error: scopegate::ConfigError| mistakes.add(node.place, error)).ok()
}

/// Returns a declared scheme, or the text that was found instead.
fn scheme(name: &str, schemes: &Schemes<'_>) -> Result<Scheme, String> {
    let declared = schemes.0.get(name).ok_or_else(|| format!("{name:?}, which is not declared"))?;
    let text = |key: &str| declared.get(key).and_then(Node::text);
    match (text("type"), text("scheme")) {
        _ if declared.get("$ref").is_some() => Err("a `$ref`".to_owned()),
        (Some("oauth2" | "openIdConnect"), _) => Ok(Scheme::Scopes),
        (Some("http"), Some(scheme)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Scheme::Bearer),
        (Some("http"), Some(scheme)) => Err(format!("`http` with {scheme:?}")),
        (Some(other), _) => Err(format!("the type {other:?}")),
        (None, _) => Err("no type".to_owned()),
    }
}
