//! Responses of the endpoints.

mod metadata;
mod token;
