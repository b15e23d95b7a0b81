//! A protected API on a socket, and a caller.

use axum::Router;
use axum::handler::Handler as _;
use axum::routing::get;
use reqwest::{Client, Response};
use scopegate_axum::{Claims, Issuer, RequireScope, RequireToken, Verifier};
use scopegate_issuer::LocalIssuer;
use testkit::serve;

pub(crate) const READ: &str = "https://my-api-server.org/api.read";
pub(crate) const WRITE: &str = "https://my-api-server.org/api.write";

/// The id and the secret of a client in the local issuer's built-in configuration.
pub(crate) const READER: (&str, &str) = ("local-reader", "local-reader-secret");
pub(crate) const WRITER: (&str, &str) = ("local-writer", "local-writer-secret");

/// An issuer and an API that trusts two of its clients.
pub(crate) struct Running {
    pub(crate) issuer: LocalIssuer,
    pub(crate) url: String,
    pub(crate) http: Client,
}

impl Running {
    pub(crate) async fn start() -> Self {
        let issuer = LocalIssuer::start().await.unwrap();
        let trusted = Issuer::cognito_at(issuer.issuer()).unwrap().clients([READER.0, WRITER.0]);
        let verifier = Verifier::builder().trust(trusted).start().await.unwrap();
        let url = serve(router(&verifier)).await;
        Self { issuer, url, http: Client::builder().no_proxy().build().unwrap() }
    }

    /// Requests an access token as a client does.
    pub(crate) async fn token(&self, (id, secret): (&str, &str), scope: &str) -> String {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let request = self.http.post(self.issuer.token_endpoint()).basic_auth(id, Some(secret)).form(&form);
        let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().expect("the issuer grants it").to_owned()
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Response {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(token);
        request.send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, token: &str) -> Response {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(token);
        request.send().await.unwrap()
    }
}

fn router(verifier: &Verifier) -> Router {
    let (read, write) = (RequireScope::new(verifier, READ), RequireScope::new(verifier, WRITE));
    let whoami = async |claims: Claims| claims.client_id().unwrap_or("?").to_owned();
    Router::new()
        .route("/orders", get((async || "orders").layer(read)).post((async || "created").layer(write)))
        .route("/whoami", get(whoami).layer(RequireToken::new(verifier)))
        .route("/health", get(async || "ok"))
}
