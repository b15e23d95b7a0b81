//! Tokens: by which names do they call algorithms, keys and times?

pub(crate) mod algorithm;
pub(crate) mod key_name;
pub(crate) mod numeric_date;
#[cfg(any(feature = "fetch", feature = "http"))]
pub(crate) mod token68;
