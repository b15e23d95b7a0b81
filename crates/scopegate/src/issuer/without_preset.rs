//! Issuers without a preset: where do their keys come from?

#[cfg(feature = "jsonwebtoken")]
mod jwk_set;
mod pem;
