//! Introspection: does the authorization server say that an opaque token is active?
//!
//! Specification: RFC 7662. Results are cached for some seconds. Calls are bounded in time and
//! number, so that neither invented tokens nor an outage of the endpoint exhaust this service.

mod budget;
mod call;
mod circuit;
mod endpoint;
mod failure;
mod freshness;
pub(crate) mod introspector;
pub(crate) mod judgement;
pub(crate) mod outcome;
mod rejected;
mod response;
mod schedule;

#[cfg(test)]
mod tests;
