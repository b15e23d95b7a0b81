//! Which key signs, and which keys are published?

pub(crate) mod algorithm;
pub(crate) mod pool_keys;
pub(crate) mod ring;
pub(crate) mod signing_key;
