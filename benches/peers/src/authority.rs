//! An issuer with one RSA key, and the tokens that it signs.

use axum::routing::get;
use axum::{Json, Router};
use scopegate_bench_kit::{CLIENT, READ, WRITE};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The audience of tokens, because most of the crates require `aud`.
pub const AUDIENCE: &str = "https://my-api-server.org";
/// The realm, which is a part of Keycloak's URLs.
pub const REALM: &str = "measured";

/// The issuer. It serves its keys and its metadata on the runtime on which it was started.
#[derive(Clone)]
pub struct Authority {
    pub url: String,
    key: SigningKey,
}

impl Authority {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback socket");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let authority = Self { url, key: SigningKey::generate(Algorithm::RS256) };
        let (keys, metadata) = (authority.jwks(), authority.metadata());
        let answer = move |document: &Value| {
            let document = document.clone();
            get(move || std::future::ready(Json(document.clone())))
        };
        let router = Router::new()
            .route("/keys", answer(&keys))
            .route("/.well-known/openid-configuration", answer(&metadata))
            .route(&format!("/realms/{REALM}/.well-known/openid-configuration"), answer(&metadata));
        tokio::spawn(async move { axum::serve(listener, router).await });
        authority
    }

    pub fn keys_url(&self) -> String {
        format!("{}/keys", self.url)
    }

    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.key.jwk()] })
    }

    fn metadata(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": self.keys_url(),
            "authorization_endpoint": format!("{}/authorize", self.url),
            "token_endpoint": format!("{}/token", self.url),
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })
    }

    /// Returns a token for all crates: Cognito's members, an `aud`, and the members that
    /// axum-keycloak-auth requires.
    pub fn mint(&self) -> Mint {
        Mint::cognito(&self.url, CLIENT)
            .scope(&format!("{READ} {WRITE}"))
            .claim("aud", AUDIENCE)
            .claim("typ", "Bearer")
            .claim("azp", CLIENT)
            .claim("realm_access", json!({ "roles": [READ] }))
    }

    pub fn sign(&self, mint: &Mint) -> String {
        mint.sign_with(&self.key)
    }

    pub fn key(&self) -> &SigningKey {
        &self.key
    }
}
