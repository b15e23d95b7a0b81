//! Which issuers are trusted while the verifier runs?

mod changes;
mod cognito_pools;
mod entra_tenants;
mod eviction;
mod fixture;
mod flood;
mod limits;
mod many;
mod overload;
mod renewal;
mod resolver;
mod resolver_failures;
mod resolver_lifetime;
mod several_resolvers;
mod shared_keys;
mod tenants;
