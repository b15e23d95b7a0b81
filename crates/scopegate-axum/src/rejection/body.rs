//! The one thing that is asked of a response body: that a rejection can be put into it.

use axum_core::body::Body;
use bytes::Bytes;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt as _, Full};

/// A response body that can hold a rejection's short text. Implement it for a body type of your own; for one of another
/// crate that is not listed here, put `tower_http`'s `MapResponseBodyLayer` inside of the layer.
#[diagnostic::on_unimplemented(
    note = "for `tonic::body::Body` there is the feature `tonic` of `scopegate-axum`"
)]
pub trait RejectionBody {
    /// A body with exactly this text, which is empty for a gRPC call.
    fn from_text(text: Bytes) -> Self;
}

impl RejectionBody for Body {
    fn from_text(text: Bytes) -> Self {
        Self::from(text)
    }
}

impl RejectionBody for Full<Bytes> {
    fn from_text(text: Bytes) -> Self {
        Self::new(text)
    }
}

impl<E> RejectionBody for BoxBody<Bytes, E> {
    fn from_text(text: Bytes) -> Self {
        Self::new(Full::new(text).map_err(|never| match never {}))
    }
}

impl<E> RejectionBody for UnsyncBoxBody<Bytes, E> {
    fn from_text(text: Bytes) -> Self {
        Self::new(Full::new(text).map_err(|never| match never {}))
    }
}

impl RejectionBody for String {
    /// What is not UTF-8 is replaced; the text of a rejection is.
    fn from_text(text: Bytes) -> Self {
        Self::from_utf8_lossy(&text).into_owned()
    }
}
