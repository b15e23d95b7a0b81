//! Does each preset accept the tokens of its provider, and does it report common mistakes? There is
//! a file for each provider. A golden token is a token of that provider, with invented ids. An
//! invalid token differs from it in one value, or is another kind of token of the same provider.

mod golden;

mod auth0;
mod cognito;
mod discover;
mod entra;
mod hydra;
mod keycloak;
mod minted;
mod okta;
mod rfc9068;
