//! The `CheckResponse` of an answer.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use tonic::Code;

use crate::decide::answer::Answer;
use crate::grpc::headers;
use crate::grpc::messages::{
    CheckResponse, DeniedHttpResponse, HttpResponse, HttpStatus, OkHttpResponse, Status,
};
use crate::grpc::metadata;

/// Returns the message of an answer. `request` has the headers of the request.
pub(crate) fn of(answer: Answer, request: &HeaderMap) -> CheckResponse {
    let dynamic_metadata = Some(metadata::of(&answer));
    let (code, http_response) = match answer {
        Answer::Accepted { forwarded, removed, request: accepted, .. } => {
            let mut for_caller = HeaderMap::new();
            if let Some(accepted) = accepted {
                accepted.add_headers(&mut for_caller);
            }
            let accepted = OkHttpResponse {
                headers: headers::replacing(&forwarded),
                headers_to_remove: headers::to_remove(&forwarded, removed, request),
                response_headers_to_add: headers::replacing(&for_caller),
            };
            (Code::Ok, HttpResponse::Ok(accepted))
        }
        Answer::Rejected { response, .. } | Answer::Unjudged { response, .. } => {
            let code = code_of(response.status());
            // A server error is not a verdict.
            let is_undecidable = response.status().is_server_error();
            let denied = denied(response);
            (code, if is_undecidable { HttpResponse::Error(denied) } else { HttpResponse::Denied(denied) })
        }
    };
    let status = Some(Status { code: code.into() });
    CheckResponse { status, http_response: Some(http_response), dynamic_metadata }
}

fn denied(response: Response<Bytes>) -> DeniedHttpResponse {
    let (parts, body) = response.into_parts();
    DeniedHttpResponse {
        status: Some(HttpStatus { code: parts.status.as_u16().into() }),
        headers: headers::added(&parts.headers),
        // Our own bodies are UTF-8.
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// Returns the code of a rejection. It is never `Ok`, which accepts.
fn code_of(status: StatusCode) -> Code {
    match status {
        StatusCode::BAD_REQUEST => Code::InvalidArgument,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        status if status.is_server_error() => Code::Internal,
        _ => Code::PermissionDenied,
    }
}
