//! The table of routes: which route decides about a path at a host?

use std::collections::HashMap;

use matchit::{InsertError, Router};

use crate::path::{Ambiguous, JudgedPath};

/// Values by host and path.
pub(crate) struct Table<T> {
    hosts: HashMap<String, Host<T>>,
}

struct Host<T> {
    router: Router<usize>,
    values: Vec<T>,
}

/// The reason why no route decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    UnknownHost,
    UnknownPath,
    Ambiguous(Ambiguous),
}

impl<T> Table<T> {
    pub(crate) fn new() -> Self {
        Self { hosts: HashMap::new() }
    }

    /// Adds a route.
    ///
    /// # Errors
    /// Returns an error if a route of this host has the same path. The names of parameters don't count.
    pub(crate) fn insert(&mut self, host: &str, path: &str, value: T) -> Result<(), InsertError> {
        let host = self
            .hosts
            .entry(host.to_owned())
            .or_insert_with(|| Host { router: Router::new(), values: Vec::new() });
        host.router.insert(path, host.values.len())?;
        host.values.push(value);
        Ok(())
    }

    /// Returns the value of the most specific route.
    ///
    /// # Errors
    /// Returns [`Ambiguous::TwoRoutes`] if a backend that decodes delimiters before it looks for a route
    /// would find another one: `/users/%40me` with the routes `/users/{id}` and `/users/@me`.
    pub(crate) fn find(&self, host: &str, path: &JudgedPath) -> Result<&T, NoRoute> {
        let host = self.hosts.get(host).ok_or(NoRoute::UnknownHost)?;
        let found = host.index(path.as_str());
        if let Some(decoded) = path.with_decoded_delimiters()
            && host.index(&decoded) != found
        {
            return Err(NoRoute::Ambiguous(Ambiguous::TwoRoutes));
        }
        found.and_then(|index| host.values.get(index)).ok_or(NoRoute::UnknownPath)
    }
}

impl<T> Host<T> {
    fn index(&self, path: &str) -> Option<usize> {
        self.router.at(path).ok().map(|found| *found.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(paths: &[&'static str]) -> Table<&'static str> {
        let mut table = Table::new();
        for path in paths {
            table.insert("a.example", path, *path).unwrap();
        }
        table
    }

    fn find<'t>(table: &'t Table<&'static str>, path: &str) -> Result<&'t &'static str, NoRoute> {
        table.find("a.example", &JudgedPath::parse(path.as_bytes()).unwrap())
    }

    #[test]
    fn most_specific_path_decides_alone() {
        let table = table(&["/{*rest}", "/orders/{id}", "/orders/mine", "/orders/{id}/items/{item}"]);
        for (path, expected) in [
            ("/orders/mine", "/orders/mine"),
            ("/orders/7", "/orders/{id}"),
            ("/orders/min%C3%A9", "/orders/{id}"),
            ("/orders/7/items/1", "/orders/{id}/items/{item}"),
            ("/orders/7/items", "/{*rest}"),
            ("/orders", "/{*rest}"),
            ("/orders/", "/{*rest}"),
            ("/ORDERS/7", "/{*rest}"),
        ] {
            assert_eq!(find(&table, path), Ok(&expected), "{path}");
        }
        assert_eq!(find(&table, "/"), Err(NoRoute::UnknownPath));
    }

    #[test]
    fn unknown_host_and_path_have_no_route() {
        // FW01
        let table = table(&["/orders"]);
        let orders = JudgedPath::parse(b"/orders").unwrap();
        assert!(table.find("a.example", &orders).is_ok());
        assert_eq!(table.find("b.example", &orders), Err(NoRoute::UnknownHost));
        assert_eq!(table.find("", &orders), Err(NoRoute::UnknownHost));
        assert_eq!(find(&table, "/orders/7"), Err(NoRoute::UnknownPath));
    }

    #[test]
    fn encoded_delimiter_with_two_routes_is_ambiguous() {
        // FW02
        let table = table(&["/users/{id}", "/users/@me", "/a:b"]);
        assert_eq!(find(&table, "/users/@me"), Ok(&"/users/@me"));
        assert_eq!(find(&table, "/users/%40me"), Err(NoRoute::Ambiguous(Ambiguous::TwoRoutes)));
        assert_eq!(find(&table, "/a%3Ab"), Err(NoRoute::Ambiguous(Ambiguous::TwoRoutes)));
        assert_eq!(find(&table, "/users/me%40a.example"), Ok(&"/users/{id}"));
    }

    #[test]
    fn second_route_with_the_same_path_is_rejected() {
        let mut table = table(&["/orders/{id}"]);
        for path in ["/orders/{id}", "/orders/{number}"] {
            assert!(table.insert("a.example", path, "").is_err(), "{path}");
            assert!(table.insert("b.example", path, "").is_ok() || path == "/orders/{number}");
        }
    }
}
