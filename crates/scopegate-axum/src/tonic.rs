//! What tonic needs of this crate, with the feature `tonic`: its body type may be refused, and its handlers ask for claims.
//! How a rejection is written is `rejection/grpc.rs`, which needs no tonic.

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::Full;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use crate::claims::{ClaimsRejection, NO_LAYER, Reason};
use crate::rejection::body::RejectionBody;

impl RejectionBody for Body {
    fn from_text(text: Bytes) -> Self {
        Self::new(Full::new(text))
    }
}

/// The status that the layer would have answered with; `INTERNAL` where there is no layer, which the log explains.
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
        match &rejection.0 {
            Reason::Rejected { authorizer, rejection } => {
                let answer = rejection.template(&authorizer.templates);
                let headers = HeaderMap::from_iter([answer.header]);
                // The numbers are gRPC's.
                let code = tonic::Code::from(answer.code as i32);
                Self::with_metadata(code, answer.detail, MetadataMap::from_headers(headers))
            }
            Reason::NoLayer { .. } => {
                tracing::error!("{rejection}");
                Self::internal(NO_LAYER)
            }
        }
    }
}
