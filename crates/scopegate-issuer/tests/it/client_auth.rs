//! Client authentication at the token endpoint.

mod assertion;
mod secret;
