//! All errors of the token endpoint (RFC 6749 §5.2). Error responses contain no part of the
//! request.

use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

/// The reason why a request gets no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OAuthError {
    ContentType,
    BodyTooLarge,
    MalformedBody,
    RepeatedParameter,
    MissingGrantType,
    RepeatedAuthorization,
    MalformedBasic,
    TwoMethods,
    NoCredentials,
    UnsupportedScheme,
    IncompleteBodyCredentials,
    WrongBasicCredentials,
    WrongBodyCredentials,
    MalformedAssertion,
    WrongAssertion,
    UnsupportedGrant,
    MalformedScope,
    ScopeNotAllowed,
    UnknownResource,
    MissingToken,
    UnsupportedTokenType,
    TokenOfAnotherClient,
    MissingDpopProof,
    InvalidDpopProof,
    UseDpopNonce,
    TooManyProofs,
    TooManyTokens,
}

impl OAuthError {
    fn error(self) -> &'static str {
        match self {
            Self::ContentType
            | Self::BodyTooLarge
            | Self::MalformedBody
            | Self::RepeatedParameter
            | Self::MissingGrantType
            | Self::MissingToken
            | Self::RepeatedAuthorization
            | Self::MalformedBasic
            | Self::TwoMethods
            | Self::MalformedAssertion => "invalid_request",
            Self::NoCredentials
            | Self::UnsupportedScheme
            | Self::IncompleteBodyCredentials
            | Self::WrongBasicCredentials
            | Self::WrongBodyCredentials
            | Self::WrongAssertion => "invalid_client",
            Self::UnknownResource => "invalid_target",
            Self::UnsupportedGrant => "unsupported_grant_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::TokenOfAnotherClient => "invalid_grant",
            Self::MalformedScope | Self::ScopeNotAllowed => "invalid_scope",
            // RFC 9449 §5, §8
            Self::MissingDpopProof | Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::TooManyProofs | Self::TooManyTokens => "temporarily_unavailable",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::ContentType => "the content type must be application/x-www-form-urlencoded",
            Self::BodyTooLarge => "the body is too large or broke off",
            Self::MalformedBody => "the body is not a valid form",
            Self::RepeatedParameter => "a parameter is repeated",
            Self::MissingGrantType => "grant_type is missing",
            Self::RepeatedAuthorization => "there is more than one Authorization header",
            Self::MalformedBasic => "the Basic credentials are malformed",
            Self::TwoMethods => "the client authenticates in more than one way",
            Self::NoCredentials => "the client did not authenticate",
            Self::UnsupportedScheme => "the authentication scheme is not supported",
            Self::IncompleteBodyCredentials => "client_id and client_secret are both needed",
            Self::WrongBasicCredentials | Self::WrongBodyCredentials => {
                "the client is unknown or its secret is wrong"
            }
            Self::MalformedAssertion => "the client assertion or its type is malformed",
            Self::WrongAssertion => "the client is unknown or its assertion is not valid",
            Self::UnknownResource => "a resource is not an identifier of a resource server",
            Self::MissingToken => "token is missing",
            Self::UnsupportedTokenType => "only access tokens can be revoked",
            Self::TokenOfAnotherClient => "the token was issued to another client",
            Self::UnsupportedGrant => "only client_credentials is supported",
            Self::MalformedScope => "the scope is malformed",
            Self::MissingDpopProof => "the client must send a DPoP proof",
            Self::InvalidDpopProof => "the DPoP proof is not valid for this request or was used before",
            Self::UseDpopNonce => "the DPoP proof must have the nonce in DPoP-Nonce",
            Self::TooManyProofs => "too many DPoP proofs were used in the last minute",
            Self::TooManyTokens => "too many opaque tokens have not expired",
            Self::ScopeNotAllowed => "a scope is unknown or not attached to the client",
        }
    }

    /// Returns the status of the response (RFC 6749 §5.2).
    ///
    /// Wrong credentials or another scheme in the `Authorization` header get 401 with a challenge.
    /// Missing credentials get 401 as well, so that the challenge names a supported scheme. Wrong
    /// credentials in the body get 400, as from Cognito: 401 requires a challenge (RFC 9110
    /// §15.5.2), and there is no scheme for them. A full store gets 503, and all other errors get 400.
    fn status(self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::UnsupportedScheme | Self::WrongBasicCredentials => {
                StatusCode::UNAUTHORIZED
            }
            Self::TooManyProofs | Self::TooManyTokens => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) fn into_response(self) -> Response {
        self.response_with(self.status())
    }

    /// Returns the response of the introspection endpoint, where all invalid credentials get 401 (RFC
    /// 7662 §2.3).
    pub(crate) fn into_introspection_response(self) -> Response {
        let is_401 = self.error() == "invalid_client";
        self.response_with(if is_401 { StatusCode::UNAUTHORIZED } else { self.status() })
    }

    fn response_with(self, status: StatusCode) -> Response {
        let body = json!({ "error": self.error(), "error_description": self.description() });
        let mut response = token_response(status, &body);
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        response
    }
}

/// Returns a response of the token endpoint: JSON that caches must not store (RFC 6749 §5.1).
pub(crate) fn token_response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

const CHALLENGE: &str = "Basic realm=\"scopegate-issuer\"";
