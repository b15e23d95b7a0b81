//! The reason why a request is rejected, and the only choice of its response.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use crate::checks::confirmation::Scheme;
use crate::claims::Claims;
use crate::error::Error;
use crate::error::denied::Denied;
use crate::error::kind::ErrorKind;
use crate::http::challenge::{Challenge, DEFAULT_REALM};
use crate::http::credentials::MalformedCredentials;
use crate::http::template::{Kind, ResponseTemplate};
use crate::verifier::outcome::Rejected;

/// A rejected request, with the reason.
///
/// `Display` and [`source`](StdError::source) are for the operator. Log them, and don't send them
/// to the caller. [`status`](Self::status) and [`body_text`](Self::body_text) are for the caller.
///
/// An [`Error`] converts into a rejection, so that a handler can require more than its route does.
/// [`Authorizer::response`](crate::http::Authorizer::response) returns the same response in both
/// cases.
#[derive(Clone, Debug)]
pub struct Rejection {
    reason: RejectionReason,
    claims: Option<Claims>,
    pub(super) raised_by: RaisedBy,
    /// The scheme of the request's token. `None` if there is not exactly one.
    pub(super) scheme: Option<Scheme>,
}

/// The reason of a [`Rejection`].
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum RejectionReason {
    /// The request has no `Authorization` header: 401.
    NoCredentials,
    /// The `Authorization` header has an unsupported scheme, or none: 401.
    UnsupportedScheme,
    /// The request has several `Authorization` headers, or a `Bearer` that is not one token: 400.
    Malformed(MalformedCredentials),
    /// The token was rejected: 401. It lacks scopes, or its claims do not fit: 403. Its issuer's
    /// keys or introspection are unavailable, or a source of revocations is too old: 503. The server is
    /// misconfigured, or the issuer rejects the credentials of this API: 500. The token is bound, and the
    /// header with the client certificate is malformed: 400.
    Token(Error),
    /// The token is valid, and a rule of the application denies the request: 403.
    Denied(Denied),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RaisedBy {
    /// The route's requirement was not met.
    Authorizer,
    /// The application requires more than its route.
    Application,
    /// The application converted the error of a check that denies a token. The authorizer accepted
    /// the request's own token, so this one is another.
    OtherToken,
}

impl Rejection {
    pub(super) fn new(reason: RejectionReason) -> Self {
        let scheme = match reason {
            RejectionReason::NoCredentials
            | RejectionReason::UnsupportedScheme
            | RejectionReason::Malformed(MalformedCredentials::SeveralHeaders) => None,
            // The challenge and the text name the scheme that the API accepts.
            RejectionReason::Token(Error::ProofRequired) => Some(Scheme::Dpop),
            _ => Some(Scheme::Bearer),
        };
        Self { reason, claims: None, raised_by: RaisedBy::Authorizer, scheme }
    }

    pub(super) fn in_scheme(self, scheme: Scheme) -> Self {
        Self { scheme: Some(scheme), ..self }
    }

    /// Sets the scheme of the challenge to that in which the request presented this token.
    #[must_use]
    pub fn for_caller(self, claims: &Claims) -> Self {
        if claims.binding().is_some() { self.in_scheme(Scheme::Dpop) } else { self }
    }

    /// Creates the rejection for an error. A denial always becomes `Denied`.
    pub(super) fn of_token(error: Error) -> Self {
        Self::new(match error {
            Error::Denied(denied) => RejectionReason::Denied(denied),
            error => RejectionReason::Token(error),
        })
    }

    /// Creates the rejection of a request without credentials, for a handler behind an
    /// [optional token](crate::http::Access::OptionalToken) that requires one after all.
    pub fn no_credentials() -> Self {
        Self { raised_by: RaisedBy::Application, ..Self::new(RejectionReason::NoCredentials) }
    }

    /// Creates the rejection of a valid token by a rule of the application: 403, with the reason
    /// code in the body.
    ///
    /// # Panics
    /// Panics if [`Denied::new`] does not accept the code.
    #[track_caller]
    pub fn forbidden(reason: &'static str) -> Self {
        Denied::new(reason).into()
    }

    /// Adds the claims of the verified token.
    #[must_use]
    pub fn with_claims(self, claims: Claims) -> Self {
        Self { claims: Some(claims), ..self }
    }

    /// Returns the reason.
    pub fn reason(&self) -> &RejectionReason {
        &self.reason
    }

    /// Returns the stable [reason code](crate::Decision#reason-codes).
    pub fn reason_code(&self) -> &'static str {
        match &self.reason {
            RejectionReason::NoCredentials => "no_credentials",
            RejectionReason::UnsupportedScheme => "unsupported_scheme",
            RejectionReason::Malformed(MalformedCredentials::SeveralHeaders) => "several_headers",
            RejectionReason::Malformed(MalformedCredentials::NotOneToken) => "not_one_token",
            RejectionReason::Token(error) => error.kind().as_str(),
            RejectionReason::Denied(denied) => denied.reason(),
        }
    }

    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        self.kind().status()
    }

    /// Returns the text for the caller: the `detail` of the response's problem document.
    pub fn body_text(&self) -> &'static str {
        self.kind().detail(self.scheme)
    }

    /// Returns the claims of the verified token, if the token is valid and
    ///
    /// - not sufficient: 403, or 401 as `insufficient_user_authentication`,
    /// - its issuer is not accepted for this request: 401, `wrong_issuer`,
    /// - the DPoP proof of the request is rejected or cannot be recorded. The token may be stolen,
    /// - the token is bound to another certificate than that of the request, or to none although one is
    ///   required, or the header with the certificate is malformed: 400,
    /// - the token is introspected, bound to a key, and presented without a proof.
    ///
    /// `None` for every other rejection. Also `None` if the application converted a bare [`Error`]
    /// and did not add [claims](Self::with_claims).
    pub fn claims(&self) -> Option<&Claims> {
        self.claims.as_ref()
    }

    /// Returns whether this rejection by the application is about these claims: the token is valid,
    /// and the error fits them. A rejection of another token is not about the caller.
    ///
    /// - [`Error::InsufficientScope`], [`Error::InsufficientUserAuthentication`],
    ///   [`Error::UserRequired`], [`Error::UnexpectedClaims`] and [`Error::WrongIssuer`] fit the claims
    ///   of their token.
    /// - A denial that is converted from [`Denied`] fits. One from [`Error::Denied`] does not: only
    ///   a verification returns it.
    pub fn is_about(&self, claims: &Claims) -> bool {
        match &self.reason {
            RejectionReason::Token(
                Error::InsufficientScope { token, .. }
                | Error::InsufficientUserAuthentication { token, .. }
                | Error::UserRequired { token, .. }
                | Error::UnexpectedClaims { token, .. }
                | Error::WrongIssuer { token, .. },
            ) => token.is_of(claims),
            RejectionReason::Denied(_) => self.raised_by != RaisedBy::OtherToken,
            _ => false,
        }
    }

    /// Returns the response for an unknown route: with the default realm, and without metadata.
    pub fn default_response(&self) -> ResponseTemplate {
        let challenge = Challenge { scope: self.additional_scopes(""), ..Challenge::new(DEFAULT_REALM) };
        ResponseTemplate::new(self.kind(), self.scheme, &challenge)
    }

    pub(super) fn kind(&self) -> Kind {
        match &self.reason {
            // RFC 6750 §3.1: a request that uses another scheme is like one without credentials.
            RejectionReason::NoCredentials
            | RejectionReason::UnsupportedScheme
            | RejectionReason::Token(Error::ProofRequired) => Kind::NoCredentials,
            RejectionReason::Malformed(_) => Kind::Malformed,
            RejectionReason::Token(Error::MalformedCertificate(_)) => Kind::MalformedCertificate,
            RejectionReason::Token(Error::PeerAddressUnknown | Error::IntrospectionMisconfigured { .. }) => {
                Kind::Misconfigured
            }
            RejectionReason::Denied(denied) => Kind::Denied { reason: denied.reason() },
            RejectionReason::Token(
                Error::KeysUnavailable { retry_after, .. }
                | Error::IssuerUnavailable { retry_after, .. }
                | Error::RevocationsUnavailable { retry_after }
                | Error::StatusUnavailable { retry_after, .. }
                | Error::ReplayStoreUnavailable { retry_after, .. }
                | Error::IntrospectionUnavailable { retry_after, .. },
            ) => Kind::Unavailable { retry_after: *retry_after },
            RejectionReason::Token(error) if error.kind() == ErrorKind::InsufficientScope => {
                Kind::InsufficientScope
            }
            RejectionReason::Token(Error::InsufficientUserAuthentication { .. }) => {
                Kind::InsufficientUserAuthentication
            }
            RejectionReason::Token(error @ (Error::UnexpectedClaims { .. } | Error::UserRequired { .. })) => {
                Kind::Denied { reason: error.kind().as_str() }
            }
            RejectionReason::Token(error) if error.kind() == ErrorKind::NonceRequired => Kind::NonceRequired,
            RejectionReason::Token(Error::InvalidProof(_)) => Kind::InvalidProof,
            RejectionReason::Token(_) => Kind::InvalidToken,
        }
    }

    /// Returns these scopes and the scopes that the rejection requires, each once.
    pub(super) fn additional_scopes(&self, scopes: &str) -> String {
        let mut scopes = scopes.to_owned();
        if let RejectionReason::Token(Error::InsufficientScope { required, .. }) = &self.reason {
            for scope in required.challenge_scopes() {
                if scopes.split(' ').all(|one| one != scope.as_str()) {
                    scopes.push_str(if scopes.is_empty() { "" } else { " " });
                    scopes.push_str(scope.as_str());
                }
            }
        }
        scopes
    }
}

