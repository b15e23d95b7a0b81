//! Rotation and signatures.

mod rotation;
mod signatures;
