//! Paths of a document, and the paths of its servers.

use crate::openapi::Mistakes;
use crate::openapi::yaml::{Member, Node};
use crate::routes::pattern;

/// Returns the path of a route: below the server, and without the prefix of the public URL.
pub(super) fn route(item: &Member, server: &str, mistakes: &mut Mistakes) -> Option<String> {
    if !item.key.starts_with('/') {
        mistakes.add(item.place, format_args!("expected a path with a slash, found {:?}", item.key));
        return None;
    }
    let path = format!("{server}{}", without_special_names(&item.key));
    pattern::check(&path).map_err(|error| mistakes.add(item.place, error)).ok()?;
    Some(path)
}

/// Returns the path with names of parameters that routes may have. The names have no meaning for the
/// rules, but `*` would make a catch-all.
fn without_special_names(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match name {
            Some(name) if !name.is_empty() && !name.contains(['{', '}']) => {
                let valid = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
                format!("{{{}}}", name.chars().map(valid).collect::<String>())
            }
            _ => segment.to_owned(),
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Returns the path of the servers below the public URL. It is empty, or has no slash at the end.
pub(super) fn server(root: &Node, prefix: &str, mistakes: &mut Mistakes) -> Option<String> {
    let Some(servers) = root.get("servers") else { return Some(String::new()) };
    let Some(servers) = servers.list() else {
        mistakes.expected(servers, "a list of servers");
        return None;
    };
    let mut found: Option<String> = None;
    for server in servers {
        let Some(url) = server.get("url").and_then(Node::text) else {
            mistakes.add(server.place, "expected a server with `url`");
            return None;
        };
        let path = path_of(url).and_then(|path| path.strip_prefix(prefix));
        let Some(path) = path.filter(|path| path.is_empty() || path.starts_with('/')) else {
            mistakes.add(
                server.place,
                format_args!(
                    "expected a server whose path begins with {prefix:?} as in `public_url`, found {url:?}"
                ),
            );
            return None;
        };
        if found.as_ref().is_some_and(|found| found != path) {
            mistakes.add(server.place, "expected servers with the same path, found another one");
            return None;
        }
        found = Some(path.to_owned());
    }
    Some(found.unwrap_or_default())
}

/// Returns the path of a server's URL without a slash at the end. Hosts may have variables.
fn path_of(url: &str) -> Option<&str> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| rest.get(slash..).unwrap_or_default()),
        None if url.starts_with('/') && !url.starts_with("//") => url,
        None => return None,
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    (!path.contains(['{', '}', '?', '#'])).then_some(path)
}
