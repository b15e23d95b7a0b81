//! What are requests and responses made of?

pub(crate) mod json_response;
pub(crate) mod markers;
