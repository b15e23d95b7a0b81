//! What does each endpoint return?

mod metadata;
mod token;
