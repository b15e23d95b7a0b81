//! The granted scopes of a token: a string, until the list is needed.

use std::sync::OnceLock;

use scopegate_proto::scope::{Scope, Scopes, is_scope, is_scope_character};

use crate::scope::hierarchy::Implied;
use crate::scope::interner::{ScopeInterner, ScopeMask};
use crate::scope::requirement::Requirement;

/// The scopes that a token grants.
pub(crate) struct GrantedScopes {
    /// Scopes that follow the grammar, separated by spaces.
    text: Box<str>,
    /// The scopes that the verifier's hierarchy adds.
    implied: Option<Implied>,
    numbered: ScopeMask,
    /// The list is created when the application needs it, or when a rejection logs it. For 200
    /// scopes it costs half as much as a signature check. An accepted request needs only the
    /// numbers.
    list: OnceLock<Scopes>,
}

/// The scopes of a token while its claims are read.
#[derive(Default)]
pub(crate) struct GrantedScopesBuilder {
    text: String,
}

impl GrantedScopesBuilder {
    /// Adds scopes that are separated by spaces. Returns `None` if a scope does not follow the
    /// grammar.
    pub(crate) fn add_text(&mut self, scopes: &str) -> Option<()> {
        // The grammar is about characters, so the string is checked as a whole. The loop has no early exit, so that the
        // compiler can vectorize it.
        let valid =
            scopes.bytes().fold(true, |valid, byte| valid & (byte == b' ' || is_scope_character(byte)));
        valid.then(|| self.push(scopes))
    }

    /// Adds one scope. Returns `None` if it does not follow the grammar.
    pub(crate) fn add(&mut self, scope: &str) -> Option<()> {
        is_scope(scope).then(|| self.push(scope))
    }

    fn push(&mut self, text: &str) {
        if self.text.is_empty() {
            // Most tokens have one claim with scopes, so the string is allocated once with its exact length.
            self.text = String::from(text);
        } else {
            self.text.push(' ');
            self.text.push_str(text);
        }
    }

    /// Removes the scopes that are not in this sorted list.
    pub(crate) fn limit_to(&mut self, limit: &[String]) {
        let mut allowed = Self::default();
        for scope in split(&self.text) {
            if limit.binary_search_by(|allowed| allowed.as_str().cmp(scope)).is_ok() {
                allowed.push(scope);
            }
        }
        *self = allowed;
    }

    /// Returns the granted scopes, including implied scopes.
    pub(crate) fn intern(self, table: &ScopeInterner) -> GrantedScopes {
        let text = self.text.into_boxed_str();
        let implied = table.hierarchy.implied_by(split(&text));
        let numbered =
            table.numbered(split(&text).chain(implied.iter().flat_map(Implied::iter).map(Scope::as_str)));
        GrantedScopes { text, implied, numbered, list: OnceLock::new() }
    }
}

impl GrantedScopes {
    pub(crate) fn list(&self) -> &Scopes {
        self.list.get_or_init(|| {
            split(&self.text)
                .filter_map(|scope| scope.parse::<Scope>().ok())
                .chain(self.implied().cloned())
                .collect()
        })
    }

    pub(crate) fn satisfies(&self, required: &Requirement) -> bool {
        required.by_number(&self.numbered).unwrap_or_else(|| required.is_satisfied_by(self.list()))
    }

    /// Returns an upper bound of the bytes of the scopes, including their list.
    pub(crate) fn weight(&self) -> usize {
        let text = self.text.as_bytes();
        let scopes = 1 + memchr::memchr_iter(b' ', text).count();
        let implied: usize = self.implied().map(|scope| scope.as_str().len() + size_of::<Scope>()).sum();
        2 * text.len() + scopes * size_of::<Scope>() + implied
    }

    fn implied(&self) -> impl Iterator<Item = &Scope> {
        self.implied.iter().flat_map(Implied::iter)
    }
}

/// Splits a list of scopes. Repeated spaces violate the grammar but do not change the meaning.
fn split(scopes: &str) -> impl Iterator<Item = &str> {
    scopes.split_ascii_whitespace()
}
