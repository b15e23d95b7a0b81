//! Which tenants' tokens does an Entra issuer with many tenants accept?

mod changes;
mod fixture;
mod tokens;
mod with_resolver;
