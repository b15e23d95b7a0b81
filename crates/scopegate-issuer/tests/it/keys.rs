//! Which key signs, and which keys are published?

mod rotation;
mod signatures;
