//! What does each preset accept of what its provider really issues, and how does it name the usual mistakes? One file for
//! each provider. A golden token is what that provider writes, with invented ids; a bad one differs from it in one thing, or
//! is another kind of token from the same provider.

mod golden;

mod auth0;
mod cognito;
mod discover;
mod entra;
mod hydra;
mod keycloak;
mod okta;
mod rfc9068;
