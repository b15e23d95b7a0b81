//! Opaque tokens: the issuer that is asked, the rules for its responses, and the settings.

mod bound_tokens;
mod endpoint;
mod issuers;
mod responses;
mod rules;
mod settings;
mod verified_jwts;
