//! Responses of the endpoints.

mod events;
mod metadata;
mod revoke;
mod status_list;
mod token;
