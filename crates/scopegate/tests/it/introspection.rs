//! Opaque tokens: the issuer that is asked, the rules for its responses, and the settings.

#[cfg(feature = "http")]
mod bound_tokens;
mod client_certificate;
mod endpoint;
mod issuers;
mod operators;
mod presets;
mod resolver;
#[cfg(feature = "http")]
mod responses;
mod rules;
mod settings;
mod signed_responses;
#[cfg(feature = "http")]
mod step_up;
mod verified_jwts;
