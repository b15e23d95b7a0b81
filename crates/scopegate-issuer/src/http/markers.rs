//! Markers in the extensions of a response, for the code that sends it.

use bytes::Bytes;

/// Instructs the server to close the connection without a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseConnection;

/// The complete body of a response whose body is truncated.
#[derive(Clone, Debug)]
pub(crate) struct WholeBody(pub(crate) Bytes);
