//! Background tasks: when do they end, and what if the application's code panics in one?

pub(crate) mod abort_on_drop;
pub(crate) mod catch_panic;
