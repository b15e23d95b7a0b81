//! Opaque tokens: the issuer that is asked, the rules for its responses, and the settings.

mod bound_tokens;
mod endpoint;
mod issuers;
mod presets;
mod responses;
mod rules;
mod settings;
mod step_up;
mod verified_jwts;
