//! Support for tonic services: their body type, and rejections as a status (feature `tonic`).

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::Full;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use crate::claims::rejection::ClaimsRejection;
use crate::rejection::Rejection;
use crate::rejection::body::RejectionBody;
use crate::rejection::grpc::Code;

impl RejectionBody for Body {
    fn from_text(text: Bytes) -> Self {
        Self::new(Full::new(text))
    }
}

/// Converts into the status of the layer's own rejections, or into `INTERNAL` if the route has no
/// layer.
///
/// ```
/// use scopegate_axum::Claims;
/// use tonic::{Request, Response, Status};
///
/// async fn whoami(request: Request<()>) -> Result<Response<String>, Status> {
///     let claims = Claims::from_extensions(request.extensions())?;
///     Ok(Response::new(claims.client_id().unwrap_or("?").to_owned()))
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(whoami(Request::new(())).await.unwrap_err().code(), tonic::Code::Internal);
/// # });
/// ```
impl From<ClaimsRejection> for Status {
    fn from(rejection: ClaimsRejection) -> Self {
        match rejection.into_rejection() {
            Ok(rejection) => rejection.into(),
            Err(no_layer) => Self::internal(no_layer.body_text()),
        }
    }
}

/// Converts into the status of the layer's own rejections. The layer completes the challenge and
/// logs the rejection.
///
/// ```
/// use scopegate_axum::Claims;
/// use tonic::{Request, Response, Status};
///
/// async fn approve(request: Request<()>) -> Result<Response<()>, Status> {
///     Claims::from_extensions(request.extensions())?.require("orders/approve")?;
///     Ok(Response::new(()))
/// }
/// # let _ = approve;
/// ```
impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let template = rejection.template();
        let mut headers = HeaderMap::new();
        template.set_headers(&mut headers);
        // `Code` has the numbers of gRPC.
        let code = tonic::Code::from(Code::from(template.status()) as i32);
        let mut status = Self::with_metadata(code, template.detail(), MetadataMap::from_headers(headers));
        status.set_source(Arc::new(rejection));
        status
    }
}
