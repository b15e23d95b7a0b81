//! Which issuers are trusted while the verifier runs?

mod changes;
mod eviction;
mod fixture;
mod flood;
mod limits;
mod many;
mod resolver;
mod shared_keys;
