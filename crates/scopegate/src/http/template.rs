//! The responses to rejections: status, headers and body.
//!
//! Most are rendered once for each route, because attackers can cause rejections. Some are rendered
//! for each request. A denial with a reason code, and missing scopes that only the application
//! requires, need a valid token. A malformed certificate header needs a trusted proxy. Rendering takes 9,000 instructions and 19 allocations, copying
//! 550 and 2.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::checks::confirmation::Scheme;
use crate::http::challenge::{Challenge, DPOP_NONCE, ErrorCode};
use crate::http::problem::Problem;

/// The kinds of responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    NoCredentials,
    Malformed,
    MalformedCertificate,
    /// One response for all reasons, because which check fails first may depend on unverified
    /// input.
    InvalidToken,
    InvalidProof,
    /// The client must repeat the request with a nonce.
    NonceRequired,
    InsufficientScope,
    /// The token is valid, and its user must authenticate again.
    InsufficientUserAuthentication,
    /// The token is valid, and another token would not help.
    Denied {
        reason: &'static str,
    },
    Unavailable {
        retry_after: Duration,
    },
    /// The server lacks something that the decision needs. A retry does not help.
    Misconfigured,
}

impl Kind {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::NoCredentials
            | Self::InvalidToken
            | Self::InvalidProof
            | Self::NonceRequired
            | Self::InsufficientUserAuthentication => StatusCode::UNAUTHORIZED,
            Self::Malformed | Self::MalformedCertificate => StatusCode::BAD_REQUEST,
            Self::InsufficientScope | Self::Denied { .. } => StatusCode::FORBIDDEN,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn detail(self, scheme: Option<Scheme>) -> &'static str {
        match self {
            Self::NoCredentials if scheme == Some(Scheme::Dpop) => {
                "an access token with a DPoP proof is needed"
            }
            Self::NoCredentials => "a bearer token is needed",
            Self::Malformed if scheme == Some(Scheme::Dpop) => {
                "expected one Authorization header with one token"
            }
            Self::Malformed => "expected one Authorization header with one bearer token",
            Self::MalformedCertificate => "the header with the client certificate is malformed",
            Self::InvalidToken => "the access token has expired, or is not valid for this API",
            Self::InvalidProof => "the DPoP proof is absent, or is not valid for this request",
            Self::NonceRequired => "the DPoP proof needs the nonce of this response",
            Self::InsufficientScope => "the access token lacks a scope that is needed",
            Self::InsufficientUserAuthentication => "the user must authenticate again for this request",
            Self::Denied { .. } => "the request is not allowed",
            Self::Unavailable { .. } => "access tokens cannot be verified at the moment",
            Self::Misconfigured => "access tokens cannot be verified by this server",
        }
    }
}

/// The response to a rejected request, as data.
///
/// [`into_response`](Self::into_response) converts it into an HTTP response. The parts are for
/// protocols with another form, such as gRPC.
#[derive(Clone, Debug)]
pub struct ResponseTemplate {
    detail: &'static str,
    problem: Problem,
    /// The value is `None` for [`Kind::Misconfigured`] only.
    header: (HeaderName, Option<HeaderValue>),
    /// `None` if the API accepts no proofs. Boxed, because most responses are copied without it.
    more: Option<Box<MoreHeaders>>,
}

#[derive(Clone, Debug, Default)]
struct MoreHeaders {
    /// The challenge of a second scheme.
    second: Option<HeaderValue>,
    nonce: Option<(HeaderName, HeaderValue)>,
}

