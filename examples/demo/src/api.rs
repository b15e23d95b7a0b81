//! The protected API: the file to copy from. Who is trusted is decided elsewhere; here a route says which scope it
//! needs, and a handler that takes [`Claims`] learns who calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use scopegate_axum::{Claims, Principal, RequireScope, RequireToken, Scope, Verifier};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Lets a caller read orders.
pub(crate) const READ: &str = "https://my-api-server.org/api.read";
/// Lets a caller place orders.
pub(crate) const WRITE: &str = "https://my-api-server.org/api.write";

/// Each handler wears its own layer. A layer on the method router, `get(list).layer(…).post(create)`, would cover the
/// methods before it and not those after it, so a method that is added in the wrong place would be open to everybody.
pub(crate) fn router(verifier: &Verifier) -> Router {
    let list = list.layer(RequireScope::new(verifier, READ));
    let create = create.layer(RequireScope::new(verifier, WRITE));
    let whoami = whoami.layer(RequireToken::new(verifier));
    Router::new()
        .route("/orders", get(list).post(create))
        .route("/whoami", get(whoami))
        .route("/health", get(health).with_state(verifier.clone()))
        .with_state(Orders::default())
}

/// Needs the scope to read.
async fn list(State(orders): State<Orders>) -> Json<Vec<Order>> {
    Json(orders.all().clone())
}

/// Needs the scope to write. Who orders is taken from the token, never from the body.
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

/// Needs a good token and no scope.
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

/// For load balancers, which have no token: whether tokens can be judged, and how old the keys for that are.
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
    (code, Json(json!({ "status": word, "issuers": issuers.collect::<Vec<_>>() })))
}

/// The body of `POST /orders`.
#[derive(Deserialize)]
struct Wanted {
    item: String,
    quantity: u32,
}

#[derive(Clone, Serialize)]
struct Order {
    id: usize,
    item: String,
    quantity: u32,
    ordered_by: String,
}

/// In memory: they are gone when the program ends.
#[derive(Clone, Default)]
struct Orders(Arc<Mutex<Vec<Order>>>);

impl Orders {
    fn all(&self) -> MutexGuard<'_, Vec<Order>> {
        // Nothing here panics between two halves of a change, so a poisoned lock still holds whole orders.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
