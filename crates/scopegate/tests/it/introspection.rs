//! Opaque tokens: the issuer that is asked, the rules for its responses, and the settings.

mod bound_tokens;
mod client_certificate;
mod endpoint;
mod issuers;
mod operators;
mod presets;
mod resolver;
mod responses;
mod rules;
mod settings;
mod signed_responses;
mod step_up;
mod verified_jwts;
