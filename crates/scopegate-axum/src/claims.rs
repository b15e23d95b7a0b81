//! The axum extractor. It verifies nothing: it hands out what a layer has verified.

use std::any::type_name;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Extensions, Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::authorize::{Authorized, Authorizer};
use crate::rejection::Rejection;
use crate::rejection::template::{Protocol, problem};

/// The claims of the caller's access token, in a handler.
///
/// There must be a layer of this crate outside of the handler. `Claims` dereferences to
/// [`scopegate::Claims`], which has the standard claims; `Claims<T>` also reads the application's own into
/// [`custom`](Self::custom), and `Option<Claims>` serves callers without a token too, behind
/// [`OptionalToken`](crate::OptionalToken).
///
/// ```
/// use scopegate_axum::Claims;
///
/// #[derive(serde::Deserialize)]
/// struct Ours {
///     tenant: String,
/// }
///
/// async fn standard(claims: Claims) -> String {
///     format!("hello {}", claims.client_id().unwrap_or("?"))
/// }
///
/// async fn typed(claims: Claims<Ours>) -> String {
///     format!("tenant {}", claims.custom.tenant)
/// }
///
/// async fn perhaps(claims: Option<Claims>) -> &'static str {
///     if claims.is_some() { "welcome back" } else { "welcome" }
/// }
/// # let _ = (standard, typed, perhaps);
/// ```
///
/// # Errors
/// Without a layer the answer is a 500, and the log tells the developer which route lacks it. A
/// token whose claims are not a `T` is refused like any other that is not for this API: 401.
#[derive(Clone, Debug)]
pub struct Claims<T = Standard> {
    verified: scopegate::Claims,
    /// The claims that the application defines.
    pub custom: T,
}

/// No claims beyond those that [`scopegate::Claims`] has methods for.
#[derive(Clone, Copy, Debug)]
pub struct Standard;

impl<T> Claims<T> {
    /// The claims without the extractor around them.
    pub fn into_verified(self) -> scopegate::Claims {
        self.verified
    }
}

impl Claims {
    /// Those of a request whose extensions these are, where there is no extractor: in a service or a layer of tower's, or
    /// in a handler of tonic's, whose requests have extensions too.
    ///
    /// ```
    /// # use http::Request;
    /// use scopegate_axum::{Claims, ClaimsRejection};
    ///
    /// fn who<B>(request: &Request<B>) -> Result<String, ClaimsRejection> {
    ///     let claims = Claims::from_extensions(request.extensions())?;
    ///     Ok(claims.client_id().unwrap_or("?").to_owned())
    /// }
    /// # assert!(who(&Request::new(())).is_err());
    /// ```
    ///
    /// # Errors
    /// As the extractor: no layer of this crate has seen the request, or it was let through without a token.
    pub fn from_extensions(extensions: &Extensions) -> Result<Self, ClaimsRejection> {
        let (_, verified) = required::<Self>(extensions)?;
        Ok(Self { verified, custom: Standard })
    }

    /// Like [`from_extensions`](Self::from_extensions), but `None` for a request that was let through without a token, behind
    /// [`OptionalToken`](crate::OptionalToken): what `Option<Claims>` is to the extractor.
    ///
    /// # Errors
    /// No layer of this crate has seen the request. Who takes that for "no token" serves everybody as a stranger where a
    /// layer was forgotten.
    pub fn from_extensions_optional(extensions: &Extensions) -> Result<Option<Self>, ClaimsRejection> {
        let authorized = authorized::<Option<Self>>(extensions)?;
        Ok(authorized.claims.clone().map(|verified| Self { verified, custom: Standard }))
    }
}

impl<T> From<Claims<T>> for scopegate::Claims {
    fn from(claims: Claims<T>) -> Self {
        claims.verified
    }
}

impl<T> Deref for Claims<T> {
    type Target = scopegate::Claims;

