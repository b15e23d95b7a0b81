//! Which scopes would satisfy a requirement? Challenges and descriptions of an API name them.

use scopegate_proto::scope::Scope;

use crate::scope::requirement::compiled::Compiled;
use crate::scope::requirement::{Node, Requirement};

impl Requirement {
    /// Returns the scopes that a challenge names (RFC 6750 §3). Together they satisfy the
    /// requirement.
    ///
    /// Each scope occurs once, in the order of the requirement. Of several alternatives, the first
    /// is used. If the requirement is [compiled](crate::middleware::compile), scopes are left out
    /// that another scope of the list [implies](crate::VerifierBuilder::implied_scopes).
    pub fn challenge_scopes(&self) -> Vec<&Scope> {
        let mut scopes = Vec::new();
        self.collect_sufficient(&mut scopes);
        if let Some(Compiled { hierarchy, .. }) = self.compiled.as_deref() {
            let all = scopes.clone();
            scopes.retain(|scope| !all.iter().any(|other| hierarchy.implies(other, scope)));
        }
        scopes
    }

    /// Returns all minimal sets of scopes that satisfy the requirement, in its order. OpenAPI has
    /// this form for the security requirements of an operation.
    ///
    /// Any one of the sets is sufficient, and none contains another. The list is empty if no scopes
    /// satisfy the requirement. Implied scopes are ignored.
    ///
    /// The number of sets is the number of combinations: `all_of` ten `any_of` of two scopes each
    /// has 1,024.
    pub fn minimal_sets(&self) -> Vec<Vec<&Scope>> {
        let all = match &self.node {
            Node::Scope(scope) => vec![vec![scope]],
            Node::AllOf(parts) if parts.is_empty() => Vec::new(),
            Node::AllOf(parts) => parts.iter().fold(vec![Vec::new()], |chosen, part| {
                let more = part.minimal_sets();
                chosen.iter().flat_map(|one| more.iter().map(move |other| joined(one, other))).collect()
            }),
            Node::AnyOf(parts) => parts.iter().flat_map(Self::minimal_sets).collect(),
            Node::Invalid(_) => Vec::new(),
        };
        all.iter()
            .enumerate()
            .filter(|(at, set)| !is_superfluous(*at, set, &all))
            .map(|(_, set)| set.clone())
            .collect()
    }

    /// Returns all scopes of the requirement in its order, each once.
    pub fn scopes(&self) -> Vec<&Scope> {
        match &self.node {
            Node::Scope(scope) => vec![scope],
            Node::AllOf(parts) | Node::AnyOf(parts) => {
                parts.iter().fold(Vec::new(), |named, part| joined(&named, &part.scopes()))
            }
            Node::Invalid(_) => Vec::new(),
        }
    }

    fn collect_sufficient<'a>(&'a self, scopes: &mut Vec<&'a Scope>) {
        match &self.node {
            Node::Scope(scope) if scopes.contains(&scope) => {}
            Node::Scope(scope) => scopes.push(scope),
            Node::AllOf(all) => all.iter().for_each(|one| one.collect_sufficient(scopes)),
            Node::AnyOf(any) => any.iter().take(1).for_each(|one| one.collect_sufficient(scopes)),
            Node::Invalid(_) => {}
        }
    }
}

/// Returns the scopes of both lists, each once.
fn joined<'a>(one: &[&'a Scope], other: &[&'a Scope]) -> Vec<&'a Scope> {
    let mut scopes = one.to_vec();
    scopes.extend(other.iter().filter(|scope| !one.contains(scope)));
    scopes
}

/// Returns whether a smaller set, or the same set at an earlier position, is contained in this set.
fn is_superfluous(at: usize, set: &[&Scope], all: &[Vec<&Scope>]) -> bool {
    all.iter().enumerate().any(|(other_at, other)| {
        let contained = other.iter().all(|scope| set.contains(scope));
        contained && (other.len() < set.len() || other_at < at)
    })
}

#[cfg(test)]
mod tests {
    use scopegate_proto::scope::Scopes;

    use super::*;
    use crate::scope::hierarchy::ScopeHierarchy;
    use crate::scope::interner::ScopeInterner;
    use crate::scope::requirement::{all_of, any_of};

    fn granted(text: &str) -> Scopes {
        text.split(' ').filter_map(|scope| scope.parse::<Scope>().ok()).collect()
    }

    fn sufficient(requirement: &Requirement) -> String {
        requirement.challenge_scopes().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn challenge_scopes_satisfy_the_requirement() {
        // D13
        let nested = all_of(["a".into(), any_of([all_of(["b", "a"]), "d".into()])]);
        assert_eq!(sufficient(&nested), "a b");
        assert!(nested.is_satisfied_by(&granted(&sufficient(&nested))));
        assert_eq!(sufficient(&any_of(["read", "admin"])), "read");
    }

    #[test]
    fn compiled_challenge_leaves_out_implied_scopes() {
        // F16
        let declared = [("admin".to_owned(), vec!["read".to_owned()])];
        let table = ScopeInterner::new(ScopeHierarchy::new(&declared).unwrap());
        let cases = [
            (all_of(["read", "admin"]), "read admin", "admin"),
            (all_of(["read", "write"]), "read write", "read write"),
            (any_of(["read", "admin"]), "read", "read"),
        ];
        for (requirement, plain, compiled) in cases.clone() {
            assert_eq!(sufficient(&requirement), plain);
            assert_eq!(sufficient(&requirement.clone().compiled(&table)), compiled);
            // A requirement that is compiled for another verifier is compiled again.
            let other = ScopeInterner::new(ScopeHierarchy::default());
            assert_eq!(sufficient(&requirement.compiled(&other).compiled(&table)), compiled);
        }
        // Also for scopes after the 256th, which have no number.
        for at in 0..300 {
            let _ = format!("scope-{at}").parse::<Requirement>().unwrap().compiled(&table);
        }
        let late = all_of(["read", "late", "admin"]).compiled(&table);
        assert!(late.compiled.as_ref().is_some_and(|compiled| compiled.test.is_none()));
        assert_eq!(sufficient(&late), "late admin");
    }

    #[test]
    fn minimal_sets_are_all_ways_to_satisfy() {
        let nested = all_of(["a".into(), any_of([all_of(["b", "a"]), "d".into()])]);
        for (requirement, expected) in [
            ("a".into(), "a"),
            (nested.clone(), "a b|a d"),
            (all_of([any_of(["a", "b"]), any_of(["c", "d"])]), "a c|a d|b c|b d"),
            (any_of(["a", "b", "a"]), "a|b"),
            (any_of([all_of(["a", "b"]), "a".into(), all_of(["c", "a"])]), "a"),
            (any_of([all_of(["a", "b"]), all_of(["b", "a"])]), "a b"),
            (any_of(["a", "b c"]), "a"),
            (all_of(["a", "b c"]), ""),
            (all_of::<[&str; 0]>([]), ""),
            (all_of([any_of::<[&str; 0]>([]), "a".into()]), ""),
        ] {
            let sets: Vec<String> = requirement
                .minimal_sets()
                .into_iter()
                .map(|set| set.into_iter().map(Scope::as_str).collect::<Vec<_>>().join(" "))
                .collect();
            assert_eq!(sets.join("|"), expected, "{requirement}");
            assert!(sets.iter().all(|set| requirement.is_satisfied_by(&granted(set))), "{requirement}");
        }
        assert_eq!(nested.scopes().into_iter().map(Scope::as_str).collect::<Vec<_>>(), ["a", "b", "d"]);
    }
}
