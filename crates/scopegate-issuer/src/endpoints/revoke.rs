//! `POST …/oauth2/revoke`: token revocation (RFC 7009).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::endpoints::token::Request;
use crate::http::oauth_error::OAuthError;
use crate::pool::registry::{PoolId, Pools, find, not_found};
use crate::pool::state::PoolState;

pub(crate) async fn revoke(
    State(pools): State<Pools>,
    id: PoolId,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(pool) = find(&pools, &id) else { return not_found() };
    match Request::read(&headers, body).await.and_then(|request| revoke_token(&request, pool)) {
        Ok(()) => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::OK;
            response
        }
        Err(error) => {
            tracing::info!(reason = ?error, "no token revoked");
            error.into_response()
        }
    }
}

/// Revokes an access token of this client. A token that is invalid, or of another issuer, is no
/// error: it is invalid already (RFC 7009 §2.2). A hint about the type is ignored (§2.1).
fn revoke_token(request: &Request, pool: &Arc<PoolState>) -> Result<(), OAuthError> {
    let token = request.form.get("token").ok_or(OAuthError::MissingToken)?;
    let client = request.credentials.check(Some(pool))?;
    let Some(claims) = pool.claims_of(token) else { return Ok(()) };
    let claim = |name| claims.get(name).and_then(Value::as_str);
    if claim("token_use") != Some("access") {
        return Err(OAuthError::UnsupportedTokenType);
    }
    if claim("client_id") != Some(client.settings.id.as_str()) {
        return Err(OAuthError::TokenOfAnotherClient);
    }
    pool.revoke(token, &claims);
    Ok(())
}
