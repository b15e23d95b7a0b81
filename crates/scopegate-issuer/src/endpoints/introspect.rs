//! `POST …/oauth2/introspect`: token introspection (RFC 7662), with signed
//! responses on request (RFC 9701).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::endpoints::token::{Request, respond};
use crate::http::oauth_error::{OAuthError, token_response};
use crate::pool::registry::{PoolId, Pools, find, not_found};
use crate::pool::state::PoolState;

pub(crate) async fn introspect(
    State(pools): State<Pools>,
    id: PoolId,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(pool) = find(&pools, &id) else { return not_found() };
    let fault = pool.begin_introspection();
    let request = Request::read(&headers, body).await;
    let response = match request.and_then(|request| introspected(&request, pool)) {
        Ok((client, members)) if asks_for_jwt(&headers) => signed_response(pool, &client, members),
        Ok((_, members)) => token_response(StatusCode::OK, &Value::Object(members)),
        Err(error) => {
            tracing::info!(reason = ?error, "no token introspected");
            error.into_introspection_response()
        }
    };
    respond(response, fault).await
}

const SIGNED: &str = "application/token-introspection+jwt";

/// Returns whether the request asks for a signed response (RFC 9701 §4).
fn asks_for_jwt(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(','));
    types.any(|media_type| {
        let (media_type, _) = media_type.split_once(';').unwrap_or((media_type, ""));
        media_type.trim().eq_ignore_ascii_case(SIGNED)
    })
}

/// Returns the response as a JWT for this client (RFC 9701 §5).
fn signed_response(pool: &PoolState, client: &str, members: Map<String, Value>) -> Response {
    let jwt = pool.signed_introspection(pool.mint().into_introspection_response(client, members)).sign();
    ([(CONTENT_TYPE, SIGNED), (CACHE_CONTROL, "no-store")], jwt).into_response()
}

/// Returns the client and the members of the response. Each client of the pool may introspect each
/// token. A hint about the type is ignored (§2.1).
fn introspected(
    request: &Request,
    pool: &Arc<PoolState>,
) -> Result<(String, Map<String, Value>), OAuthError> {
    let client = request.credentials.check(Some(pool))?.settings.id.clone();
    let token = request.form.get("token").ok_or(OAuthError::MissingToken)?;
    let claims = pool.opaque_tokens().claims(token).or_else(|| jwt_claims(token, pool));
    let Some(mut claims) = claims.filter(|claims| is_in_time(claims, pool.now())) else {
        // §2.2: an inactive token has no other member, so that the response reveals nothing.
        return Ok((client, Map::from_iter([("active".to_owned(), false.into())])));
    };
    let has_key = claims.get("cnf").is_some_and(|cnf| cnf.get("jkt").is_some());
    claims.insert("active".to_owned(), true.into());
    // RFC 9449 §6.2
    claims.insert("token_type".to_owned(), json!(if has_key { "DPoP" } else { "Bearer" }));
    Ok((client, claims))
}

/// Returns the claims of an access token that a key of the pool has signed, if it is not revoked.
fn jwt_claims(token: &str, pool: &PoolState) -> Option<Map<String, Value>> {
    let Value::Object(claims) = pool.verified(token)? else { return None };
    let claim = |name| claims.get(name).and_then(Value::as_str);
    let is_ours = claim("iss") == Some(pool.issuer()) && claim("token_use") == Some("access");
    let is_revoked = claim("jti").is_some_and(|id| pool.revoked().contains(id));
    (is_ours && !is_revoked).then_some(claims)
}

fn is_in_time(claims: &Map<String, Value>, now: u64) -> bool {
    let seconds = |name| claims.get(name).map(Value::as_u64);
    let has_begun = seconds("nbf").is_none_or(|from| from.is_some_and(|from| from <= now));
    has_begun && seconds("exp").is_none_or(|until| until.is_some_and(|until| now < until))
}
