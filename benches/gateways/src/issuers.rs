//! Issuers below one address: `/0`, `/1` and so on. They have the same key, which each reader prepares
//! for itself.

use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::{Value, json};

use crate::bind;

/// The client of the tokens.
const CLIENT: &str = "local-reader";
/// The number of issuers whose tokens are printed.
const TOKENS: u64 = 10;

/// Serves metadata and keys. Prints the address, the tokens, and the key set.
pub async fn serve(count: u64) {
    let (listener, url) = bind().await;
    let key = SigningKey::generate(Algorithm::RS256);
    let keys = json!({ "keys": [key.jwk()] });
    println!("{url}");
    for number in 0..count.min(TOKENS) {
        println!(
            "{}",
            Mint::cognito(&format!("{url}/{number}"), CLIENT).scope("orders/read").sign_with(&key)
        );
    }
    println!("{keys}");
    let metadata = move |Path(number): Path<u64>| {
        let found =
            if number < count { Ok(Json(metadata(&url, number))) } else { Err(StatusCode::NOT_FOUND) };
        std::future::ready(found)
    };
    let router = Router::new()
        .route("/{number}/.well-known/openid-configuration", get(metadata.clone()))
        .route("/.well-known/oauth-authorization-server/{number}", get(metadata))
        .route("/{number}/keys", get(move || std::future::ready(Json(keys.clone()))));
    axum::serve(listener, router).await.expect("it serves");
}

fn metadata(url: &str, number: u64) -> Value {
    json!({
        "issuer": format!("{url}/{number}"),
        "jwks_uri": format!("{url}/{number}/keys"),
        "authorization_endpoint": format!("{url}/{number}/authorize"),
        "token_endpoint": format!("{url}/{number}/token"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}
