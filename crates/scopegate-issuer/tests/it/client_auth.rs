//! How does a client authenticate?

mod assertion;
mod secret;
