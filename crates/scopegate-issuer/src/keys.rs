//! Which key signs, and which keys are published?

pub(crate) mod algorithm;
pub(crate) mod certificate;
pub(crate) mod pool_keys;
pub(crate) mod public_key;
pub(crate) mod ring;
pub(crate) mod signing_key;
