//! From rejection to response, in one function; nothing else chooses one. The responses are in `rejection/template.rs`.

pub(crate) mod body;
pub(crate) mod challenge;
pub(crate) mod grpc;
pub(crate) mod template;

use std::fmt;

use http::Response;
use scopegate::Error;

use crate::credentials::bearer::MalformedCredentials;
use crate::rejection::body::RejectionBody;
use crate::rejection::template::{Protocol, ResponseTemplate, ResponseTemplates};

/// Why a request was not let through. It stands in the extensions of the response, for the operator's eyes:
/// for access logs, metrics, or to answer in another form.
///
/// ```
/// use axum::{body::Body, response::Response};
/// use scopegate_axum::Rejection;
///
/// /// For `axum::middleware::map_response`: another body, while status and headers stay. A gRPC call's rejection has status 200
/// /// and no body, and must not get one.
/// async fn plain_text(response: Response) -> Response {
///     match response.extensions().get::<Rejection>() {
///         Some(_) if response.status() != 200 => response.map(|_| Body::from("no entry\n")),
///         _ => response,
///     }
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Rejection {
    /// No `Authorization` header, or one of another scheme: 401.
    NoCredentials,
    /// More than one `Authorization` header, or a `Bearer` that is not one token: 400.
    Malformed(MalformedCredentials),
    /// The token was not accepted: 401. It lacks scopes: 403. Nobody can say, because keys are missing: 503.
    Token(Error),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredentials => f.write_str("no bearer token"),
            Self::Malformed(how) => fmt::Display::fmt(how, f),
            Self::Token(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for Rejection {}

impl Rejection {
    pub(crate) fn into_response<B: RejectionBody>(
        self,
        templates: &ResponseTemplates,
        protocol: Protocol,
    ) -> Response<B> {
        let mut response = self.template(templates).into_response(protocol);
        response.extensions_mut().insert(self);
        response
    }

    /// What the caller is told. The log gets the reason.
    pub(crate) fn template(&self, templates: &ResponseTemplates) -> ResponseTemplate {
        let answer = match self {
            Self::NoCredentials => templates.no_credentials.clone(),
            Self::Malformed(_) => templates.malformed.clone(),
            Self::Token(Error::InsufficientScope { .. }) => templates.insufficient_scope.clone(),
            Self::Token(Error::KeysUnavailable { retry_after, .. }) => {
                ResponseTemplate::unavailable(*retry_after)
            }
            Self::Token(_) => templates.invalid_token.clone(),
        };
        let status = answer.status.as_u16();
        match self {
            Self::Token(Error::KeysUnavailable { .. }) => tracing::warn!(status, "refused: {self}"),
            Self::Token(_) | Self::Malformed(_) => tracing::info!(status, "refused: {self}"),
            Self::NoCredentials => tracing::debug!(status, "refused: {self}"),
        }
        answer
    }
}
