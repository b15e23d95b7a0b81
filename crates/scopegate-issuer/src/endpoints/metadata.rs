//! The two metadata documents of a pool. They share one set of members, so they cannot differ.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use crate::http::json_response;
use crate::keys::algorithm::Algorithm;
use crate::pool::registry::{PoolId, Pools, find, not_found};
use crate::pool::state::PoolState;

/// Returns the document of `OpenID` Connect Discovery 1.0 §3, which is the only one in Cognito.
pub(crate) async fn openid_configuration(State(pools): State<Pools>, id: PoolId) -> Response {
    let Some(pool) = find(&pools, &id) else { return not_found() };
    let mut document = common(pool);
    if let Some(members) = document.as_object_mut() {
        members.insert("subject_types_supported".into(), json!(["public"]));
        members.insert("id_token_signing_alg_values_supported".into(), json!(["RS256"]));
    }
    json_response::ok(document.to_string())
}

/// Returns the document of RFC 8414 §2.
pub(crate) async fn authorization_server(State(pools): State<Pools>, id: PoolId) -> Response {
    find(&pools, &id).map_or_else(not_found, |pool| json_response::ok(common(pool).to_string()))
}

fn common(pool: &PoolState) -> Value {
    let mut methods = vec!["client_secret_basic", "client_secret_post"];
    // Cognito has no such clients, so add this only if the pool has one.
    if pool.config().clients.iter().any(|client| client.key.is_some()) {
        methods.push("private_key_jwt");
    }
    let mut members = json!({
        "issuer": pool.issuer(),
        "jwks_uri": pool.jwks_uri(),
        // RFC 8414 §2 does not require it here, because no grant uses it. But Cognito has it, and the
        // official MCP clients reject metadata without it.
        "authorization_endpoint": pool.authorization_endpoint(),
        "token_endpoint": pool.token_endpoint(),
        "revocation_endpoint": pool.revocation_endpoint(),
        "introspection_endpoint": pool.introspection_endpoint(),
        "introspection_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_methods_supported": methods,
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": pool.config().scopes().collect::<Vec<_>>(),
        // Required by RFC 8414 §2. It is empty, because the authorization endpoint rejects each type.
        "response_types_supported": [],
        // RFC 9449 §5.1
        "dpop_signing_alg_values_supported": Algorithm::names_for_proofs().collect::<Vec<_>>(),
    });
    let has_certificates = pool.config().clients.iter().any(|client| client.certificate.is_some());
    if let Some(members) = members.as_object_mut().filter(|_| has_certificates) {
        // RFC 8705 §3.3
        members.insert("tls_client_certificate_bound_access_tokens".into(), true.into());
    }
    members
}
