//! How does a transmitter push security events? The HTTP endpoint of RFC 8935.

mod permits;
mod response;
pub(crate) mod sender;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::body::Body;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use scopegate::SecurityEvents;
use tokio::time::timeout;
use tower_service::Service;

use crate::security_events::permits::Permits;
use crate::security_events::response::{PushError, accepted};
use crate::security_events::sender::{InvalidBearerToken, SenderRule};

/// The endpoint to which a transmitter pushes security event tokens (RFC 8935), as a tower service.
///
/// ```
/// use axum::Router;
/// use scopegate_axum::{InvalidBearerToken, SecurityEventReceiver, SecurityEvents};
///
/// fn app(events: &SecurityEvents, bearer_token: &str) -> Result<Router, InvalidBearerToken> {
///     let receiver = SecurityEventReceiver::new(events, bearer_token)?;
///     Ok(Router::new().route_service("/security-events", receiver))
/// }
/// # let _ = app;
/// ```
///
/// | request | response |
/// | --- | --- |
/// | a valid SET, also a repeated one | 202 without a body: the revocations are effective |
/// | another or no bearer token | 400, `authentication_failed` |
/// | another content type than `application/secevent+jwt`, or more than 64 KiB | 400, `invalid_request` |
/// | a rejected SET | 400, with the [code](scopegate::SecurityEventError::code) of the error |
/// | any SET, while the transmitter's keys are unavailable or the store or the transmitter's share is full | 503, `Retry-After` |
/// | a SET whose key is unknown, for a refresh period of the keys | 503, `Retry-After` |
/// | more than 64 requests at the same time | 503, `Retry-After` |
/// | another method than `POST` | 405 |
///
/// The body of a 400 is `{"err": "…", "description": "…"}` (§2.3). Its texts are fixed, and the
/// reason is in the log. A transmitter must repeat a SET that was not acknowledged.
///
/// Don't put a layer such as [`RequireToken`](crate::RequireToken) around it, unless the
/// transmitter gets its tokens from an issuer of the verifier.
#[derive(Clone)]
pub struct SecurityEventReceiver {
    events: SecurityEvents,
    sender: Arc<SenderRule>,
    permits: Permits,
}

/// Maximum length of a request body. A SET has 16 KiB at most.
const MAX_BODY: usize = 64 * 1024;

/// Maximum time until the body has arrived.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many requests are served at the same time. Each may wait 2 s for a key.
const MAX_REQUESTS: usize = 64;

impl SecurityEventReceiver {
    /// Creates the endpoint. Requests must have this bearer token (RFC 6750 §2.1), which the
    /// transmitter's operator configures.
    ///
    /// # Errors
    /// Returns [`InvalidBearerToken`] if the token has fewer than 16 or more than 4,096
    /// characters, or characters that a bearer token cannot have.
    pub fn new(events: &SecurityEvents, bearer_token: &str) -> Result<Self, InvalidBearerToken> {
        Ok(Self::with(events, SenderRule::bearer(bearer_token)?))
    }

    /// Creates an endpoint without authentication of the sender. **Anyone who reaches it can cause
    /// a signature check with each request**, and can occupy its 64 places.
    ///
    /// Each SET is still verified: only a transmitter's key can revoke tokens. Call it if another
    /// layer identifies the transmitter, such as mutual TLS.
    pub fn allow_any_sender(events: &SecurityEvents) -> Self {
        Self::with(events, SenderRule::Any)
    }

    /// Also accepts this bearer token, so that the transmitter's token can be replaced without a
    /// gap. It has no effect on an endpoint that allows any sender.
    ///
    /// # Errors
    /// Returns the error of [`new`](Self::new).
    pub fn with_bearer_token(mut self, bearer_token: &str) -> Result<Self, InvalidBearerToken> {
        self.sender = Arc::new(self.sender.and(bearer_token)?);
        Ok(self)
    }

    fn with(events: &SecurityEvents, sender: SenderRule) -> Self {
        Self { events: events.clone(), sender: Arc::new(sender), permits: Permits::new(MAX_REQUESTS) }
    }

    async fn respond<B>(&self, request: Request<B>) -> Result<(), PushError>
    where
        B: http_body_util::BodyExt,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        if request.method() != Method::POST {
            return Err(PushError::Method);
        }
        // Before anything is read: others cost a comparison only.
        self.sender.check(request.headers())?;
        if !is_set(request.headers()) {
            return Err(PushError::ContentType);
        }
        let _permit = self.permits.acquire().ok_or(PushError::TooManyRequests)?;
        let set = read(request.into_body()).await?;
        self.events.receive(&set).await.map(|_| ()).map_err(PushError::Rejected)
    }
}

/// Compares the media type without case, and ignores parameters (RFC 9110 §8.3.1).
fn is_set(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case("application/secevent+jwt")
}

async fn read<B>(body: B) -> Result<Bytes, PushError>
where
    B: http_body_util::BodyExt,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(PushError::TooLarge),
        Ok(Err(_)) | Err(_) => Err(PushError::Incomplete),
    }
}

impl<B> Service<Request<B>> for SecurityEventReceiver
where
    B: http_body_util::BodyExt + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let receiver = self.clone();
        Box::pin(async move {
            Ok(match receiver.respond(request).await {
                Ok(()) => accepted(),
                Err(error) => {
                    if matches!(error, PushError::Unauthenticated) {
                        receiver.events.sender_rejected();
                    }
                    error.into_response()
                }
            })
        })
    }
}

/// Shows no token.
impl fmt::Debug for SecurityEventReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityEventReceiver").field("events", &self.events).finish_non_exhaustive()
    }
}
