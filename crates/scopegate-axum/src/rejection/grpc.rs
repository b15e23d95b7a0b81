//! Rejections as gRPC responses.
//!
//! "gRPC over HTTP2" (`doc/PROTOCOL-HTTP2.md`, section "Responses") calls a response with an error
//! and nothing else *Trailers-Only*. It has HTTP status 200, and one block of headers with the gRPC
//! status, its message and any metadata. `doc/statuscodes.md` defines the codes.
//!
//! A 200 for a rejected request would mislead other callers. For example, a proxy may forward the
//! caller's headers to check whether a request is authorized, and it would take 200 as accepted. So
//! a request must have every mark of a call: HTTP/2, the method, the content type, and `TE`. Only
//! proxies for gRPC pass `TE` on (RFC 9110 §7.6.1). A gRPC client without one of these marks loses
//! nothing, because it maps 401, 403 and 503 to the same codes (`doc/http-grpc-status-mapping.md`).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, TE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use scopegate::http::ResponseTemplate;

#[cfg(feature = "tonic")]
use crate::rejection::Rejection;

/// The protocol in which the caller of a request expects the response.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

impl Protocol {
    /// Returns the protocol of a request. It is called for rejected requests only.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        if is_call(request) { Self::Grpc } else { Self::Http }
    }
}

/// The status codes of rejections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    PermissionDenied = 7,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

impl From<StatusCode> for Code {
    fn from(status: StatusCode) -> Self {
        match status {
            StatusCode::FORBIDDEN => Self::PermissionDenied,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            StatusCode::INTERNAL_SERVER_ERROR => Self::Internal,
            _ => Self::Unauthenticated,
        }
    }
}

const MEDIA_TYPE: &[u8] = b"application/grpc";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Returns whether a request is a gRPC call (section "Requests").
fn is_call<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.version() == Version::HTTP_2
        && request.method() == Method::POST
        && headers.get(CONTENT_TYPE).is_some_and(|value| is_grpc(value.as_bytes()))
        && headers.get(TE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"))
}

/// Returns whether the media type is `application/grpc`, with or without the format of messages
/// (`+proto`) and parameters. `application/grpc-web` is not, because its clients read the HTTP
/// status.
fn is_grpc(content_type: &[u8]) -> bool {
    // RFC 9110 §8.3.1: media types are compared without case.
    content_type.split_at_checked(MEDIA_TYPE.len()).is_some_and(|(media_type, rest)| {
        media_type.eq_ignore_ascii_case(MEDIA_TYPE) && matches!(rest, [] | [b'+' | b';', ..])
    })
}

/// Returns the response to a rejected call. It has only headers.
pub(super) fn response(template: &ResponseTemplate) -> Response<Bytes> {
    let mut response = trailers_only(template.status().into(), template.detail());
    template.set_headers(response.headers_mut());
    response
}

fn trailers_only(code: Code, message: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, HeaderValue::from(code as u16));
    headers.insert(MESSAGE, percent_encoded(message));
    // A cache must not serve one caller's rejection to another (RFC 9111 §5.2.2.5).
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns the rejection that a status has as its source. tonic stores a handler's status in the
/// extensions of the response.
#[cfg(feature = "tonic")]
pub(super) fn rejection_of(status: &tonic::Status) -> Option<&Rejection> {
    std::error::Error::source(status)?.downcast_ref()
}

/// Encodes a `grpc-message`. Printable ASCII except `%` stays, and every other byte becomes `%` and
/// two hexadecimal digits.
fn percent_encoded(message: &str) -> HeaderValue {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b'%' | ..b' ' | 0x7f.. => {
                let digit =
                    |value: u8| char::from_digit(value.into(), 16).unwrap_or('0').to_ascii_uppercase();
                text.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
            }
            _ => text.push(char::from(byte)),
        }
    }
    // Printable ASCII only, which every header value may hold.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("rejected"))
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    fn call() -> Request<()> {
        let request = Request::post("/shop.Orders/List").version(Version::HTTP_2);
        request.header(CONTENT_TYPE, "application/grpc").header(TE, "trailers").body(()).unwrap()
    }

    #[test]
    fn request_with_all_marks_is_grpc_call() {
        assert!(is_call(&call()));
        for content_type in ["application/grpc+proto", "application/grpc;v=1", "Application/gRPC"] {
            let mut request = call();
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            assert!(is_call(&request), "{content_type}");
        }
        let mut request = call();
        request.headers_mut().insert(TE, HeaderValue::from_static("Trailers"));
        assert!(is_call(&request));
    }

    #[test]
    fn request_lacking_one_mark_is_no_call() {
        for content_type in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "application/grpcx",
            "application/grp",
            "application/json",
            " application/grpc",
            "",
        ] {
            let mut request = call();
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            assert!(!is_call(&request), "{content_type}");
        }
        for te in ["", "gzip", "trailers, deflate"] {
            let mut request = call();
            request.headers_mut().insert(TE, HeaderValue::from_static(te));
            assert!(!is_call(&request), "{te}");
        }
        for name in [CONTENT_TYPE, TE] {
            let mut request = call();
            request.headers_mut().remove(name);
            assert!(!is_call(&request));
        }
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_3] {
            let mut request = call();
            *request.version_mut() = version;
            assert!(!is_call(&request));
        }
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS] {
            let mut request = call();
            *request.method_mut() = method;
            assert!(!is_call(&request));
        }
    }

    #[test]
    fn grpc_rejection_is_trailers_only_with_status_200() {
        for (code, number) in [
            (Code::PermissionDenied, "7"),
            (Code::Internal, "13"),
            (Code::Unavailable, "14"),
            (Code::Unauthenticated, "16"),
        ] {
            let response = trailers_only(code, "100 % no").map(axum_core::body::Body::from);
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], "application/grpc");
            assert_eq!(response.headers()["grpc-status"], number);
            assert_eq!(response.headers()["grpc-message"], "100 %25 no");
            assert!(response.body().is_end_stream(), "the response has no body");
        }
    }

    #[test]
    fn grpc_message_is_percent_encoded() {
        assert_eq!(percent_encoded("a token's `~` text!"), "a token's `~` text!");
        assert_eq!(percent_encoded("%\r\n\u{7f}\u{e9}"), "%25%0D%0A%7F%C3%A9");
        assert_eq!(percent_encoded(""), "");
    }
}
