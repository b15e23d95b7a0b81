//! Responses of the endpoints.

mod certificate;
mod dpop;
mod events;
mod introspect;
mod metadata;
mod revoke;
mod status_list;
mod token;
