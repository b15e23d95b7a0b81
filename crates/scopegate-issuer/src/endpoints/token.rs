//! `POST …/oauth2/token` for the client credentials grant (RFC 6749 §4.4).

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::client_auth::Credentials;
use crate::config::client::ClientConfig;
use crate::fault::Fault;
use crate::http::form::{Form, FormError};
use crate::http::oauth_error::{OAuthError, token_response};
use crate::pool::registry::{PoolId, Pools, find, not_found};
use crate::pool::state::PoolState;
use crate::scope;

/// Handles the token endpoint of one pool, where clients of other pools are unknown.
pub(crate) async fn pool_token(
    State(pools): State<Pools>,
    id: PoolId,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(pool) = find(&pools, &id) else { return not_found() };
    let fault = pool.begin_token_request();
    let request = Request::read(&headers, body).await;
    respond(request.and_then(|request| request.token_from(Some(pool))), fault).await
}

/// Handles the token endpoint that all pools share. The client id determines the pool, because ids
/// are unique.
pub(crate) async fn shared_token(State(pools): State<Pools>, headers: HeaderMap, body: Body) -> Response {
    let request = Request::read(&headers, body).await;
    let pool = request.as_ref().ok().and_then(|request| request.credentials.pool(&pools));
    let responsible = pool.or(pools.first());
    let fault = responsible.and_then(|pool| pool.begin_token_request());
    respond(request.and_then(|request| request.token_from(pool)), fault).await
}

async fn respond(result: Result<Response, OAuthError>, fault: Option<Fault>) -> Response {
    let response = result.unwrap_or_else(|error| {
        tracing::info!(reason = ?error, "no token issued");
        error.into_response()
    });
    match fault {
        None => response,
        Some(fault) => {
            tracing::debug!("token endpoint responds with a fault");
            fault.apply(response).await
        }
    }
}

/// A well-formed request with unverified credentials.
pub(super) struct Request {
    pub(super) form: Form,
    pub(super) credentials: Credentials,
}

impl Request {
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, OAuthError> {
        if !is_form(headers) {
            return Err(OAuthError::ContentType);
        }
        let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| OAuthError::BodyTooLarge)?;
        let form = Form::parse(&body).map_err(|error| match error {
            FormError::Malformed => OAuthError::MalformedBody,
            FormError::Repeated => OAuthError::RepeatedParameter,
        })?;
        let credentials = Credentials::read(headers, &form)?;
        Ok(Self { form, credentials })
    }

    /// Checks the client, the grant, the scope and the resource in this order. Unknown parameters
    /// are ignored (RFC 6749 §3.2).
    fn token_from(&self, pool: Option<&Arc<PoolState>>) -> Result<Response, OAuthError> {
        let grant_type = self.form.get("grant_type").ok_or(OAuthError::MissingGrantType)?;
        let client = self.credentials.check(pool)?;
        if grant_type != "client_credentials" {
            return Err(OAuthError::UnsupportedGrant);
        }
        let granted = self.granted_scope(client.settings)?;
        let audience = self.audience(client.pool)?;

        let lifetime = client.settings.access_token_lifetime_secs;
        let mint = client.pool.mint_for(client.settings).scope(&granted);
        let token = audience.into_iter().fold(mint, |mint, audience| mint.claim("aud", audience)).sign();
        let mut body = Map::new();
        body.insert("access_token".into(), token.into());
        body.insert("expires_in".into(), lifetime.into());
        body.insert("token_type".into(), "Bearer".into());
        // RFC 6749 §5.1: required if it differs from the requested scope. Cognito omits it otherwise.
        if self.form.get("scope") != Some(&granted) {
            body.insert("scope".into(), granted.into());
        }
        tracing::info!(
            client = client.settings.display_name(),
            pool = client.pool.config().id,
            "token issued"
        );
        Ok(token_response(StatusCode::OK, &Value::Object(body)))
    }

    /// Returns the requested resources (RFC 8707 §2) as the value of `aud`. As in Cognito, one
    /// resource is a string and several are an array.
    fn audience(&self, pool: &PoolState) -> Result<Option<Value>, OAuthError> {
        let named: Vec<&str> = self.form.resources().collect();
        let servers = &pool.config().resource_servers;
        if !named.iter().all(|named| servers.iter().any(|server| server.identifier == *named)) {
            return Err(OAuthError::UnknownResource);
        }
        Ok(match named.as_slice() {
            [] => None,
            [one] => Some((*one).into()),
            several => Some(several.into()),
        })
    }

    /// Returns the requested scope if the client has all of it. If the request has no scope,
    /// returns all scopes of the client.
    fn granted_scope(&self, client: &ClientConfig) -> Result<String, OAuthError> {
        let Some(requested) = self.form.get("scope") else { return Ok(client.scopes.join(" ")) };
        let requested = scope::parse(requested).ok_or(OAuthError::MalformedScope)?;
        if requested.iter().all(|token| client.scopes.iter().any(|attached| attached == token)) {
            Ok(requested.join(" "))
        } else {
            Err(OAuthError::ScopeNotAllowed)
        }
    }
}

/// Returns whether there is exactly one `Content-Type` and it is the type of a form. Its parameters
/// are ignored.
fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let essence = only.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The maximum length of a request. Typical requests have a few hundred bytes. Cognito's limits are
/// far lower.
const MAX_BODY_BYTES: usize = 16 * 1024;
