//! Headers of responses.

mod caching;
