//! A token with its name and its verdict, and the list of all tokens.

use std::fmt::Display;

use super::draft::{Draft, Members, assemble};
use super::shape::Shape;

/// The verdict in our documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Refused,
}

impl Verdict {
    pub(crate) fn accepted_if(accepted: bool) -> Self {
        if accepted { Self::Accepted } else { Self::Refused }
    }
}

/// A token and its expected verdict.
pub(crate) struct Case {
    /// The shape and the change, from general to specific: `cognito-rs256/claim/exp/null`.
    pub(crate) name: String,
    /// The name of its shape.
    pub(crate) shape: &'static str,
    pub(crate) token: String,
    pub(crate) verdict: Verdict,
}

/// The tokens of one shape.
pub(crate) struct Cases<'a> {
    pub(crate) shape: &'a Shape,
    /// Another trusted issuer with its own keys.
    pub(crate) neighbour: &'a Shape,
    written: Vec<Case>,
}

impl<'a> Cases<'a> {
    pub(crate) fn new(shape: &'a Shape, neighbour: &'a Shape) -> Self {
        Self { shape, neighbour, written: Vec::new() }
    }

    pub(crate) fn finish(self) -> Vec<Case> {
        self.written
    }

    pub(crate) fn push(&mut self, name: impl Display, verdict: Verdict, token: impl Into<String>) {
        let name = format!("{}/{name}", self.shape.name);
        self.written.push(Case { name, shape: self.shape.name, token: token.into(), verdict });
    }

    pub(crate) fn accepted(&mut self, name: impl Display, token: impl Into<String>) {
        self.push(name, Verdict::Accepted, token);
    }

    pub(crate) fn refused(&mut self, name: impl Display, token: impl Into<String>) {
        self.push(name, Verdict::Refused, token);
    }

    /// Adds a valid token whose header was changed before it was signed.
    pub(crate) fn header(&mut self, name: impl Display, verdict: Verdict, change: impl FnOnce(&mut Members)) {
        let mut draft = self.shape.draft();
        change(&mut draft.header);
        self.push(format_args!("header/{name}"), verdict, self.sign(&draft));
    }

    /// Adds a valid token whose claims were changed before it was signed.
    pub(crate) fn claims(&mut self, name: impl Display, verdict: Verdict, change: impl FnOnce(&mut Members)) {
        let mut draft = self.shape.draft();
        change(&mut draft.claims);
        self.push(format_args!("claim/{name}"), verdict, self.sign(&draft));
    }

    /// Signs a draft with the shape's own key.
    pub(crate) fn sign(&self, draft: &Draft) -> String {
        assemble(draft.header.text().as_bytes(), draft.claims.text().as_bytes(), &self.shape.key)
    }
}
