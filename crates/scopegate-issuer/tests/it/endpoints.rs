//! Responses of the endpoints.

mod metadata;
mod status_list;
mod token;
