//! Hostile paths, and the routes that lenient backends read in them.

use std::collections::BTreeSet;

/// Paths of a full run, and the part of a sample.
pub(crate) const COUNT: usize = 500;
const SAMPLE: usize = 50;

/// The path of the metadata, which the service responds to.
pub(crate) const METADATA: &str = "/.well-known/oauth-protected-resource";

/// Routes that the caller may read. No decision is made about the metadata.
const ALLOWED: [&str; 6] = ["/files", "/files/a", "/public", "/orders/7", METADATA, ""];

/// The way from an allowed route to the other one.
const WAYS: [&str; 32] = [
    "/../",
    "/./../",
    "/..//",
    "//../",
    "/%2e%2e/",
    "/.%2e/",
    "/%2E./",
    "/%252e%252e/",
    "/..%2f",
    "/..%2F",
    "%2f..%2f",
    "/..%252f",
    "/..%5c",
    "/..\\",
    "\\..\\",
    "/..;/",
    "/..;a=b/",
    "/;/../",
    "/..%3b/",
    "/..%00/",
    "/..%20/",
    "/..%09/",
    "/..%c0%af",
    "/..%ef%bc%8f",
    "/x/../../",
    "/%2e%2e/%2e%2e/",
    "/..#/../",
    "/..%23/../",
    "/..%3f/../",
    "?/../",
    "//",
    "/%2f",
];

/// The names of the route that the caller may not read.
const FORBIDDEN: [&str; 10] = [
    "admin/keys",
    "%61dmin/keys",
    "admi%6E/keys",
    "admin%2fkeys",
    "admin;a=b/keys",
    "./admin/keys",
    "admin//keys",
    "admin\\keys",
    "admin%20/keys",
    "%2561dmin/keys",
];

/// Returns the hostile paths, in a fixed order.
pub(crate) fn hostile(is_sample: bool) -> Vec<String> {
    let mut all = BTreeSet::new();
    for from in ALLOWED {
        for way in WAYS {
            all.extend(FORBIDDEN.map(|to| format!("{from}{way}{to}")));
        }
    }
    let wanted = if is_sample { SAMPLE } else { COUNT };
    // Evenly distributed, with an odd distance, so that no column of the product is preferred.
    let all: Vec<String> = all.into_iter().collect();
    (0..wanted).filter_map(|at| all.get(at * all.len() / wanted).cloned()).collect()
}

/// Unusual paths with one reading. The backend must see them unchanged.
pub(crate) const HARMLESS: [&str; 8] = [
    "/files/a%20b",
    "/files/%C3%BC",
    "/files/a:b@c",
    "/files/a,b",
    "/files/(a)!",
    "/files/a+b=c",
    "/files/a...b",
    "/files/$&'*",
];

/// Returns the paths that some backend may read in a path: decoded up to two times, without parameters
/// and without the rest after a terminator, with all slashes alike, and without dot segments.
pub(crate) fn readings(path: &str) -> BTreeSet<String> {
    let mut raw = BTreeSet::from([path.to_owned()]);
    for step in [decode, decode, slashes, parameters, terminators, spaces] {
        let more: Vec<String> = raw.iter().map(|path| step(path)).collect();
        raw.extend(more);
    }
    let resolved: Vec<String> =
        raw.iter().flat_map(|path| [resolve(path, true), resolve(path, false)]).collect();
    raw.extend(resolved);
    raw
}

fn decode(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let encoded = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match encoded {
            Some(encoded) if byte == b'%' => {
                bytes.push(encoded);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    // The overlong encoding of the slash.
    String::from_utf8_lossy(&bytes).replace("\u{fffd}\u{fffd}", "/")
}

fn slashes(path: &str) -> String {
    path.replace('\\', "/")
}

fn parameters(path: &str) -> String {
    let without = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    without.collect::<Vec<_>>().join("/")
}

fn terminators(path: &str) -> String {
    path.split(['\0', '#', '?']).next().unwrap_or_default().to_owned()
}

fn spaces(path: &str) -> String {
    path.split('/').map(str::trim).collect::<Vec<_>>().join("/")
}

fn resolve(path: &str, merge: bool) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            "" if merge => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_many_and_distinct() {
        let all: BTreeSet<String> = hostile(false).into_iter().collect();
        assert_eq!((all.len(), hostile(true).len()), (COUNT, SAMPLE));
    }

    #[test]
    fn disguises_have_the_forbidden_reading() {
        for path in ["/files/%252e%252e/admin/keys", "/files/..;/%61dmin/keys", "/files\\..\\admin\\keys"] {
            assert!(readings(path).iter().any(|path| path.starts_with("/admin/keys")), "{path}");
        }
        for path in HARMLESS {
            assert!(readings(path).iter().all(|path| path.starts_with("/files/")), "{path}");
        }
    }
}
