//! The one thing that is asked of a response body: that a refusal can be put into it.

use axum_core::body::Body;
use bytes::Bytes;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt as _, Full};

/// A response body that can hold a refusal's short text. Implement it for a body type of your own; for one of another
/// crate that is not listed here, put `tower_http`'s `MapResponseBodyLayer` inside of the layer.
#[diagnostic::on_unimplemented(
    note = "for `tonic::body::Body` there is the feature `tonic` of `scopegate-axum`"
)]
pub trait RefusalBody {
    /// A body with exactly this text, which is empty for a gRPC call.
    fn from_text(text: Bytes) -> Self;
}

impl RefusalBody for Body {
    fn from_text(text: Bytes) -> Self {
        Self::from(text)
    }
}

impl RefusalBody for Full<Bytes> {
    fn from_text(text: Bytes) -> Self {
        Self::new(text)
    }
}

impl<E> RefusalBody for BoxBody<Bytes, E> {
    fn from_text(text: Bytes) -> Self {
        Self::new(Full::new(text).map_err(|never| match never {}))
    }
}

impl<E> RefusalBody for UnsyncBoxBody<Bytes, E> {
    fn from_text(text: Bytes) -> Self {
        Self::new(Full::new(text).map_err(|never| match never {}))
    }
}

impl RefusalBody for String {
    /// What is not UTF-8 is replaced; the text of a refusal is.
    fn from_text(text: Bytes) -> Self {
        Self::from_utf8_lossy(&text).into_owned()
    }
}
