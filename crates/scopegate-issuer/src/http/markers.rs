//! Marks in the extensions of a response: instructions for the code that sends it.

use bytes::Bytes;

/// Instructs the server to close the connection without a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseConnection;

/// The complete body of a response whose own body breaks off.
#[derive(Clone, Debug)]
pub(crate) struct WholeBody(pub(crate) Bytes);
