//! The response bodies that can hold a rejection.

use axum_core::body::Body;
use bytes::Bytes;
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt as _, Either, Full};

/// A response body that can hold the short string of a rejection.
///
/// Implement it for your own body type. If a type of another crate is not listed here, put
/// `tower_http`'s `MapResponseBodyLayer` inside the layer. Methods of later versions will have a
/// default.
#[diagnostic::on_unimplemented(
    note = "for `tonic::body::Body` there is the feature `tonic` of `scopegate-axum`"
)]
pub trait RejectionBody {
    /// Creates a body with exactly this text, which is empty for a gRPC call.
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

/// Creates the left body. `Either` is the body of services that respond with one of two types.
impl<L: RejectionBody, R> RejectionBody for Either<L, R> {
    fn from_text(text: Bytes) -> Self {
        Self::Left(L::from_text(text))
    }
}

impl RejectionBody for String {
    /// Replaces bytes that are not UTF-8. The strings of rejections have none.
    fn from_text(text: Bytes) -> Self {
        Self::from_utf8_lossy(&text).into_owned()
    }
}
