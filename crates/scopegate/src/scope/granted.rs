//! The scopes that a token grants: a string, until an application needs the list. Which claims grant them is
//! `checks/scopes.rs`.

use std::sync::OnceLock;

use scopegate_proto::scope::{Scope, Scopes, is_scope, is_scope_character};

use crate::scope::hierarchy::Implied;
use crate::scope::interner::{ScopeInterner, ScopeMask};
use crate::scope::requirement::Requirement;

/// What a token grants.
pub(crate) struct GrantedScopes {
    /// Scopes that follow the grammar, with spaces between them.
    text: Box<str>,
    /// What the verifier's hierarchy adds to them.
    implied: Option<Implied>,
    numbered: ScopeMask,
    /// Made when it is first needed: by the application, or by a refusal, which names them in the log. For 200 scopes it
    /// costs half as much as a signature check, and whoever lets a request through gets by with the numbers.
    list: OnceLock<Scopes>,
}

/// The scopes of a token while its claims are read.
#[derive(Default)]
pub(crate) struct GrantedScopesBuilder {
    text: String,
}

impl GrantedScopesBuilder {
    /// Adds scopes with spaces between them. `None` when one does not follow the grammar.
    pub(crate) fn add_text(&mut self, scopes: &str) -> Option<()> {
        // The grammar is one about characters, so the scopes need not be told apart here. There is no early end, so that
        // many characters can be looked at together.
        let valid =
            scopes.bytes().fold(true, |valid, byte| valid & (byte == b' ' || is_scope_character(byte)));
        valid.then(|| self.push(scopes))
    }

    /// Adds one scope. `None` when it does not follow the grammar.
    pub(crate) fn add(&mut self, scope: &str) -> Option<()> {
        is_scope(scope).then(|| self.push(scope))
    }

    fn push(&mut self, text: &str) {
        if self.text.is_empty() {
            // The only claim of most tokens, so it is copied once and in its length.
            self.text = String::from(text);
        } else {
            self.text.push(' ');
            self.text.push_str(text);
        }
    }

    /// Returns what is granted, with all that it implies.
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

    /// The bytes that the scopes take, and their list once it is made, at most.
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

/// Splits a list of scopes. Several spaces in a row are not in the grammar, and do not change the meaning.
fn split(scopes: &str) -> impl Iterator<Item = &str> {
    scopes.split_ascii_whitespace()
}
