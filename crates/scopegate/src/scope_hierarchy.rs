//! Scopes that include others, because the application says so. The grammar knows of no such thing: `admin` and `read`
//! are two words (`scope.rs`).

use crate::json_object::by_length;
use crate::{ConfigError, Scope};

/// Which scopes are granted along with another one.
#[derive(Debug, Default)]
pub(crate) struct ScopeHierarchy {
    /// Each scope that implies others, with all that it implies, directly or not. Sorted by [`by_length`].
    implied: Vec<(Scope, Vec<Scope>)>,
}

impl ScopeHierarchy {
    /// Takes what was declared: scopes, and what each implies directly.
    pub(crate) fn new(declared: &[(String, Vec<String>)]) -> Result<Self, ConfigError> {
        let mut direct: Vec<(Scope, Vec<Scope>)> = Vec::new();
        for (scope, implied) in declared {
            let scope: Scope = scope.parse()?;
            let implied = implied.iter().map(|one| one.parse()).collect::<Result<Vec<Scope>, _>>()?;
            match direct.iter_mut().find(|(known, _)| *known == scope) {
                Some((_, known)) => known.extend(implied),
                None => direct.push((scope, implied)),
            }
        }
        let closed = direct.iter().map(|(scope, _)| Ok((scope.clone(), everything_implied(scope, &direct)?)));
        let mut implied = closed.collect::<Result<Vec<_>, ConfigError>>()?;
        implied.sort_unstable_by(|(a, _), (b, _)| by_length(a.as_str(), b.as_str()));
        Ok(Self { implied })
    }

    /// What a token grants by implication that grants these. However often a scope stands in a token, what it implies is
    /// added once, so that a token cannot grow by more than was declared.
    pub(crate) fn implied_by<'a>(&self, granted: impl Iterator<Item = &'a str>) -> Vec<&Scope> {
        if self.implied.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<usize> = granted.filter_map(|scope| self.place_of(scope)).collect();
        found.sort_unstable();
        found.dedup();
        let implied = found.into_iter().filter_map(|place| self.implied.get(place));
        let mut scopes: Vec<&Scope> = implied.flat_map(|(_, implied)| implied).collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }

    /// Whether who has the one has the other, which is another scope.
    pub(crate) fn implies(&self, one: &Scope, other: &Scope) -> bool {
        let place = self.place_of(one.as_str());
        place.and_then(|place| self.implied.get(place)).is_some_and(|(_, implied)| implied.contains(other))
    }

    fn place_of(&self, scope: &str) -> Option<usize> {
        self.implied.binary_search_by(|(implying, _)| by_length(implying.as_str(), scope)).ok()
    }
}

/// All that the scope implies, itself not included.
fn everything_implied(scope: &Scope, direct: &[(Scope, Vec<Scope>)]) -> Result<Vec<Scope>, ConfigError> {
    let mut all: Vec<Scope> = Vec::new();
    let mut open = vec![scope];
    while let Some(next) = open.pop() {
        for implied in direct.iter().filter(|(one, _)| one == next).flat_map(|(_, implied)| implied) {
            if implied == scope {
                return Err(ConfigError::ScopeImpliesItself { scope: scope.to_string() });
            }
            if !all.contains(implied) {
                all.push(implied.clone());
                open.push(implied);
            }
        }
    }
    all.sort_unstable();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Declares one scope, and what it implies after the colon, in each line.
    fn hierarchy(declared: &str) -> Result<ScopeHierarchy, ConfigError> {
        let declared = declared.lines().map(|line| {
            let (scope, implied) = line.split_once(": ").unwrap();
            (scope.to_owned(), implied.split(", ").map(str::to_owned).collect())
        });
        ScopeHierarchy::new(&declared.collect::<Vec<_>>())
    }

    fn implied(hierarchy: &ScopeHierarchy, granted: &str) -> String {
        let implied = hierarchy.implied_by(granted.split(' '));
        implied.into_iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_implied_implies_too() {
        // F16
        let declared = hierarchy("admin: write\nwrite: read\naudit: read, log").unwrap();
        for (granted, expected) in [
            ("admin", "read write"),
            ("write", "read"),
            ("audit write", "log read"),
            ("admin admin admin", "read write"),
            ("read", ""),
            ("administrator", ""),
            ("Admin", ""),
            ("", ""),
        ] {
            assert_eq!(implied(&declared, granted), expected, "{granted}");
        }
    }

    #[test]
    fn a_scope_may_be_declared_in_several_steps_and_reached_by_several_ways() {
        let declared = hierarchy("a: b\na: c\nb: d\nc: d").unwrap();
        assert_eq!(implied(&declared, "a"), "b c d");
        let scope = |text: &str| text.parse::<Scope>().unwrap();
        assert!(declared.implies(&scope("a"), &scope("d")));
        assert!(!declared.implies(&scope("d"), &scope("a")));
        assert!(!declared.implies(&scope("a"), &scope("a")));
    }

    #[test]
    fn a_circle_and_what_is_not_a_scope_are_refused() {
        for (declared, expected) in [
            ("a: a", "ScopeImpliesItself"),
            ("a: b\nb: c\nc: a", "ScopeImpliesItself"),
            ("a b: c", "InvalidScope"),
            ("a: ", "InvalidScope"),
        ] {
            let error = hierarchy(declared).unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        }
        assert!(hierarchy("a: b\nb: c").is_ok());
    }
}
