//! The rules of routes: what does a request need?
//!
//! The most specific path of a host decides alone. A method that it lacks is rejected, also if another
//! path would have it.

pub(crate) mod access;
pub(crate) mod pattern;
pub(crate) mod route;
pub(crate) mod spellings;
pub(crate) mod table;
