//! Scopes: which are required, and which are granted? The grammar is in `scopegate_proto::scope`.

pub(crate) mod granted;
pub(crate) mod hierarchy;
pub(crate) mod interner;
pub(crate) mod mask;
pub(crate) mod requirement;
