//! Which requests reach a server, and for how long?

mod cross_origin;
mod host;
mod lifetime;
