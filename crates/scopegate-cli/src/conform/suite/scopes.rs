//! Valid tokens without the required scope.

use super::hole;
use crate::conform::authority::Authority;
use crate::conform::check::{About, Attempt, Check, Group};
use crate::conform::form::Form;

const GROUP: Group = Group::Scopes;

pub(super) fn checks(authority: &Authority) -> Vec<Check> {
    let names = authority.names();
    let Some((first, others)) = names.scopes.split_first() else {
        return [WRONG_SCOPE, SIMILAR_SCOPE].map(|about| about.skipped("the route needs no scope")).into();
    };
    // The other required scopes stay, so that only one is wrong.
    let with = |scope: &str| {
        let scopes: Vec<&str> = [scope].into_iter().chain(others.iter().map(String::as_str)).collect();
        authority.sign(&authority.mint().scope(&scopes.join(" ")))
    };
    let without_last = || {
        let scopes = names.scopes.split_last().map_or_else(String::new, |(_, first)| first.join(" "));
        authority.sign(&authority.mint().scope(&scopes))
    };
    let without = authority.sign(&Form::without_scope(authority.mint()));
    let shorter: String = first.chars().take(first.chars().count() - 1).collect();
    let upper = if *first == first.to_uppercase() { first.to_lowercase() } else { first.to_uppercase() };
    let mut similar = vec![
        Attempt::bearer("with a longer end", &with(&format!("{first}x"))),
        Attempt::bearer("with a suffix", &with(&format!("{first}.all"))),
        Attempt::bearer("with a prefix", &with(&format!("x{first}"))),
    ];
    if !shorter.is_empty() && !names.scopes.contains(&shorter) {
        similar.push(Attempt::bearer("with a shorter end", &with(&shorter)));
    }
    if upper != *first {
        similar.push(Attempt::bearer("in the other case", &with(&upper)));
    }
    let mut wrong = vec![
        Attempt::bearer("another scope", &with(&names.other_scope)),
        Attempt::bearer("no scope", &without),
        Attempt::bearer("an empty string", &authority.sign(&authority.mint().scope(""))),
    ];
    if !others.is_empty() {
        wrong.push(Attempt::bearer("all but the last scope", &without_last()));
    }
    vec![WRONG_SCOPE.with(wrong), SIMILAR_SCOPE.with(similar)]
}

const WRONG_SCOPE: About = hole(
    GROUP,
    "wrong-scope",
    "a token without the scope",
    "RFC 6750 §3.1",
    "Every client of your API can use this route.",
);

const SIMILAR_SCOPE: About = hole(
    GROUP,
    "similar-scope",
    "a token with a similar scope",
    "RFC 6749 §3.3",
    "A scope that means something else opens this route.",
);
