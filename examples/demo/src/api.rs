//! The protected API, as a file to copy.
//!
//! Each route requires a scope, and handlers take the [`Claims`] of the caller. The attributes
//! above the handlers are for the OpenAPI document (`openapi.rs`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};
use scopegate_axum::{Claims, Principal, ProtectedResource, RequireScope, Scope, Verifier};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::openapi::{TokensFrom, guarded, with_page};

/// The scope for reading orders.
pub(crate) const READ: &str = "https://my-api-server.org/api.read";
/// The scope for placing orders.
pub(crate) const WRITE: &str = "https://my-api-server.org/api.write";

/// The title and the description of the API in the OpenAPI document.
#[derive(OpenApi)]
#[openapi(info(title = "Orders", description = "An API protected by scopegate."))]
struct Document;

/// Returns the router of the API. Each operation has its own layer.
///
/// A layer for several operations would only cover methods that were added before it. A method that
/// is added after it would be open to every caller.
///
/// `write` is the layer for placing orders, which may require more than its scope.
pub(crate) fn router(
    api: &ProtectedResource,
    write: RequireScope,
    verifier: &Verifier,
    tokens: TokensFrom,
) -> Router {
    let operations = OpenApiRouter::with_openapi(Document::openapi())
        .routes(guarded(routes!(list), api.require_scope(READ)))
        .routes(guarded(routes!(create), write))
        .routes(guarded(routes!(whoami), api.require_token()))
        .routes(routes!(health).with_state(verifier.clone()))
        .with_state(Orders::default());
    with_page(operations, api, tokens, describe).route_service(api.metadata_path(), api.metadata())
}

/// Returns the description of a scope in the OpenAPI document.
fn describe(scope: &str) -> &'static str {
    match scope {
        READ => "read the orders",
        WRITE => "place orders",
        _ => "",
    }
}

/// Reads the orders.
#[utoipa::path(get, path = "/orders", responses((status = OK, description = "All orders.", body = Vec<Order>)))]
async fn list(State(orders): State<Orders>) -> Json<Vec<Order>> {
    Json(orders.all().clone())
}

/// Places an order. The orderer is taken from the token, never from the body.
#[utoipa::path(post, path = "/orders", responses((status = CREATED, description = "The order.", body = Order)))]
async fn create(
    State(orders): State<Orders>,
    claims: Claims,
    Json(wanted): Json<Wanted>,
) -> (StatusCode, Json<Order>) {
    let mut orders = orders.all();
    let order = Order {
        id: orders.len() + 1,
        item: wanted.item,
        quantity: wanted.quantity,
        ordered_by: claims.client_id().unwrap_or("unknown").to_owned(),
    };
    orders.push(order.clone());
    (StatusCode::CREATED, Json(order))
}

/// Returns the claims of the token.
#[utoipa::path(get, path = "/whoami", responses((status = OK, description = "The caller.")))]
async fn whoami(claims: Claims) -> Json<Value> {
    let kind = match claims.principal() {
        Principal::Client { .. } => "client",
        Principal::Subject { .. } => "subject",
        _ => "unnamed",
    };
    let expires_in = SystemTime::from(claims.expires_at()).duration_since(SystemTime::now());
    Json(json!({
        "principal": kind,
        "client_id": claims.client_id(),
        "issuer": claims.issuer(),
        "scopes": claims.scopes().iter().map(Scope::as_str).collect::<Vec<_>>(),
        "expires_in": expires_in.unwrap_or_default().as_secs(),
    }))
}

/// Returns whether tokens can be verified, and the age of the keys. Load balancers need no token
/// for it.
#[utoipa::path(get, path = "/health", responses(
    (status = OK, description = "Tokens can be verified."),
    (status = SERVICE_UNAVAILABLE, description = "No keys are available.")
))]
async fn health(State(verifier): State<Verifier>) -> (StatusCode, Json<Value>) {
    let status = verifier.status();
    let (code, word) =
        if status.is_ready() { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "no keys") };
    let issuers = status.issuers().iter().map(|issuer| {
        json!({
            "issuer": issuer.issuer,
            "keys": issuer.key_ids.len(),
            "age_secs": issuer.age.map(|age| age.as_secs()),
        })
    });
    // Names of sources are paths, and failures may contain parts of a file. The log has them.
    let revocations = status.revocations().map(|revocations| {
        let sources = revocations.sources.iter().map(|source| {
            json!({
                "age_secs": source.age.map(|age| age.as_secs()),
                "failing": source.last_failure.is_some(),
                "malformed": source.malformed,
            })
        });
        json!({ "entries": revocations.entries, "sources": sources.collect::<Vec<_>>() })
    });
    let issuers: Vec<_> = issuers.collect();
    (code, Json(json!({ "status": word, "issuers": issuers, "revocations": revocations })))
}

/// The body of `POST /orders`.
#[derive(Deserialize, ToSchema)]
struct Wanted {
    item: String,
    quantity: u32,
}

#[derive(Clone, Serialize, ToSchema)]
struct Order {
    id: usize,
    item: String,
    quantity: u32,
    ordered_by: String,
}

/// All orders. They are lost when the program ends.
#[derive(Clone, Default)]
struct Orders(Arc<Mutex<Vec<Order>>>);

impl Orders {
    fn all(&self) -> MutexGuard<'_, Vec<Order>> {
        // No change of an order can be interrupted by a panic, so a poisoned lock is usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
