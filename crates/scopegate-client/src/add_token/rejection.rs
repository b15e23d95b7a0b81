//! The rejection of a token in a response of HTTP or gRPC.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use scopegate_proto::scope::Scopes;

use crate::add_token::challenge::{TokenError, may_be_about_token, requires_nonce, token_error};
use crate::dpop::nonces::Nonce;
use crate::token::Scheme;

/// A rejection that another token or proof may resolve.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    /// The token is invalid.
    Token,
    /// The token lacks scopes. These are required, as far as the API names them.
    Scopes(Scopes),
    /// The token is invalid, or another service has rejected the API's own token. The API may have
    /// acted on the request.
    TokenMaybeLate,
    /// The proof lacks the nonce of this response.
    Nonce(Nonce),
}

/// Returns the rejection in a response.
///
/// - 401: The status decides (RFC 9110 §15.5.2), because an error is optional (RFC 6750 §3).
/// - 401 with `use_dpop_nonce`: Only the proof of a bound token can have a nonce (RFC 9449 §9).
/// - 403: It must have `insufficient_scope`. Otherwise a rule of the API forbids the request, and
///   no token would change that.
/// - gRPC: It must have `invalid_token`, because a method may pass on the status of another call.
pub(super) fn rejection(status: StatusCode, headers: &HeaderMap, scheme: Scheme) -> Option<Rejection> {
    match verdict(status, headers)? {
        Verdict::Unauthenticated if scheme == Scheme::Dpop && requires_nonce(headers) => {
            Nonce::from_headers(headers).map(Rejection::Nonce)
        }
        Verdict::Unauthenticated => may_be_about_token(headers, scheme).then_some(Rejection::Token),
        Verdict::Denied => match token_error(headers, scheme)? {
            TokenError::InsufficientScope(named) => Some(Rejection::Scopes(named)),
            TokenError::InvalidToken => None,
        },
        Verdict::UnauthenticatedInGrpc => match token_error(headers, scheme)? {
            TokenError::InvalidToken => Some(Rejection::TokenMaybeLate),
            TokenError::InsufficientScope(_) => None,
        },
    }
}

enum Verdict {
    Unauthenticated,
    Denied,
    UnauthenticatedInGrpc,
}

