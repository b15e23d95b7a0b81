//! The paths and methods of a document.

use http::Method;

use crate::openapi::security::Schemes;
use crate::openapi::yaml::{Member, Node};
use crate::openapi::{Mistakes, Operations, path, security};
use crate::routes::access::Access;

const METHODS: [(&str, Method); 8] = [
    ("get", Method::GET),
    ("put", Method::PUT),
    ("post", Method::POST),
    ("delete", Method::DELETE),
    ("options", Method::OPTIONS),
    ("head", Method::HEAD),
    ("patch", Method::PATCH),
    ("trace", Method::TRACE),
];

/// The rule of operations without their own.
enum Inherited {
    /// The document has no `security`.
    None,
    Invalid,
    Access(Access),
}

pub(super) fn read(root: &Node, prefix: &str, mistakes: &mut Mistakes) -> Vec<Operations> {
    let version = root.get("openapi").and_then(Node::text);
    if !version.is_some_and(|version| version.starts_with("3.0.") || version.starts_with("3.1.")) {
        let found = version.map_or_else(|| "none".to_owned(), |version| format!("{version:?}"));
        mistakes.add(root.place, format_args!("expected `openapi` to be 3.0 or 3.1, found {found}"));
        return Vec::new();
    }
    let Some(paths) = root.get("paths").and_then(Node::map) else {
        mistakes.add(root.place, "expected the map `paths`");
        return Vec::new();
    };
    let schemes = Schemes::of(root);
    let inherited = match root.get("security") {
        None => Inherited::None,
        Some(security) => {
            security::access(security, &schemes, mistakes).map_or(Inherited::Invalid, Inherited::Access)
        }
    };
    let Some(server) = path::server(root, prefix, mistakes) else { return Vec::new() };
    let items = paths.iter().filter(|item| !item.key.starts_with("x-"));
    items.filter_map(|item| operations(item, &schemes, &server, &inherited, mistakes)).collect()
}

/// Reads one path. A path without methods is a route without methods, which rejects each request.
fn operations(
    item: &Member,
    schemes: &Schemes<'_>,
    server: &str,
    inherited: &Inherited,
    mistakes: &mut Mistakes,
) -> Option<Operations> {
    let path = path::route(item, server, mistakes);
    let Some(members) = item.value.map() else {
        mistakes.expected(&item.value, "a map of operations");
        return None;
    };
    let mut methods = Vec::new();
    for member in members {
        let Member { key, place, .. } = member;
        if let Some((_, method)) = METHODS.iter().find(|(name, _)| name == key) {
            let access = operation(member, schemes, inherited, mistakes);
            methods.extend(access.map(|access| (method.clone(), access)));
        } else if !matches!(key.as_str(), "parameters" | "summary" | "description") && !key.starts_with("x-")
        {
            mistakes
                .add(*place, format_args!("expected a method in lower case, found `{}`", key.escape_debug()));
        }
    }
    Some(Operations { path: path?, methods, place: item.place })
}

fn operation(
    operation: &Member,
    schemes: &Schemes<'_>,
    inherited: &Inherited,
    mistakes: &mut Mistakes,
) -> Option<Access> {
    let Some(members) = operation.value.map() else {
        mistakes.expected(&operation.value, "an operation");
        return None;
    };
    for member in members.iter().filter(|member| member.key == "servers" || member.key == "$ref") {
        mistakes.add(member.place, format_args!("expected no `{}`, which cannot be enforced", member.key));
    }
    match (operation.value.get("security"), inherited) {
        (Some(security), _) => security::access(security, schemes, mistakes),
        (None, Inherited::Access(access)) => Some(access.clone()),
        (None, Inherited::Invalid) => None,
        (None, Inherited::None) => {
            let hint = "a public operation has `security: []`";
            mistakes
                .add(operation.place, format_args!("expected `security` here or in the document: {hint}"));
            None
        }
    }
}
