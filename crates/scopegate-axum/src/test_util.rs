//! Helpers for tests of an application (feature `test-util`): claims without a token, and a check
//! that routes require one.

use std::future::poll_fn;

use axum_core::body::Body;
use http::header::WWW_AUTHENTICATE;
use http::{Method, Request, Response, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower_service::Service;

use crate::claims::Claims;
use crate::rejection::Rejection;

impl Claims {
    /// Creates claims **without a token**, for unit tests of handlers. See
    /// [`scopegate::Claims::for_test`].
    ///
    /// ```
    /// use scopegate_axum::Claims;
    ///
    /// async fn whoami(claims: Claims) -> String {
    ///     claims.subject().unwrap_or("?").to_owned()
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let claims = Claims::for_test(serde_json::json!({ "sub": "user-1" }));
    /// assert_eq!(whoami(claims).await, "user-1");
    /// # }
    /// ```
    ///
    /// # Panics
    /// Panics if a token with such claims would be rejected for their form.
    #[track_caller]
    pub fn for_test(claims: impl Serialize) -> Self {
        scopegate::Claims::for_test(claims).into()
    }
}

impl<T: DeserializeOwned> Claims<T> {
    /// Like [`for_test`](Claims::for_test), for handlers that take `Claims<T>`.
    ///
    /// ```
    /// use scopegate_axum::Claims;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Ours {
    ///     tenant: String,
    /// }
    ///
    /// let claims = Claims::<Ours>::typed_for_test(serde_json::json!({ "tenant": "t1" }));
    /// assert_eq!(claims.custom.tenant, "t1");
    /// ```
    ///
    /// # Panics
    /// Panics if the claims are not a `T`, or a token with such claims would be rejected for their
    /// form.
    #[track_caller]
    #[allow(clippy::panic, reason = "documented: a test with wrong claims fails")]
    pub fn typed_for_test(claims: impl Serialize) -> Self {
        match scopegate::Claims::for_test(claims).try_into() {
            Ok(claims) => claims,
            Err(rejection) => panic!("Claims::typed_for_test: {rejection:?}"),
        }
    }
}

/// Asserts that a layer of this crate rejects a request without a token on each of these routes,
/// with a
/// 401. It finds routes that were added after the layer, which the layer does not cover.
///
/// The service is the whole application, for example an axum `Router`. A route is a method and a
/// path. A path segment in braces, such as `{id}`, stands for any value. List every route except
/// the public ones. For an application with an OpenAPI document, [`openapi_routes`] returns them.
///
/// Each request is sent to the application, so the handler of a route without a layer runs.
///
/// ```
/// use axum::{Router, handler::Handler, routing::get};
/// use http::Method;
/// use scopegate_axum::{RequireScope, Verifier, test_util};
///
/// fn app(verifier: &Verifier) -> Router {
///     let read = RequireScope::new(verifier, "orders/read");
///     let order = get(async || "order 7").layer(read);
///     Router::new().route("/orders/{id}", order).route("/health", get(async || "ok"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let local = scopegate_issuer::LocalIssuer::start().await?;
/// # let issuer = scopegate_axum::Issuer::cognito_at(local.issuer())?.client("local-reader");
/// # let verifier = Verifier::builder().trust(issuer).start().await?;
/// test_util::assert_protected(app(&verifier), [(Method::GET, "/orders/{id}")]).await;
/// # Ok(()) }
/// ```
///
/// # Panics
/// Panics if a route is not protected. The message lists all such routes and their statuses. Panics
/// also if there are no routes, because nothing would be checked.
pub async fn assert_protected<S, B, P>(service: S, routes: impl IntoIterator<Item = (Method, P)>)
where
    S: Service<Request<Body>, Response = Response<B>>,
    P: AsRef<str>,
{
    let open = unprotected(service, routes).await;
    assert!(
        open.is_empty(),
        "expected a 401 of a scopegate layer for a request without a token, found:\n{}",
        open.join("\n")
    );
}

/// Like [`assert_protected`], but returns the routes that are not protected, each with its status.
/// If there are no routes, it returns one line about that.
pub async fn unprotected<S, B, P>(
    mut service: S,
    routes: impl IntoIterator<Item = (Method, P)>,
) -> Vec<String>
where
    S: Service<Request<Body>, Response = Response<B>>,
    P: AsRef<str>,
{
    let mut open = Vec::new();
    let mut routes = routes.into_iter().peekable();
    if routes.peek().is_none() {
        open.push("no routes: nothing was checked".to_owned());
    }
    for (method, path) in routes {
        let path = path.as_ref();
        let Some(request) = request(&method, path) else {
            open.push(format!("{method} {path}: not a path"));
            continue;
        };
        let is_ready = poll_fn(|cx| service.poll_ready(cx)).await.is_ok();
        match if is_ready { service.call(request).await.ok() } else { None } {
            Some(response) if is_rejection(&response) => {}
            Some(response) => open.push(format!("{method} {path}: {}", response.status())),
            None => open.push(format!("{method} {path}: the service failed")),
        }
    }
    open
}

/// Returns whether a layer of this crate sent the response. Another middleware may send a 401 too.
fn is_rejection<B>(response: &Response<B>) -> bool {
    let of_layer =
        response.extensions().get::<Rejection>().is_some_and(|rejection| rejection.raised().is_none());
    of_layer
        && response.status() == StatusCode::UNAUTHORIZED
        && response.headers().contains_key(WWW_AUTHENTICATE)
}

fn request(method: &Method, path: &str) -> Option<Request<Body>> {
    let filled: Vec<&str> =
        path.split('/').map(|segment| if segment.starts_with('{') { "1" } else { segment }).collect();
    let uri: Uri = filled.join("/").parse().ok()?;
    Request::builder().method(method).uri(uri).body(Body::empty()).ok()
}

/// Returns the protected operations of an OpenAPI 3 document, for [`assert_protected`].
///
/// An operation is public if its `security` is `[]`, or has an alternative without a scheme. If
/// neither the operation nor the document has `security`, the operation counts as protected, so
/// that a forgotten declaration is found too. If all operations are public, the list is empty, and
/// [`assert_protected`] panics.
///
/// ```
/// use scopegate_axum::test_util;
/// # use http::Method;
///
/// let document = serde_json::json!({ "paths": {
///     "/orders/{id}": { "get": { "security": [{ "oauth2": ["orders/read"] }] }, "delete": {} },
///     "/health": { "get": { "security": [] } },
/// } });
/// let routes = test_util::openapi_routes(&document);
/// let id = "/orders/{id}".to_owned();
/// assert_eq!(routes, [(Method::DELETE, id.clone()), (Method::GET, id)]);
/// ```
///
/// # Panics
/// Panics if a path is a `$ref`. Resolve references first, because they are not followed.
#[track_caller]
pub fn openapi_routes(document: &serde_json::Value) -> Vec<(Method, String)> {
    const METHODS: [Method; 8] = [
        Method::DELETE,
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
        Method::POST,
        Method::PUT,
        Method::TRACE,
    ];
    let global = document.get("security");
    let mut routes = Vec::new();
    for (path, item) in document.get("paths").and_then(serde_json::Value::as_object).into_iter().flatten() {
        assert!(item.get("$ref").is_none(), "the path {path:?} is a `$ref`, which is not followed");
        for method in &METHODS {
            let Some(operation) = item.get(method.as_str().to_ascii_lowercase()) else { continue };
            if !operation.get("security").or(global).is_some_and(is_public) {
                routes.push((method.clone(), path.clone()));
            }
        }
    }
    routes
}

/// Returns whether there is no alternative, or an alternative without a scheme.
fn is_public(security: &serde_json::Value) -> bool {
    let is_empty = |one: &serde_json::Value| one.as_object().is_some_and(serde_json::Map::is_empty);
    security
        .as_array()
        .is_some_and(|alternatives| alternatives.is_empty() || alternatives.iter().any(is_empty))
}
