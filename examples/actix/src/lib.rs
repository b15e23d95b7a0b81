//! An adapter of `Authorizer` for actix-web: it takes the headers, and returns a response of
//! actix-web.

use std::fmt;
use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError, get};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use scopegate::http::{Authorizer, Credentials, Grant, Rejection, ResponseTemplate};
use scopegate::{Claims, ConfigError, Decision, Verifier};

/// The requirements of the routes. Create it once at startup.
pub struct Routes {
    read: Authorizer,
    whoami: Authorizer,
    /// The issuer of the owners in `/orders/{owner}`.
    owner_issuer: String,
}

impl Routes {
    /// Prepares the requirements. Orders belong to users of the issuer `owner_issuer`.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if a scope is invalid.
    pub fn new(verifier: &Verifier, owner_issuer: &str) -> Result<Self, ConfigError> {
        let read = Authorizer::require_scope(verifier, "https://my-api-server.org/api.read")?;
        Ok(Self { read, whoami: Authorizer::require_token(verifier), owner_issuer: owner_issuer.to_owned() })
    }
}

/// Registers the routes.
pub fn configure(routes: Data<Routes>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config.app_data(routes).service(order).service(whoami);
    }
}

#[get("/orders/{owner}")]
async fn order(request: HttpRequest, routes: Data<Routes>, owner: Path<String>) -> Result<String, Rejected> {
    let owner = owner.into_inner();
    // A rule besides scopes: compare the token's issuer and subject with those of the owner. The owner's
    // issuer must be configured or stored. If it were taken from the token, every issuer would match.
    let is_owner = |claims: &Claims| claims.identity() == (routes.owner_issuer.as_str(), owner.as_str());
    let claims = authorize(&routes.read, &request, is_owner).await?;
    Ok(format!("orders of {}", claims.subject().unwrap_or("?")))
}

#[get("/whoami")]
async fn whoami(request: HttpRequest, routes: Data<Routes>) -> Result<String, Rejected> {
    let claims = authorize(&routes.whoami, &request, |_| true).await?;
    Ok(claims.client_id().unwrap_or("?").to_owned())
}

/// Decides about a request, and records the decision: the same log event, metric and observers as
/// with the layers of `scopegate-axum`.
async fn authorize(
    authorizer: &Authorizer,
    request: &HttpRequest,
    rule: impl Fn(&Claims) -> bool,
) -> Result<Claims, Rejected> {
    let started = Instant::now();
    let headers = credentials(request);
    let result = decide(authorizer, request, &headers, rule).await;
    let decision = match (&result, Credentials::from_headers(&headers)) {
        (Ok(claims), _) => Decision::accepted(Some(claims)),
        (Err(rejection), Credentials::Bearer(token)) => rejection.decision().with_token(token.as_bytes()),
        (Err(rejection), _) => rejection.decision(),
    };
    let decision = decision.with_method(request.method().as_str()).with_elapsed(started.elapsed());
    let route = request.match_pattern();
    authorizer.record(&route.as_deref().map_or(decision, |route| decision.with_route(route)));
    result.map_err(|rejection| Rejected(authorizer.response(&rejection)))
}

/// Decides about a request. A DPoP proof is recorded after the rule: a rejected request must not use
/// it up.
async fn decide(
    authorizer: &Authorizer,
    request: &HttpRequest,
    headers: &HeaderMap,
    rule: impl Fn(&Claims) -> bool,
) -> Result<Claims, Rejection> {
    // actix-web has the types of an older version of the crate `http`.
    let method = Method::from_bytes(request.method().as_str().as_bytes());
    let (Ok(method), Ok(uri)) = (method, request.uri().path().parse::<Uri>()) else {
        return Err(Rejection::no_credentials());
    };
    let denied = || Rejection::forbidden("not_owner");
    match authorizer.authorize_request(&method, &uri, headers).settle(authorizer).await? {
        Grant::Proven(proven) if rule(proven.claims()) => {
            let accepted = proven.record_and_wait(None).await?;
            accepted.into_claims().ok_or_else(Rejection::no_credentials)
        }
        Grant::Proven(proven) => Err(proven.reject(denied())),
        Grant::Accepted(accepted) => match accepted.into_claims() {
            Some(claims) if rule(&claims) => Ok(claims),
            Some(claims) => Err(denied().with_claims(claims)),
            // Only returned if a token is optional.
            None => Err(Rejection::no_credentials()),
        },
    }
}

/// Returns all `Authorization` and `DPoP` headers. The authorizer rejects a request with two of one
/// name.
fn credentials(request: &HttpRequest) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in ["authorization", "dpop"] {
        let values = request.headers().get_all(name);
        for value in values.filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// The response to a rejected request.
#[derive(Debug)]
pub struct Rejected(ResponseTemplate);

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.detail())
    }
}

impl ResponseError for Rejected {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let response = self.0.clone().into_response();
        let mut builder = HttpResponse::build(self.status_code());
        for (name, value) in response.headers() {
            builder.append_header((name.as_str(), value.as_bytes()));
        }
        builder.body(response.into_body())
    }
}
