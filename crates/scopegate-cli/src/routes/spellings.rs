//! Other spellings of a strict route that a less strict one covers.
//!
//! Some backends serve `/ORDERS`, `/orders/` and `/orders.json` like `/orders`. If a catch-all decides
//! about these spellings, it decides with its own rule.

use crate::path::JudgedPath;
use crate::routes::pattern;
use crate::routes::route::Route;
use crate::routes::table::Table;

/// A spelling of a route's path that a less strict route decides about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Covered {
    /// The index of the strict route.
    pub(crate) strict: usize,
    /// The index of the other one.
    pub(crate) by: usize,
    pub(crate) spelling: String,
    pub(crate) kind: &'static str,
}

/// Returns a warning for each pair of routes and each kind of spelling. `table` has the indexes of the
/// routes.
pub(crate) fn covered(routes: &[Route], table: &Table<usize>) -> Vec<Covered> {
    let all = routes.iter().enumerate();
    all.flat_map(|(strict, route)| covered_of(strict, route, routes, table)).collect()
}

/// Returns the warnings for one route. They are compared with each other only, so the time for many
/// routes grows with their number.
fn covered_of(strict: usize, route: &Route, routes: &[Route], table: &Table<usize>) -> Vec<Covered> {
    let mut warnings: Vec<Covered> = Vec::new();
    for (kind, spelling) in spellings(&route.path) {
        let Ok(judged) = JudgedPath::parse(spelling.as_bytes()) else { continue };
        let mut found = route.hosts.iter().filter_map(|host| table.find(host, &judged).ok().copied());
        let weaker = found.find(|by| routes.get(*by).is_some_and(|other| is_less_strict(other, route)));
        if let Some(by) = weaker
            && !warnings.iter().any(|one| (one.by, one.kind) == (by, kind))
        {
            warnings.push(Covered { strict, by, spelling, kind });
        }
    }
    warnings
}

/// Returns whether the other route accepts a request that this one rejects.
fn is_less_strict(other: &Route, route: &Route) -> bool {
    other.methods.iter().any(|(method, access)| match route.access(method) {
        Some(required) => !access.is_at_least(required),
        None => true,
    })
}

/// Returns other spellings of a path, with an example for each parameter.
fn spellings(path: &str) -> Vec<(&'static str, String)> {
    let Ok(example) = pattern::example(path) else { return Vec::new() };
    let change_case = |change: fn(&str) -> String| {
        let segments = path.split('/').map(|segment| match pattern::is_parameter(segment) {
            Ok(false) => change(segment),
            _ => "x".to_owned(),
        });
        segments.collect::<Vec<_>>().join("/")
    };
    let slash = match example.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{example}/"),
    };
    let mut spellings = vec![
        ("case", change_case(str::to_uppercase)),
        ("case", change_case(str::to_lowercase)),
        ("trailing slash", slash),
    ];
    let last = path.rsplit('/').next().unwrap_or_default();
    if !last.is_empty() && matches!(pattern::is_parameter(last), Ok(false)) {
        spellings.push(("extension", format!("{example}.json")));
        if let Some((without, _)) = example.rsplit_once('.') {
            spellings.push(("extension", without.to_owned()));
        }
    }
    spellings.retain(|(_, spelling)| *spelling != example);
    spellings
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::routes::access::Access;

    fn warnings(routes: &[(&str, Access)]) -> Vec<(String, String)> {
        let route = |(path, access): &(&str, Access)| Route {
            hosts: vec!["a.example".to_owned()],
            path: (*path).to_owned(),
            methods: vec![(Method::GET, access.clone())],
        };
        let routes: Vec<Route> = routes.iter().map(route).collect();
        let mut table = Table::new();
        for (index, route) in routes.iter().enumerate() {
            table.insert("a.example", &route.path, index).unwrap();
        }
        let covered = covered(&routes, &table).into_iter();
        covered.map(|one| (one.spelling, routes[one.by].path.clone())).collect()
    }

    fn scope() -> Access {
        Access::Scopes("orders/read".into())
    }

    #[test]
    fn catch_all_over_stricter_route_is_found() {
        let found = warnings(&[("/orders", scope()), ("/{*rest}", Access::Public)]);
        let expected =
            ["/ORDERS", "/orders/", "/orders.json"].map(|path| (path.to_owned(), "/{*rest}".to_owned()));
        assert_eq!(found, expected);
        let found = warnings(&[("/Orders/{id}/", scope()), ("/{*rest}", Access::Authenticated)]);
        let spellings: Vec<&str> = found.iter().map(|(spelling, _)| spelling.as_str()).collect();
        assert_eq!(spellings, ["/ORDERS/x/", "/Orders/x"]);
    }

    #[test]
    fn warnings_are_compared_within_one_route() {
        // A route has at most five other spellings, so 10,000 routes need 100,000 comparisons at most.
        for path in ["/Orders.Json", "/{id}/a.b.c", "/orders/", "/"] {
            assert!(spellings(path).len() <= 5, "{path}");
        }
        let paths: Vec<String> = (0..1_000).map(|number| format!("/r{number}/{{id}}")).collect();
        let strict = paths.iter().map(|path| (path.as_str(), scope()));
        let all: Vec<(&str, Access)> = strict.chain([("/{*rest}", Access::Public)]).collect();
        let found = warnings(&all);
        // The same kind and the same covering route, but another strict one.
        assert_eq!(found.len(), 2 * paths.len());
    }

    #[test]
    fn parameter_over_stricter_route_is_found() {
        let found = warnings(&[("/admin", scope()), ("/{page}", Access::Public)]);
        let spellings: Vec<&str> = found.iter().map(|(spelling, _)| spelling.as_str()).collect();
        assert_eq!(spellings, ["/ADMIN", "/admin.json"]);
    }

    #[test]
    fn equally_strict_or_missing_route_is_none() {
        assert!(warnings(&[("/orders", scope()), ("/{*rest}", scope())]).is_empty());
        assert!(warnings(&[("/orders", Access::Public), ("/{*rest}", scope())]).is_empty());
        assert!(warnings(&[("/orders", scope())]).is_empty());
    }
}
