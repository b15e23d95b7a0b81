//! The scopes that a token grants, as text until somebody asks for a list. Which claims grant them is
//! `checks/scopes.rs`.

use std::sync::OnceLock;

use scopegate_proto::scope::{Scope, Scopes};
use scopegate_proto::scope::{is_scope, is_scope_character};

use crate::scope::hierarchy::Implied;
use crate::scope::interner::{ScopeInterner, ScopeMask};
use crate::scope::requirement::Requirement;
use crate::token::arena::{Span, Texts};

/// What a token grants.
pub(crate) struct GrantedScopes {
    /// Scopes that follow the grammar, with spaces between them.
    text: Span,
    /// What the verifier's hierarchy adds to them.
    implied: Option<Implied>,
    numbered: ScopeMask,
    /// Made when it is first needed: by the application, or by a refusal, which names them in the log. For 200 scopes it
    /// costs half as much as a signature check, and whoever lets a request through gets by with the numbers.
    list: OnceLock<Scopes>,
}

/// The scopes of a token while its claims are read.
pub(crate) struct GrantedScopesBuilder<'t> {
    texts: &'t mut Texts,
    text: Span,
}

impl<'t> GrantedScopesBuilder<'t> {
    /// Scopes that are to be texts of the token.
    pub(crate) fn to(texts: &'t mut Texts) -> Self {
        Self { text: texts.add(""), texts }
    }

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
        self.text = self.texts.add_to(self.text, text);
    }

    /// What is granted, with all that it implies.
    pub(crate) fn intern(self, table: &ScopeInterner) -> GrantedScopes {
        let written = || new_shard(self.texts.get(self.text));
        let implied = table.hierarchy.implied_by(written());
        let numbered =
            table.numbered(written().chain(implied.iter().flat_map(Implied::iter).map(Scope::as_str)));
        GrantedScopes { text: self.text, implied, numbered, list: OnceLock::new() }
    }
}

impl GrantedScopes {
    pub(crate) fn list(&self, texts: &Texts) -> &Scopes {
        self.list.get_or_init(|| {
            new_shard(texts.get(self.text))
                .filter_map(|scope| scope.parse::<Scope>().ok())
                .chain(self.implied().cloned())
                .collect()
        })
    }

    pub(crate) fn satisfies(&self, required: &Requirement, texts: &Texts) -> bool {
        required.by_number(&self.numbered).unwrap_or_else(|| required.is_satisfied_by(self.list(texts)))
    }

    /// The bytes that the list asks for once it is made, at most.
    pub(crate) fn size_of_list(&self, texts: &Texts) -> usize {
        let text = texts.get(self.text).as_bytes();
        let scopes = 1 + memchr::memchr_iter(b' ', text).count();
        let implied: usize = self.implied().map(|scope| scope.as_str().len() + size_of::<Scope>()).sum();
        text.len() + scopes * size_of::<Scope>() + implied
    }

    fn implied(&self) -> impl Iterator<Item = &Scope> {
        self.implied.iter().flat_map(Implied::iter)
    }
}

/// Several spaces in a row are not in the grammar, and do not change the meaning.
fn new_shard(scopes: &str) -> impl Iterator<Item = &str> {
    scopes.split_ascii_whitespace()
}
