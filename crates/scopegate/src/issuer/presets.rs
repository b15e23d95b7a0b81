//! Presets: which rules do the tokens of a well-known provider satisfy?
//!
//! One file for each provider. A preset only sets values for the checks of every issuer.

mod auth0;
mod cognito;
#[cfg(feature = "fetch")]
mod cognito_pools;
mod entra;
mod entra_tenants;
mod hydra;
mod keycloak;
mod okta;
mod rfc9068;
