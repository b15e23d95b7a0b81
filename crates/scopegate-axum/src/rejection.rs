//! From refusal to answer, in one function; nothing else chooses one. What the answers are is `rejection/template.rs`.

pub(crate) mod body;
pub(crate) mod challenge;
pub(crate) mod grpc;
pub(crate) mod template;

use std::fmt;

use http::Response;
use scopegate::Error;

use crate::credentials::bearer::MalformedCredentials;
use crate::rejection::body::RefusalBody;
use crate::rejection::template::{Answer, Answers, Protocol};

/// Why a request was not let through. It stands in the extensions of the response, for the operator's eyes:
/// for access logs, metrics, or to answer in another form.
///
/// ```
/// use axum::{body::Body, response::Response};
/// use scopegate_axum::Refusal;
///
/// /// For `axum::middleware::map_response`: another body, while status and headers stay. A gRPC call's refusal has status 200
/// /// and no body, and must not get one.
/// async fn plain_text(response: Response) -> Response {
///     match response.extensions().get::<Refusal>() {
///         Some(_) if response.status() != 200 => response.map(|_| Body::from("no entry\n")),
///         _ => response,
///     }
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Refusal {
    /// No `Authorization` header, or one of another scheme: 401.
    NoCredentials,
    /// More than one `Authorization` header, or a `Bearer` that is not one token: 400.
    Malformed(MalformedCredentials),
    /// The token was not accepted: 401. It lacks scopes: 403. Nobody can say, because keys are missing: 503.
    Token(Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredentials => f.write_str("no bearer token"),
            Self::Malformed(how) => fmt::Display::fmt(how, f),
            Self::Token(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn into_response<B: RefusalBody>(self, answers: &Answers, protocol: Protocol) -> Response<B> {
        let mut response = self.answer(answers).into_response(protocol);
        response.extensions_mut().insert(self);
        response
    }

    /// What the caller is told. The log gets the reason.
    pub(crate) fn answer(&self, answers: &Answers) -> Answer {
        let answer = match self {
            Self::NoCredentials => answers.no_credentials.clone(),
            Self::Malformed(_) => answers.malformed.clone(),
            Self::Token(Error::InsufficientScope { .. }) => answers.insufficient_scope.clone(),
            Self::Token(Error::KeysUnavailable { retry_after, .. }) => Answer::try_again(*retry_after),
            Self::Token(_) => answers.bad_token.clone(),
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
