//! The Lambda authorizer: takes an event of API Gateway, and returns a decision.

pub mod event;
pub mod response;

use std::time::Instant;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use scopegate::Decision;
use scopegate::http::{Authorizer, Credentials, Grant, Rejection};

use crate::authorizer::event::Event;
use crate::authorizer::response::Response;

/// Serves invocations until the process ends.
///
/// # Errors
/// Returns an error if the runtime's interface cannot be reached.
pub async fn run(authorizer: &Authorizer) -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| async move {
        decide(authorizer, &event.payload).await
    }))
    .await
}

/// Decides about a request, and records the decision: the same log event, metric and observers as
/// with the layers of `scopegate-axum`.
///
/// # Errors
/// Returns the errors that API Gateway turns into 401 and 500, see [`Response::rejected`].
pub async fn decide(authorizer: &Authorizer, event: &Event) -> Result<Response, Diagnostic> {
    let started = Instant::now();
    // By the headers alone: API Gateway caches decisions by their token, and a DPoP proof is for one
    // request. So the verifier must not accept proofs.
    let claims = match authorizer.authorize(&event.headers).settle(authorizer).await {
        // There is no token only if it is optional.
        Ok(Grant::Accepted(accepted)) => accepted.into_claims().ok_or_else(Rejection::no_credentials),
        Ok(Grant::Proven(proven)) => Err(proven.reject(Rejection::forbidden("proof_not_supported"))),
        Err(rejection) => Err(rejection),
    };
    let decision = match (&claims, Credentials::from_headers(&event.headers)) {
        (Ok(claims), _) => Decision::accepted(Some(claims)),
        (Err(rejection), Credentials::Bearer(token)) => rejection.decision().with_token(token.as_bytes()),
        (Err(rejection), _) => rejection.decision(),
    };
    authorizer.record(&event.describe(decision.with_elapsed(started.elapsed())));
    match claims {
        Ok(claims) => Ok(Response::accepted(event, &claims)),
        Err(rejection) => Response::rejected(event, &rejection),
    }
}