    fn deref(&self) -> &scopegate::Claims {
        &self.verified
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Claims {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        Self::from_extensions(&parts.extensions).map_err(|rejection| rejection.at(parts))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        let (authorizer, verified) =
            required::<Self>(&parts.extensions).map_err(|rejection| rejection.at(parts))?;
        typed(authorizer, verified)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Claims {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ClaimsRejection> {
        Self::from_extensions_optional(&parts.extensions).map_err(|rejection| rejection.at(parts))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ClaimsRejection> {
        let authorized =
            authorized::<Option<Self>>(&parts.extensions).map_err(|rejection| rejection.at(parts))?;
        authorized.claims.clone().map(|claims| typed(&authorized.authorizer, claims)).transpose()
    }
}

fn authorized<Wanted>(extensions: &Extensions) -> Result<&Authorized, ClaimsRejection> {
    let reason = Reason::NoLayer { wanted: type_name::<Wanted>(), at: None };
    extensions.get().ok_or(ClaimsRejection(reason))
}

fn required<Wanted>(
    extensions: &Extensions,
) -> Result<(&Arc<Authorizer>, scopegate::Claims), ClaimsRejection> {
    let authorized = authorized::<Wanted>(extensions)?;
    match authorized.claims.clone() {
        Some(claims) => Ok((&authorized.authorizer, claims)),
        None => Err(ClaimsRejection::rejected(&authorized.authorizer, Rejection::NoCredentials)),
    }
}

fn typed<T: DeserializeOwned>(
    authorizer: &Arc<Authorizer>,
    verified: scopegate::Claims,
) -> Result<Claims<T>, ClaimsRejection> {
    match verified.parse() {
        Ok(custom) => Ok(Claims { verified, custom }),
        Err(error) => Err(ClaimsRejection::rejected(authorizer, Rejection::Token(error))),
    }
}

/// Why a handler's [`Claims`] could not be had.
#[derive(Debug)]
pub struct ClaimsRejection(pub(crate) Reason);

#[derive(Debug)]
pub(crate) enum Reason {
    /// No layer of this crate has seen the request, which went to this handler, if that is known.
    NoLayer { wanted: &'static str, at: Option<(Method, String)> },
    /// The caller is at fault. The response is the layer's.
    Rejected { authorizer: Arc<Authorizer>, rejection: Rejection },
}

impl ClaimsRejection {
    fn rejected(authorizer: &Arc<Authorizer>, rejection: Rejection) -> Self {
        Self(Reason::Rejected { authorizer: Arc::clone(authorizer), rejection })
    }

    fn at(mut self, parts: &Parts) -> Self {
        if let Reason::NoLayer { at, .. } = &mut self.0 {
            *at = Some((parts.method.clone(), parts.uri.path().to_owned()));
        }
        self
    }
}

impl fmt::Display for ClaimsRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::NoLayer { wanted, at: Some((method, path)) } => write!(
                f,
                "the handler of {method} {path:?} takes {wanted}, and its route has no RequireScope, RequireToken or \
                 OptionalToken layer"
            ),
            Reason::NoLayer { wanted, at: None } => write!(
                f,
                "{wanted} was asked of a request that no RequireScope, RequireToken or OptionalToken layer has seen"
            ),
            Reason::Rejected { rejection, .. } => fmt::Display::fmt(rejection, f),
        }
    }
}

impl std::error::Error for ClaimsRejection {}

/// The response's text.
pub(crate) const NO_LAYER: &str = "the server is misconfigured";

impl IntoResponse for ClaimsRejection {
    fn into_response(self) -> Response {
        match self.0 {
            // Extractors are axum's, and so are their responses.
            Reason::Rejected { authorizer, rejection } => {
                rejection.into_response(&authorizer.templates, Protocol::Http)
            }
            Reason::NoLayer { .. } => {
                tracing::error!("{self}");
                problem(StatusCode::INTERNAL_SERVER_ERROR, NO_LAYER)
            }
        }
    }
}
