//! Which issuers are trusted while the verifier runs?

mod changes;
mod cognito_pools;
mod entra_tenants;
mod eviction;
mod fixture;
mod flood;
mod limits;
mod many;
mod resolver;
mod shared_keys;
mod tenants;
