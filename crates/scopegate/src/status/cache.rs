//! The size of a token cache, for operators.

/// The number of cached tokens, and the bytes that they count for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheUsage {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}
