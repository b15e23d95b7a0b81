//! `POST …/events/poll`: the poll endpoint of a transmitter of security events (RFC 8936 §2).

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::json_response;
use crate::pool::registry::{PoolId, Pools, find, not_found};

/// The maximum length of a request, with the results of a hundred SETs.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// The number of SETs in a response, if the request does not limit it.
const DEFAULT_MAX: usize = 100;

/// A response has no more, whatever the request allows.
const LARGEST_MAX: usize = 256;

/// Responds at once, also if the receiver would wait: there is nothing to wait for in a test.
pub(crate) async fn poll(State(pools): State<Pools>, id: PoolId, body: Body) -> Response {
    let Some(pool) = find(&pools, &id) else { return not_found() };
    let malformed =
        || json_response::error(StatusCode::BAD_REQUEST, "invalid_request", "expected a poll of RFC 8936");
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else { return malformed() };
    let Some(request) = PollRequest::parse(&body) else { return malformed() };
    let (sets, more) = pool.events().poll(&request.acknowledged, &request.rejected, request.max);
    let sets: Map<String, Value> = sets.into_iter().map(|(id, set)| (id, set.into())).collect();
    json_response::ok(json!({ "sets": sets, "moreAvailable": more }).to_string())
}

struct PollRequest {
    acknowledged: Vec<String>,
    rejected: Vec<(String, String)>,
    max: usize,
}

impl PollRequest {
    fn parse(body: &[u8]) -> Option<Self> {
        let request: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let acknowledged = match request.get("ack") {
            None => Vec::new(),
            Some(ids) => serde_json::from_value(ids.clone()).ok()?,
        };
        let rejected = match request.get("setErrs") {
            None => Vec::new(),
            Some(errors) => {
                let code = |(id, error): (&String, &Value)| {
                    Some((id.clone(), error.get("err")?.as_str()?.to_owned()))
                };
                errors.as_object()?.iter().map(code).collect::<Option<_>>()?
            }
        };
        let max = match request.get("maxEvents") {
            None => DEFAULT_MAX,
            Some(max) => usize::try_from(max.as_u64()?).ok()?.min(LARGEST_MAX),
        };
        Some(Self { acknowledged, rejected, max })
    }
}
