//! Do scopes and requirements obey the laws of sets and of Boolean algebra? These are property
//! tests, for any scopes and any expression. docs/generated/conformance.md has the row ids (C20,
//! …).

use proptest::collection::vec;
use proptest::prelude::*;
use scopegate::{Requirement, Scope, Scopes, all_of, any_of};

/// Any scope of RFC 6749 §3.3.
fn any_scope() -> impl Strategy<Value = String> {
    "[!#-\\[\\]-~]{1,12}"
}

/// One of a few scopes, so that granted and required scopes often match. Some are prefixes of
/// others.
fn scope() -> impl Strategy<Value = Scope> {
    prop::sample::select(vec!["a", "A", "a/b", "a:b", "*", "https://api.example/a"])
        .prop_map(|text| text.parse().unwrap())
}

fn granted() -> impl Strategy<Value = Scopes> {
    vec(scope(), 0..5).prop_map(Scopes::from_iter)
}

/// Any expression that `check` accepts.
fn requirement() -> impl Strategy<Value = Requirement> {
    let leaf = scope().prop_map(Requirement::from);
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![vec(inner.clone(), 1..4).prop_map(all_of), vec(inner, 1..4).prop_map(any_of)]
    })
}

/// Any expression, including parts that are empty or not scopes.
fn requirement_or_nonsense() -> impl Strategy<Value = Requirement> {
    let leaf = prop_oneof![
        scope().prop_map(Requirement::from),
        ".{0,3}".prop_map(|text| Requirement::from(&*text.leak())),
        Just(all_of::<[&str; 0]>([])),
        Just(any_of::<[&str; 0]>([])),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(all_of), vec(inner, 0..4).prop_map(any_of)]
    })
}

/// Both expressions have the same verdict.
macro_rules! assert_same {
    ($granted:expr, $one:expr, $other:expr) => {
        let (one, other): (Requirement, Requirement) = ($one, $other);
        let (left, right) = (one.is_satisfied_by(&$granted), other.is_satisfied_by(&$granted));
        prop_assert_eq!(left, right, "{} and {}", one, other);
    };
}

proptest! {
    #[test]
    fn scope_round_trips_through_text(text in any_scope()) {
        // C20
        let scope: Scope = text.parse().unwrap();
        prop_assert_eq!(scope.as_str(), &text);
        prop_assert_eq!(scope.to_string(), text);
        prop_assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope);
    }

    #[test]
    fn scope_outside_the_grammar_is_rejected(text in ".{0,8}") {
        // C20
        let within = |c: char| c == '!' || ('#'..='[').contains(&c) || (']'..='~').contains(&c);
        prop_assert_eq!(text.parse::<Scope>().is_ok(), !text.is_empty() && text.chars().all(within));
    }

    #[test]
    fn scopes_round_trip_through_text(texts in vec(any_scope(), 0..8)) {
        // C20
        let read = |texts: &mut dyn Iterator<Item = &str>| -> Scopes { texts.map(|text| text.parse().unwrap()).collect() };
        let set = read(&mut texts.iter().map(String::as_str));
        let written = set.to_string();
        prop_assert_eq!(&read(&mut written.split(' ').filter(|text| !text.is_empty())), &set);
        prop_assert_eq!(written.split(' ').filter(|text| !text.is_empty()).count(), set.len());
        prop_assert_eq!(read(&mut texts.iter().rev().map(String::as_str)), set.clone());
        prop_assert!(texts.iter().all(|text| set.contains(text)));
        prop_assert_eq!(set.is_empty(), texts.is_empty());
    }

    #[test]
    fn scope_is_satisfied_by_sets_containing_it(scope in scope(), granted in granted()) {
        // C20, D12
        let contained = granted.iter().any(|one| *one == scope);
        prop_assert_eq!(granted.contains(scope.as_str()), contained);
        prop_assert_eq!(Requirement::from(scope).is_satisfied_by(&granted), contained);
    }

    #[test]
    fn repetition_order_and_grouping_are_ignored(
        (a, b, c) in (requirement(), requirement(), requirement()), granted in granted()
    ) {
        // D12: idempotent, commutative, associative
        let (a, b, c) = (|| a.clone(), || b.clone(), || c.clone());
        assert_same!(granted, all_of([a(), a()]), a());
        assert_same!(granted, any_of([a(), a()]), a());
        assert_same!(granted, all_of([a()]), any_of([a()]));
        assert_same!(granted, all_of([a(), b()]), all_of([b(), a()]));
        assert_same!(granted, any_of([a(), b()]), any_of([b(), a()]));
        assert_same!(granted, all_of([a(), all_of([b(), c()])]), all_of([all_of([a(), b()]), c()]));
        assert_same!(granted, all_of([a(), all_of([b(), c()])]), all_of([a(), b(), c()]));
        assert_same!(granted, any_of([a(), any_of([b(), c()])]), any_of([any_of([a(), b()]), c()]));
        assert_same!(granted, any_of([a(), any_of([b(), c()])]), any_of([a(), b(), c()]));
    }

    #[test]
    fn nested_requirements_absorb_and_distribute(
        (a, b, c) in (requirement(), requirement(), requirement()), granted in granted()
    ) {
        // D12
        let (a, b, c) = (|| a.clone(), || b.clone(), || c.clone());
        assert_same!(granted, all_of([a(), any_of([a(), b()])]), a());
        assert_same!(granted, any_of([a(), all_of([a(), b()])]), a());
        assert_same!(granted, all_of([a(), any_of([b(), c()])]), any_of([all_of([a(), b()]), all_of([a(), c()])]));
        assert_same!(granted, any_of([a(), all_of([b(), c()])]), all_of([any_of([a(), b()]), any_of([a(), c()])]));
    }

    #[test]
    fn all_of_and_any_of_follow_their_names(parts in vec(requirement(), 1..5), granted in granted()) {
        // D12
        let mut verdicts = parts.iter().map(|part| part.is_satisfied_by(&granted));
        let (all, any) = (verdicts.clone().all(|verdict| verdict), verdicts.any(|verdict| verdict));
        prop_assert_eq!(all_of(parts.clone()).is_satisfied_by(&granted), all);
        prop_assert_eq!(any_of(parts).is_satisfied_by(&granted), any);
    }

    #[test]
    fn additional_scopes_never_satisfy_less(
        requirement in requirement_or_nonsense(), granted in granted(), more in granted()
    ) {
        // D12
        let both: Scopes = granted.iter().chain(&more).cloned().collect();
        prop_assert!(!requirement.is_satisfied_by(&granted) || requirement.is_satisfied_by(&both));
    }

    #[test]
    fn challenge_scopes_satisfy_the_requirement(requirement in requirement()) {
        // D13
        prop_assert!(requirement.check().is_ok());
        let named: Scopes = requirement.challenge_scopes().into_iter().cloned().collect();
        prop_assert_eq!(named.len(), requirement.challenge_scopes().len(), "each is named once");
        prop_assert!(requirement.is_satisfied_by(&named), "{} by {}", requirement, named);
        prop_assert!(!requirement.is_satisfied_by(&Scopes::default()));
    }

    #[test]
    fn invalid_requirement_is_rejected_and_never_satisfied(requirement in requirement_or_nonsense()) {
        // D24: every requirement that `check` accepts is satisfied by all scopes that it names
        let named: Scopes = requirement.challenge_scopes().into_iter().cloned().collect();
        prop_assert!(requirement.check().is_err() || requirement.is_satisfied_by(&named));
        prop_assert!(!requirement.is_satisfied_by(&Scopes::default()), "no scopes are never enough");
    }
}
