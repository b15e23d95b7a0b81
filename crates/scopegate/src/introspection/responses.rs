//! Responses: what does the endpoint decide about a token, and what if it decides nothing?

pub(super) mod failure;
pub(crate) mod judgement;
pub(crate) mod outcome;
pub(crate) mod signed;
pub(super) mod statement;
pub(super) mod tokeninfo;
pub(super) mod unsigned;
