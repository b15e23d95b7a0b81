//! The axum extractor for claims that a layer has verified. It verifies nothing itself.

pub(crate) mod rejection;

use std::any::type_name;
use std::ops::Deref;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::Extensions;
use http::request::Parts;
use scopegate::http::Rejection as Decided;
use scopegate::{AcceptedIssuers, Requirement};
use serde::de::DeserializeOwned;

use crate::authorize::Authorized;
use crate::claims::rejection::ClaimsRejection;
use crate::rejection::Rejection;

/// The claims of the caller's access token, in a handler.
///
/// The route needs a layer of this crate. `Claims` dereferences to [`scopegate::Claims`], which has
/// the standard claims. `Claims<T>` also reads the application's own claims into
/// [`custom`](Self::custom). `Option<Claims>` is for routes behind
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
/// Without a layer the response is a 500, and the log names the route. If the claims of the token
/// are not a `T`, the response is a 403 with the reason code `unexpected_claims`, because another
/// token would not help. It is logged at `WARN` with the claim that does not fit. If no token fits,
/// the type is wrong.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Claims<T = Standard> {
    verified: scopegate::Claims,
    /// The claims that the application defines.
    pub custom: T,
}

/// The type of [`Claims::custom`] if the application defines no claims.
#[derive(Clone, Copy, Debug)]
pub struct Standard;

impl<T> Claims<T> {
    /// Returns the verified claims, without the custom ones.
    pub fn into_verified(self) -> scopegate::Claims {
        self.verified
    }
}

impl<T> Claims<T> {
    /// Requires more scopes than the route. Use it if the content of a request decides which scopes
    /// are needed.
    ///
    /// ```
    /// use scopegate_axum::{Claims, Rejection};
    ///
    /// async fn approve(claims: Claims) -> Result<&'static str, Rejection> {
    ///     claims.require("orders/approve")?;
    ///     Ok("approved")
    /// }
    /// # let _ = approve;
    /// ```
    ///
    /// # Errors
    /// Returns a [`Rejection`] if the token lacks scopes. The layer sends it as its own 403.
    pub fn require(&self, required: impl Into<Requirement>) -> Result<(), Rejection> {
        let rejected = |error| Decided::from(error).with_claims(self.verified.clone());
        Ok(self.verified.require(required).map_err(rejected)?)
    }

    /// Requires a token of one of these issuers. Use it in a handler that knows the tenant of the
    /// requested resource. Layers can require it before the handler, see
    /// [`RequireScope::with_issuers_for`](crate::RequireScope::with_issuers_for).
    ///
    /// # Errors
    /// Returns a [`Rejection`] if another issuer or tenant issued the token. The layer sends it as a
    /// 401.
    pub fn require_issuer(&self, accepted: &AcceptedIssuers) -> Result<(), Rejection> {
        let rejected = |error| Decided::from(error).with_claims(self.verified.clone());
        Ok(self.verified.require_issuer(accepted).map_err(rejected)?)
    }
}

impl Claims {
    /// Returns the claims of a request with these extensions. Use it where extractors are
    /// unavailable, such as tower services and tonic handlers.
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
    /// Returns a [`ClaimsRejection`] if the request has passed no layer of this crate, which is
    /// also logged, or if it was accepted without a token.
    pub fn from_extensions(extensions: &Extensions) -> Result<Self, ClaimsRejection> {
        let (_, verified) = required::<Self>(extensions, None)?;
        Ok(Self { verified, custom: Standard })
    }

    /// Like [`from_extensions`](Self::from_extensions), but returns `None` if the request was
    /// accepted without a token, behind [`OptionalToken`](crate::OptionalToken).
    ///
    /// # Errors
    /// Returns a [`ClaimsRejection`] if the request has passed no layer of this crate, which is
    /// also logged. Don't treat it as an anonymous request: the route lacks a layer.
    pub fn from_extensions_optional(extensions: &Extensions) -> Result<Option<Self>, ClaimsRejection> {
        Ok(optional::<Self>(extensions, None)?.1.map(|verified| Self { verified, custom: Standard }))
    }
}

/// Converts claims that a [`Verifier`](crate::Verifier) has verified elsewhere. Unit tests of
/// handlers can use it too.
impl From<scopegate::Claims> for Claims {
    fn from(verified: scopegate::Claims) -> Self {
        Self { verified, custom: Standard }
    }
}

/// Reads the application's claims.
impl<T: DeserializeOwned> TryFrom<scopegate::Claims> for Claims<T> {
    type Error = Rejection;

    /// # Errors
    /// Returns a [`Rejection`] if the claims are not a `T`: 403, `unexpected_claims`.
    fn try_from(verified: scopegate::Claims) -> Result<Self, Rejection> {
        Ok(read(verified)?)
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
        let (_, verified) = required::<Self>(&parts.extensions, Some(parts))?;
        Ok(Self { verified, custom: Standard })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        let (authorized, verified) = required::<Self>(&parts.extensions, Some(parts))?;
        typed(authorized, verified)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Claims {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ClaimsRejection> {
        let (_, verified) = optional::<Self>(&parts.extensions, Some(parts))?;
        Ok(verified.map(|verified| Self { verified, custom: Standard }))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ClaimsRejection> {
        let (authorized, verified) = optional::<Self>(&parts.extensions, Some(parts))?;
        verified.map(|verified| typed(authorized, verified)).transpose()
    }
}

/// Returns the innermost layer's verdict, and its claims.
fn required<'a, Wanted>(
    extensions: &'a Extensions,
    at: Option<&Parts>,
) -> Result<(&'a Authorized, scopegate::Claims), ClaimsRejection> {
    match find(extensions, type_name::<Wanted>(), at)? {
        authorized @ Authorized { claims: Some(claims), .. } => Ok((authorized, claims.clone())),
        authorized => Err(ClaimsRejection::rejected(authorized, Decided::no_credentials())),
    }
}

/// Returns the innermost layer's verdict, and its claims if the request has a token.
fn optional<'a, Wanted>(
    extensions: &'a Extensions,
    at: Option<&Parts>,
) -> Result<(&'a Authorized, Option<scopegate::Claims>), ClaimsRejection> {
    let authorized = find(extensions, type_name::<Option<Wanted>>(), at)?;
    Ok((authorized, authorized.claims.clone()))
}

/// Returns the innermost layer's verdict. Logs a missing layer here, because without one nothing
/// logs the response.
fn find<'a>(
    extensions: &'a Extensions,
    wanted: &'static str,
    at: Option<&Parts>,
) -> Result<&'a Authorized, ClaimsRejection> {
    extensions.get().ok_or_else(|| {
        let rejection = ClaimsRejection::no_layer(wanted, at);
        tracing::error!(error = %rejection, "route has no layer");
        rejection
    })
}

fn typed<T: DeserializeOwned>(
    authorized: &Authorized,
    verified: scopegate::Claims,
) -> Result<Claims<T>, ClaimsRejection> {
    read(verified).map_err(|rejected| ClaimsRejection::rejected(authorized, rejected))
}

fn read<T: DeserializeOwned>(verified: scopegate::Claims) -> Result<Claims<T>, Decided> {
    match verified.parse() {
        Ok(custom) => Ok(Claims { verified, custom }),
        Err(error) => Err(Decided::from(error).with_claims(verified)),
    }
}
