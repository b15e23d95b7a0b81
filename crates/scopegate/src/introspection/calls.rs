//! Calls: does a token cause one, and what becomes of it?

pub(super) mod accepted;
pub(super) mod budget;
pub(super) mod call;
pub(super) mod circuit;
pub(super) mod circuits;
pub(super) mod class;
pub(crate) mod origin;
mod rejected;
pub(super) mod schedule;
mod tally;