impl ResponseTemplate {
    pub(super) fn new(kind: Kind, scheme: Option<Scheme>, challenge: &Challenge) -> Self {
        // An API without bearer tokens requests none, also if a handler has raised the rejection.
        let detail = kind.detail(scheme.or(challenge.only_dpop()));
        let one = |value| (vec![value], WWW_AUTHENTICATE);
        let each = |failure| (challenge.each(scheme, failure), WWW_AUTHENTICATE);
        let (values, name) = match kind {
            Kind::NoCredentials => each(None),
            // Without exactly one token, the required scopes do not help the client.
            Kind::Malformed | Kind::MalformedCertificate => {
                let challenge = Challenge { scope: String::new(), ..challenge.clone() };
                (challenge.each(scheme, Some((ErrorCode::InvalidRequest, detail))), WWW_AUTHENTICATE)
            }
            Kind::InvalidToken => each(Some((ErrorCode::InvalidToken, detail))),
            Kind::InvalidProof => each(Some((ErrorCode::InvalidProof, detail))),
            Kind::NonceRequired => each(Some((ErrorCode::UseNonce, detail))),
            Kind::InsufficientUserAuthentication => {
                each(Some((ErrorCode::InsufficientUserAuthentication, detail)))
            }
            Kind::InsufficientScope => {
                one(challenge.with_error(scheme, (ErrorCode::InsufficientScope, detail)))
            }
            Kind::Denied { .. } => one(challenge.denied(scheme)),
            Kind::Unavailable { retry_after } => (vec![retry_value(retry_after)], RETRY_AFTER),
            // A challenge would make clients request another token, which does not help.
            Kind::Misconfigured => (Vec::new(), WWW_AUTHENTICATE),
        };
        let problem = match kind {
            Kind::Denied { reason } => Problem::with_reason(kind.status(), detail, reason),
            _ => Problem::new(kind.status(), detail),
        };
        let mut values = values.into_iter();
        let first = values.next();
        let more = values.next().map(|second| Box::new(MoreHeaders { second: Some(second), nonce: None }));
        Self { detail, problem, header: (name, first), more }
    }

    /// Returns the response with another time to wait.
    pub(super) fn with_retry_after(&self, retry_after: Duration) -> Self {
        Self { header: (RETRY_AFTER, Some(retry_value(retry_after))), ..self.clone() }
    }

    /// Returns the response with a nonce for the client's next proof.
    pub(super) fn with_nonce(self, nonce: HeaderValue) -> Self {
        let second = self.more.and_then(|more| more.second);
        Self { more: Some(Box::new(MoreHeaders { second, nonce: Some((DPOP_NONCE, nonce)) })), ..self }
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.problem.status()
    }

    /// Returns the text for the caller.
    pub fn detail(&self) -> &'static str {
        self.detail
    }

    /// Returns the headers with the instructions for the client, in their order: one
    /// `WWW-Authenticate` for each scheme, or `Retry-After` for 503. A `DPoP-Nonce` may follow. A 500
    /// has none.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let (name, first) = &self.header;
        let second = self.more.as_ref().and_then(|more| more.second.as_ref());
        let nonce = self.more.as_ref().and_then(|more| more.nonce.as_ref());
        let challenges = [first.as_ref(), second].into_iter().flatten();
        challenges.map(move |value| (name, value)).chain(nonce.map(|(name, nonce)| (name, nonce)))
    }

    /// Replaces these headers of a response.
    pub fn set_headers(&self, headers: &mut HeaderMap) {
        let (first, _) = &self.header;
        headers.remove(first);
        headers.remove(DPOP_NONCE);
        for (name, value) in self.headers() {
            headers.append(name, value.clone());
        }
    }

    /// Returns the HTTP response, with a problem document as its body.
    pub fn into_response(self) -> Response<Bytes> {
        let mut response = self.problem.into_response();
        let headers = response.headers_mut();
        if let (name, Some(value)) = self.header {
            headers.insert(name, value);
        }
        if let Some(more) = self.more {
            more.add_to(headers);
        }
        response
    }
}

impl MoreHeaders {
    #[cold]
    fn add_to(self, headers: &mut HeaderMap) {
        if let Some(second) = self.second {
            headers.append(WWW_AUTHENTICATE, second);
        }
        if let Some((name, nonce)) = self.nonce {
            headers.insert(name, nonce);
        }
    }
}

fn retry_value(retry_after: Duration) -> HeaderValue {
    HeaderValue::from(retry_after.as_secs())
}

