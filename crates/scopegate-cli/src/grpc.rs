//! `ext_authz` of Envoy over gRPC (version 3 of its API): which messages have questions and answers?
//!
//! The messages have the fields that are used, with the numbers of Envoy. Unknown fields are ignored.

pub(crate) mod messages;
pub(crate) mod question;
pub(crate) mod response;
mod headers;
mod metadata;

#[cfg(test)]
mod tests;
