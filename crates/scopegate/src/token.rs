//! The vocabulary of tokens: how are algorithms, keys and times named in them?

pub(crate) mod algorithm;
pub(crate) mod key_name;
pub(crate) mod numeric_date;
#[cfg(any(feature = "fetch", feature = "http"))]
pub(crate) mod token68;