fn verdict(status: StatusCode, headers: &HeaderMap) -> Option<Verdict> {
    match status {
        StatusCode::UNAUTHORIZED => Some(Verdict::Unauthenticated),
        StatusCode::FORBIDDEN => Some(Verdict::Denied),
        StatusCode::OK if is_unauthenticated_in_grpc(headers) => Some(Verdict::UnauthenticatedInGrpc),
        _ => None,
    }
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Returns whether a *Trailers-Only* response (gRPC's `doc/PROTOCOL-HTTP2.md`, section "Responses")
/// has the status `UNAUTHENTICATED` (`doc/statuscodes.md`). In other responses, the status is not
/// among the headers.
///
/// The method may have acted already, because a method that passes on the status of another call
/// sends the same headers. So `PERMISSION_DENIED` is ignored, because only a retry could resolve
/// it.
fn is_unauthenticated_in_grpc(headers: &HeaderMap) -> bool {
    let mut statuses = headers.get_all(GRPC_STATUS).iter();
    let status = (statuses.next().map(HeaderValue::as_bytes), statuses.next());
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    status == (Some(b"16"), None) && content_type.is_some_and(is_grpc)
}

/// Returns whether the media type is `application/grpc`, with or without a message format
/// (`+proto`) and parameters. `application/grpc-web` is not.
fn is_grpc(content_type: &[u8]) -> bool {
    const MEDIA_TYPE: &[u8] = b"application/grpc";
    // Media types are case-insensitive (RFC 9110 §8.3.1).
    content_type.split_at_checked(MEDIA_TYPE.len()).is_some_and(|(media_type, rest)| {
        media_type.eq_ignore_ascii_case(MEDIA_TYPE) && matches!(rest, [] | [b'+' | b';', ..])
    })
}

#[cfg(test)]
mod tests {
    use http::header::WWW_AUTHENTICATE;

    use super::*;

    const INVALID: &str = r#"Bearer error="invalid_token""#;
    const INSUFFICIENT: &str = r#"Bearer error="insufficient_scope", scope="a""#;

    fn response(status: u16, headers: &[(HeaderName, &'static str)]) -> Option<Rejection> {
        response_to(Scheme::Bearer, status, headers)
    }

    fn response_to(scheme: Scheme, status: u16, headers: &[(HeaderName, &'static str)]) -> Option<Rejection> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| {
            map.append(name, value);
        });
        rejection(StatusCode::from_u16(status).unwrap(), &map, scheme)
    }

    fn grpc(content_type: &'static str, status: &'static str, challenge: &'static str) -> Option<Rejection> {
        let headers = [(CONTENT_TYPE, content_type), (GRPC_STATUS, status), (WWW_AUTHENTICATE, challenge)];
        response(200, &headers)
    }

    fn scopes() -> Option<Rejection> {
        "a".parse().ok().map(Rejection::Scopes)
    }

    #[test]
    fn rejection_needs_matching_status_and_challenge() {
        // E18
        assert_eq!(response(401, &[(WWW_AUTHENTICATE, INVALID)]), Some(Rejection::Token));
        assert_eq!(response(403, &[(WWW_AUTHENTICATE, INSUFFICIENT)]), scopes());
        for (status, challenge) in
            [(403, INVALID), (200, INVALID), (200, INSUFFICIENT), (400, INVALID), (503, INVALID)]
        {
            assert_eq!(response(status, &[(WWW_AUTHENTICATE, challenge)]), None, "{status} {challenge}");
        }
    }

    #[test]
    fn status_401_without_error_is_about_the_token() {
        // FR-D1
        assert_eq!(response(401, &[]), Some(Rejection::Token));
        for challenge in ["Bearer", r#"Bearer realm="x""#, INSUFFICIENT, r#"Bearer error="other""#] {
            assert_eq!(
                response(401, &[(WWW_AUTHENTICATE, challenge)]),
                Some(Rejection::Token),
                "{challenge}"
            );
        }
        for challenge in
            [r#"Basic realm="x""#, r#"DPoP error="use_dpop_nonce""#, r#"Bearer error="use_dpop_nonce""#]
        {
            assert_eq!(response(401, &[(WWW_AUTHENTICATE, challenge)]), None, "{challenge}");
        }
    }

    #[test]
    fn nonce_is_required_by_status_challenge_and_header() {
        // DP52: RFC 9449 §9
        let required = (WWW_AUTHENTICATE, r#"DPoP error="use_dpop_nonce""#);
        let nonce = (HeaderName::from_static("dpop-nonce"), "n");
        let both = [required.clone(), nonce.clone()];
        let rejection = response_to(Scheme::Dpop, 401, &both);
        assert!(matches!(rejection, Some(Rejection::Nonce(nonce)) if nonce.as_str() == "n"));
        assert_eq!(response_to(Scheme::Dpop, 401, &[required]), None, "no nonce");
        for status in [200, 400, 403, 503] {
            assert_eq!(response_to(Scheme::Dpop, status, &both), None, "{status}");
        }
        assert_eq!(response_to(Scheme::Bearer, 401, &both), None, "a bearer token has no proof");
        let other = (WWW_AUTHENTICATE, r#"DPoP error="invalid_dpop_proof""#);
        assert_eq!(response_to(Scheme::Dpop, 401, &[other, nonce.clone()]), None);
        let token = (WWW_AUTHENTICATE, r#"DPoP error="invalid_token""#);
        assert_eq!(response_to(Scheme::Dpop, 401, &[token, nonce]), Some(Rejection::Token));
    }

    #[test]
    fn no_other_status_changes_the_token() {
        // FR-D1: a 403 of a rule has a challenge without an error.
        for status in 100..1_000 {
            for headers in
                [&[][..], &[(WWW_AUTHENTICATE, "Bearer")], &[(WWW_AUTHENTICATE, r#"Bearer realm="x""#)]]
            {
                let expected = (status == 401).then_some(Rejection::Token);
                assert_eq!(response(status, headers), expected, "{status}");
            }
        }
    }

    #[test]
    fn grpc_rejection_needs_trailers_only_response() {
        // E18
        let late = Some(Rejection::TokenMaybeLate);
        for content_type in ["application/grpc", "Application/gRPC+proto", "application/grpc;v=1"] {
            assert_eq!(grpc(content_type, "16", INVALID), late, "{content_type}");
        }
        for content_type in ["application/grpc-web", "application/grpcx", "application/grp", "text/plain", ""]
        {
            assert_eq!(grpc(content_type, "16", INVALID), None, "{content_type}");
        }
        for status in ["0", "7", "14", "016", "16 ", "+16", ""] {
            assert_eq!(grpc("application/grpc", status, INVALID), None, "{status}");
        }
        for status in ["0", "7", "16", ""] {
            assert_eq!(grpc("application/grpc", status, INSUFFICIENT), None, "{status}");
        }
        assert_eq!(grpc("application/grpc", "16", "Bearer"), None);
        let head = [(CONTENT_TYPE, "application/grpc"), (WWW_AUTHENTICATE, INVALID), (GRPC_STATUS, "16")];
        assert_eq!(response(200, &head), late);
        assert_eq!(response(500, &head), None, "the response is a proxy's");
        let [content_type, challenge, status] = head;
        let twice = [content_type, challenge.clone(), status.clone(), status.clone()];
        assert_eq!(response(200, &twice), None);
        assert_eq!(response(200, &[challenge, status]), None, "no content type");
    }
}
