//! Responses to rejected requests, of layers and of handlers. `scopegate::http` has them as data.

pub(crate) mod body;
pub(crate) mod grpc;
pub(crate) mod hook;

use std::fmt;
use std::sync::Arc;

use axum_core::body::Body;
use axum_core::response::IntoResponse;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response, StatusCode};
use scopegate::http::{Authorizer, RejectionReason, ResponseTemplate};
use scopegate::{Claims, Denied, Error};

use crate::rejection::body::RejectionBody;
use crate::rejection::grpc::Protocol;
use crate::rejection::hook::OnRejection;

/// The rejection of a request, by a layer or by a handler, with its reason.
///
/// A handler that requires more than its route returns `Result<_, Rejection>`. Its layer completes
/// the response. The challenge, the log event and
/// [`on_rejection`](crate::RequireScope::on_rejection) are the same as for the layer's own
/// rejections.
///
/// ```
/// use scopegate_axum::{Claims, Rejection};
///
/// async fn approve(claims: Claims) -> Result<&'static str, Rejection> {
///     claims.require("orders/approve")?;
///     // Every error of `scopegate` converts into a rejection.
///     let tenant: Option<String> = claims.claim("tenant")?;
///     Ok(if tenant.is_some() { "approved" } else { "?" })
/// }
/// # let _ = approve;
/// ```
///
/// The response's extensions hold the rejection, for access logs and metrics.
/// Don't show its `Display` to callers, because it contains the reason.
#[derive(Clone)]
pub struct Rejection {
    decided: scopegate::http::Rejection,
    stage: Stage,
}

/// The progress of the response.
#[derive(Clone)]
enum Stage {
    /// A handler has raised the rejection. The configuration of its layer is not available.
    Raised,
    /// The extractor has raised the rejection, with the configuration of its layer.
    Worded(Arc<Authorizer>),
    /// A layer has sent the response.
    Sent,
}

impl Rejection {
    pub(crate) fn worded(authorizer: &Arc<Authorizer>, decided: scopegate::http::Rejection) -> Self {
        Self { decided, stage: Stage::Worded(Arc::clone(authorizer)) }
    }

    /// Returns the reason.
    pub fn reason(&self) -> &RejectionReason {
        self.decided.reason()
    }

    /// Creates a 403 for a request with a valid token, with a stable reason code. Return it from
    /// handlers, for rules about the path, the body or the claims.
    ///
    /// The response has the scheme and the realm of the layer, and a problem document with the
    /// reason code. It has no `error` and no `scope`, so clients neither renew their token nor
    /// request more scopes. See [`Denied::new`] about the code.
    ///
    /// ```
    /// use scopegate_axum::{Claims, Rejection};
    ///
    /// async fn order(claims: Claims) -> Result<&'static str, Rejection> {
    ///     let owner = ("https://login.example/", "auth0|7");
    ///     if claims.identity() != owner {
    ///         return Err(Rejection::forbidden("not_owner"));
    ///     }
    ///     Ok("order 7")
    /// }
    /// # let _ = order;
    /// ```
    ///
    /// # Panics
    /// Panics if [`Denied::new`] does not accept the code.
    #[track_caller]
    pub fn forbidden(reason: &'static str) -> Self {
        Denied::new(reason).into()
    }

    /// Returns the stable [reason code](scopegate::Decision#reason-codes).
    pub fn reason_code(&self) -> &'static str {
        self.decided.reason_code()
    }

    /// Returns the HTTP status of the response. For a gRPC call, the status is in the response's
    /// headers.
    pub fn status(&self) -> StatusCode {
        self.decided.status()
    }

    /// Returns the response body, which does not contain the reason.
    pub fn body_text(&self) -> &'static str {
        self.decided.body_text()
    }

    /// Returns the claims of the verified token, if the token is valid and the request is rejected for
    /// another reason: missing scopes, the user's authentication, a rule of the application, the issuer
    /// of another tenant or the DPoP proof.
    ///
    /// Returns `None` for every other rejection, and before a layer has sent the response.
    pub fn claims(&self) -> Option<&Claims> {
        self.decided.claims()
    }

    /// Returns the decision, unless a layer has sent the response.
    pub(crate) fn raised(&self) -> Option<&scopegate::http::Rejection> {
        (!matches!(self.stage, Stage::Sent)).then_some(&self.decided)
    }

    /// Returns the response as data, with the challenge of the layer if its configuration is
    /// available.
    pub(crate) fn template(&self) -> ResponseTemplate {
        match &self.stage {
            Stage::Worded(authorizer) => authorizer.response(&self.decided),
            Stage::Raised | Stage::Sent => self.decided.default_response(),
        }
    }
}

/// Sends a layer's own rejection.
pub(crate) fn send<B: RejectionBody>(
    decided: scopegate::http::Rejection,
    protocol: Protocol,
    authorizer: &Authorizer,
    on_rejection: &impl OnRejection<B>,
) -> Response<B> {
    let rejection = Rejection { decided, stage: Stage::Sent };
    let template = authorizer.response(&rejection.decided);
    let response = match protocol {
        Protocol::Http => template.into_response(),
        Protocol::Grpc => grpc::response(&template),
    };
    let mut response = on_rejection.apply(&rejection, response.map(B::from_text));
    response.extensions_mut().insert(rejection);
    response
}

/// Returns the rejection from which a response was created.
pub(crate) fn find<B>(response: &Response<B>) -> Option<&Rejection> {
    let extensions = response.extensions();
    let rejection = extensions.get::<Rejection>();
    #[cfg(feature = "tonic")]
    let rejection = rejection.or_else(|| grpc::rejection_of(extensions.get()?));
    rejection
}

/// Completes the response to a handler's rejection: sets the layer's challenge and calls the hook.
#[cold]
pub(crate) fn send_raised<B>(
    decided: scopegate::http::Rejection,
    mut response: Response<B>,
    authorizer: &Authorizer,
    on_rejection: &impl OnRejection<B>,
) -> Response<B> {
    let rejection = Rejection { decided, stage: Stage::Sent };
    let template = authorizer.response(&rejection.decided);
    // If another middleware has replaced the response, its headers stay as they are.
    if template.headers().next().is_some_and(|(name, _)| response.headers().contains_key(name)) {
        template.set_headers(response.headers_mut());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let mut response = on_rejection.apply(&rejection, response);
    response.extensions_mut().insert(rejection);
    response
}

/// Use this conversion, and thus `?`, for errors about the request's own token. If a handler
/// verifies a second token, choose the response yourself, because clients relate a 401 or 403 to
/// their own token.
///
/// The record of a 403 has the caller's claims only if the error is about their token, see
/// [`is_about`](scopegate::http::Rejection::is_about).
impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        scopegate::http::Rejection::from(error).into()
    }
}

impl From<Denied> for Rejection {
    fn from(denied: Denied) -> Self {
        scopegate::http::Rejection::from(denied).into()
    }
}

impl From<scopegate::http::Rejection> for Rejection {
    fn from(decided: scopegate::http::Rejection) -> Self {
        Self { decided, stage: Stage::Raised }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response<Body> {
        let mut response = self.template().into_response().map(Body::from);
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.decided, f)
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.decided, f)
    }
}

impl std::error::Error for Rejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.decided.source()
    }
}
