//! One route of the configuration: a path at some hosts, with a rule for each method.

use http::Method;

use crate::routes::access::Access;

/// A route.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    /// The hosts, in lower case. At least one.
    pub(crate) hosts: Vec<String>,
    /// The path, in the syntax of matchit.
    pub(crate) path: String,
    pub(crate) methods: Vec<(Method, Access)>,
}

impl Route {
    /// Returns the rule of a method. `HEAD` has the rule of `GET` if it has no own rule.
    pub(crate) fn access(&self, method: &Method) -> Option<&Access> {
        rule_of(&self.methods, method)
    }
}

/// Returns the entry of a method. `HEAD` has the entry of `GET` if it has no own entry.
pub(crate) fn rule_of<'r, T>(rules: &'r [(Method, T)], method: &Method) -> Option<&'r T> {
    let find = |wanted: &Method| rules.iter().find(|(method, _)| method == wanted).map(|(_, rule)| rule);
    match find(method) {
        None if method == Method::HEAD => find(&Method::GET),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_follows_get_and_other_methods_do_not() {
        // FW15
        let mut rules = vec![(Method::GET, 1), (Method::POST, 2)];
        assert_eq!(rule_of(&rules, &Method::HEAD), Some(&1));
        assert_eq!(rule_of(&rules, &Method::OPTIONS), None);
        assert_eq!(rule_of(&rules, &Method::from_bytes(b"get").unwrap()), None);
        rules.push((Method::HEAD, 3));
        assert_eq!(rule_of(&rules, &Method::HEAD), Some(&3));
        assert_eq!(rule_of(&rules[1..2], &Method::HEAD), None);
    }
}
