//! What are requests and responses made of?

pub(crate) mod caching;
pub(crate) mod entity_tag;
pub(crate) mod form;
pub(crate) mod json_response;
pub(crate) mod markers;
pub(crate) mod oauth_error;
