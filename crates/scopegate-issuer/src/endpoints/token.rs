//! `POST …/oauth2/token` for the client credentials grant (RFC 6749 §4.4).

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use crate::client_auth::Credentials;
use crate::config::client::ClientConfig;
use crate::dpop::DPOP_NONCE;
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
    let endpoint = pool.token_endpoint();
    let response =
        response_to(request.and_then(|request| request.token_from(Some(pool), &headers, &endpoint)));
    respond(with_nonce(response, Some(pool)), fault).await
}

/// Handles the token endpoint that all pools share. The client id determines the pool, because ids
/// are unique.
pub(crate) async fn shared_token(State(pools): State<Pools>, headers: HeaderMap, body: Body) -> Response {
    let request = Request::read(&headers, body).await;
    let pool = request.as_ref().ok().and_then(|request| request.credentials.pool(&pools));
    let responsible = pool.or(pools.first());
    let fault = responsible.and_then(|pool| pool.begin_token_request());
    let endpoint = responsible.map(|pool| pool.shared_token_endpoint()).unwrap_or_default();
    let response = response_to(request.and_then(|request| request.token_from(pool, &headers, endpoint)));
    respond(with_nonce(response, pool), fault).await
}

fn response_to(result: Result<Response, OAuthError>) -> Response {
    result.unwrap_or_else(|error| {
        tracing::info!(reason = ?error, "no token issued");
        error.into_response()
    })
}

pub(super) async fn respond(response: Response, fault: Option<Fault>) -> Response {
    match fault {
        None => response,
        Some(fault) => {
            tracing::debug!("endpoint responds with a fault");
            fault.apply(response).await
        }
    }
}

/// Adds the nonce for the next proof (RFC 9449 §8.2), if the pool requires nonces.
fn with_nonce(mut response: Response, pool: Option<&Arc<PoolState>>) -> Response {
    let nonce = pool.and_then(|pool| pool.dpop().nonce()).and_then(|nonce| HeaderValue::try_from(nonce).ok());
    if let Some(nonce) = nonce {
        response.headers_mut().insert(DPOP_NONCE, nonce);
    }
    response
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

    /// Checks the client, the grant, the scope, the resource and the DPoP proof in this order. Unknown
    /// parameters are ignored (RFC 6749 §3.2). The proof is recorded last, so that a rejected request
    /// does not use it up, also if there is no room for another opaque token.
    fn token_from(
        &self,
        pool: Option<&Arc<PoolState>>,
        headers: &HeaderMap,
        endpoint: &str,
    ) -> Result<Response, OAuthError> {
        let grant_type = self.form.get("grant_type").ok_or(OAuthError::MissingGrantType)?;
        let client = self.credentials.check(pool)?;
        if grant_type != "client_credentials" {
            return Err(OAuthError::UnsupportedGrant);
        }
        let granted = self.granted_scope(client.settings)?;
        let audience = self.audience(client.pool)?;
        let (dpop, now) = (client.pool.dpop(), client.pool.now());
        let proven = dpop.check(headers, endpoint, now)?;
        if proven.is_none() && client.settings.dpop_bound_access_tokens {
            return Err(OAuthError::MissingDpopProof);
        }

        let lifetime = client.settings.access_token_lifetime_secs;
        let mint = client.pool.mint_for(client.settings).scope(&granted);
        let mint = audience.into_iter().fold(mint, |mint, audience| mint.claim("aud", audience));
        // RFC 9449 §5. A token that is bound to a certificate only is a bearer token (RFC 8705 §3).
        let token_type = if proven.is_some() { "DPoP" } else { "Bearer" };
        let mint = proven.iter().fold(mint, |mint, proven| mint.confirmed_by("jkt", proven.thumbprint()));
        let opaque = client.settings.opaque_tokens.then(|| client.pool.opaque_tokens());
        let token = match opaque {
            Some(tokens) => tokens.issue(mint.claims(), now).ok_or(OAuthError::TooManyTokens)?,
            None => mint.sign(),
        };
        if let Some(proven) = &proven {
            dpop.record(proven, now).inspect_err(|_| {
                if let Some(tokens) = opaque {
                    tokens.revoke(&token);
                }
            })?;
        }
        let mut body = Map::new();
        body.insert("access_token".into(), token.into());
        body.insert("expires_in".into(), lifetime.into());
        body.insert("token_type".into(), token_type.into());
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
