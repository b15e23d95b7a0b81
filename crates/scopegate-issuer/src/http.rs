//! Parts of requests and responses: forms, JSON, errors and caching.

pub(crate) mod caching;
pub(crate) mod entity_tag;
pub(crate) mod form;
pub(crate) mod json_response;
pub(crate) mod markers;
pub(crate) mod oauth_error;
