//! The list of known disagreements, each with its reason.

use serde::Deserialize;

use crate::comparison::Disagreement;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explanations {
    difference: Vec<Difference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    peers: Vec<String>,
    /// Names of tokens. `*` matches any string.
    tokens: Vec<String>,
    stricter: Stricter,
    why: String,
    /// Pairs of a peer and a name that explained a disagreement.
    #[serde(skip)]
    used: Vec<(usize, usize)>,
}

/// The implementation that rejects the token.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Stricter {
    We,
    Peer,
}

impl Explanations {
    pub(crate) fn from_toml(text: &str) -> Self {
        let explanations: Self = toml::from_str(text).expect("explained.toml is read");
        for difference in &explanations.difference {
            assert!(!difference.why.trim().is_empty(), "{:?} has a reason", difference.tokens);
        }
        explanations
    }

    /// Returns whether the list explains a disagreement, and marks the entry as used.
    pub(crate) fn explain(&mut self, peer: &str, found: &Disagreement<'_>) -> bool {
        let stricter = if found.accepted_by_us { Stricter::Peer } else { Stricter::We };
        let mut explained = false;
        for difference in self.difference.iter_mut().filter(|difference| difference.stricter == stricter) {
            let Some(peer) = difference.peers.iter().position(|named| named == peer) else { continue };
            for (at, pattern) in difference.tokens.iter().enumerate() {
                if matches(pattern, found.name) {
                    explained = true;
                    if !difference.used.contains(&(peer, at)) {
                        difference.used.push((peer, at));
                    }
                }
            }
        }
        explained
    }

    /// Returns peers and names that explained no disagreement.
    pub(crate) fn unused(&self) -> Vec<String> {
        let mut unused = Vec::new();
        for difference in &self.difference {
            for (peer, peer_name) in difference.peers.iter().enumerate() {
                for (at, pattern) in difference.tokens.iter().enumerate() {
                    if !difference.used.contains(&(peer, at)) {
                        unused.push(format!("{pattern} of {peer_name}"));
                    }
                }
            }
        }
        unused
    }
}

/// Returns whether a name matches a pattern. `*` matches any string, including the empty one.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    loop {
        if matches(rest, name) {
            return true;
        }
        let mut characters = name.chars();
        if characters.next().is_none() {
            return false;
        }
        name = characters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [[difference]]
        peers = ["jose"]
        tokens = ["*/claim/nonce/*"]
        stricter = "we"
        why = "a reason"
    "#;

    fn refused_by_us(name: &str) -> Disagreement<'_> {
        Disagreement { name, accepted_by_us: false, reason: "" }
    }

    #[test]
    fn star_matches_any_string() {
        for name in ["a/claim/x/b", "/claim/x/", "a/claim/x/claim/x/"] {
            assert!(matches("*/claim/x/*", name), "{name}");
        }
        for name in ["a/claim/x", "claim/x/", "a/claims/x/b"] {
            assert!(!matches("*/claim/x/*", name), "{name}");
        }
        assert!(matches("a/b", "a/b") && !matches("a/b", "a/bc") && !matches("a/b", "xa/b"));
    }

    #[test]
    fn disagreement_is_explained_by_peer_name_and_direction() {
        let mut list = Explanations::from_toml(LIST);
        assert!(list.explain("jose", &refused_by_us("a/claim/nonce/null")));
        assert!(!list.explain("pyjwt", &refused_by_us("a/claim/nonce/null")));
        assert!(!list.explain("jose", &refused_by_us("a/claim/exp/null")));
        let accepted_by_us = Disagreement { accepted_by_us: true, ..refused_by_us("a/claim/nonce/null") };
        assert!(!list.explain("jose", &accepted_by_us));
    }

    #[test]
    fn unused_entry_is_named() {
        let mut list = Explanations::from_toml(LIST);
        assert_eq!(list.unused(), ["*/claim/nonce/* of jose"]);
        list.explain("jose", &refused_by_us("a/claim/nonce/null"));
        assert!(list.unused().is_empty());
    }
}