/// Converts an error about the request's own token, for use with `?`. For another token, choose the
/// response yourself, because the caller cannot replace that token.
impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        let raised_by = match error {
            Error::Denied(_) => RaisedBy::OtherToken,
            _ => RaisedBy::Application,
        };
        Self { raised_by, ..Self::of_token(error) }
    }
}

impl From<Rejected> for Rejection {
    fn from(Rejected { error, claims }: Rejected) -> Self {
        Self { claims, ..Self::of_token(error) }
    }
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Self {
        Self { raised_by: RaisedBy::Application, ..Self::new(RejectionReason::Denied(denied)) }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            RejectionReason::NoCredentials => f.write_str("no access token"),
            RejectionReason::UnsupportedScheme => {
                f.write_str("expected a supported scheme and a token, found another scheme or none")
            }
            RejectionReason::Denied(denied) => fmt::Display::fmt(denied, f),
            RejectionReason::Malformed(how) => fmt::Display::fmt(how, f),
            RejectionReason::Token(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl StdError for Rejection {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.reason {
            RejectionReason::NoCredentials | RejectionReason::UnsupportedScheme => None,
            RejectionReason::Denied(denied) => Some(denied),
            RejectionReason::Malformed(how) => Some(how),
            RejectionReason::Token(error) => Some(error),
        }
    }
}
