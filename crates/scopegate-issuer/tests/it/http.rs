//! What are requests and responses made of?

mod caching;