/// The responses that are the same for every request to a route, except for `Retry-After` and
/// `DPoP-Nonce`. Their texts do not reveal anything about a token.
#[derive(Clone, Debug)]
pub(super) struct ResponseTemplates {
    no_credentials: ResponseTemplate,
    several_headers: ResponseTemplate,
    malformed: ResponseTemplate,
    invalid_token: ResponseTemplate,
    insufficient_scope: ResponseTemplate,
    /// `None` if the route requires no authentication of a user.
    insufficient_user_authentication: Option<ResponseTemplate>,
    /// Lacks the time in `Retry-After`.
    unavailable: ResponseTemplate,
    /// The responses to requests with a proof. Empty if the API accepts none.
    with_proof: Vec<(Kind, ResponseTemplate)>,
}

impl ResponseTemplates {
    pub(super) fn new(challenge: &Challenge) -> Self {
        let template = |kind, scheme| ResponseTemplate::new(kind, scheme, challenge);
        let (bearer, dpop) = (Some(Scheme::Bearer), Some(Scheme::Dpop));
        let with_proof = [
            Kind::NonceRequired,
            Kind::InvalidProof,
            Kind::InvalidToken,
            Kind::InsufficientScope,
            Kind::NoCredentials,
            Kind::Malformed,
        ];
        let step_up = challenge.authentication.as_ref().map(|_| Kind::InsufficientUserAuthentication);
        let with_proof = with_proof.into_iter().chain(step_up).filter(|_| challenge.dpop.is_some());
        Self {
            no_credentials: template(Kind::NoCredentials, None),
            several_headers: template(Kind::Malformed, None),
            malformed: template(Kind::Malformed, bearer),
            invalid_token: template(Kind::InvalidToken, bearer),
            insufficient_scope: template(Kind::InsufficientScope, bearer),
            insufficient_user_authentication: step_up.map(|kind| template(kind, bearer)),
            unavailable: template(Kind::Unavailable { retry_after: Duration::ZERO }, None),
            with_proof: with_proof.map(|kind| (kind, template(kind, dpop))).collect(),
        }
    }

    /// Returns the response to a bearer token, or to a request without a token. Returns `None` if its
    /// document depends on the rejection, or for [`Kind::Unavailable`], which needs a time.
    #[inline]
    pub(super) fn get(&self, kind: Kind, scheme: Option<Scheme>) -> Option<&ResponseTemplate> {
        match (kind, scheme) {
            (Kind::NoCredentials, _) => Some(&self.no_credentials),
            (Kind::Malformed, None) => Some(&self.several_headers),
            (Kind::Malformed, _) => Some(&self.malformed),
            (Kind::InvalidToken, _) => Some(&self.invalid_token),
            (Kind::InsufficientScope, _) => Some(&self.insufficient_scope),
            (Kind::InsufficientUserAuthentication, _) => self.insufficient_user_authentication.as_ref(),
            (
                Kind::Denied { .. }
                | Kind::InvalidProof
                | Kind::NonceRequired
                | Kind::MalformedCertificate
                | Kind::Unavailable { .. }
                | Kind::Misconfigured,
                _,
            ) => None,
        }
    }

    /// Returns the response of an API whose keys or stores are unavailable.
    pub(super) fn unavailable(&self, retry_after: Duration) -> ResponseTemplate {
        self.unavailable.with_retry_after(retry_after)
    }

    /// Returns the response to a request in the scheme `DPoP`, if the API accepts proofs.
    pub(super) fn with_proof(&self, kind: Kind) -> Option<&ResponseTemplate> {
        self.with_proof.iter().find(|(one, _)| *one == kind).map(|(_, template)| template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::challenge::DEFAULT_REALM;

    #[test]
    fn unavailable_shares_document_but_not_time() {
        let challenge = Challenge::new(DEFAULT_REALM);
        let templates = ResponseTemplates::new(&challenge);
        let [one, other] = [7, 30].map(|seconds| {
            let retry_after = Duration::from_secs(seconds);
            let kind = Kind::Unavailable { retry_after };
            let response = templates.unavailable(retry_after).into_response();
            let alone = ResponseTemplate::new(kind, None, &challenge).into_response();
            assert_eq!(response.headers(), alone.headers());
            assert_eq!(response.body(), alone.body());
            assert_eq!(response.headers()[RETRY_AFTER], seconds.to_string());
            response.into_body()
        });
        assert_eq!(one.as_ptr(), other.as_ptr());
        assert!(templates.get(Kind::Denied { reason: "not_owner" }, None).is_none());
    }
}
