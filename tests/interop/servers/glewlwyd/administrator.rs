//! Configures the server with its administration interface. The administrator is also its only
//! user.

use std::time::Duration;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client as Http, Method, Response, Url};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use crate::api::{ANOTHER_API, API, READ, WRITE};
use crate::outcome::{Trouble, ensure};

/// The client for logins. No server listens at its redirect URI.
const WEB: &str = "web";
const CALLBACK: &str = "http://127.0.0.1:9/callback";

pub(super) struct Administrator {
    origin: String,
    http: Http,
    session: String,
}

impl Administrator {
    /// Logs in as soon as the server responds.
    pub(super) async fn log_in(origin: &str) -> Result<Self, Trouble> {
        let http = Http::builder().no_proxy().redirect(Policy::none()).timeout(Duration::from_secs(20));
        let mut administrator =
            Self { origin: origin.to_owned(), http: http.build()?, session: String::new() };
        administrator.wait().await?;
        let password = json!({ "username": "admin", "password": "password" });
        let answer = administrator.ask(Method::POST, "auth/", password).await?;
        let cookie = answer.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok());
        administrator.session = cookie.unwrap_or_default().chars().take_while(|c| *c != ';').collect();
        Ok(administrator)
    }

    /// Waits until the server responds.
    pub(super) async fn wait(&self) -> Result<(), Trouble> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.http.get(format!("{}/api/", self.origin)).send().await.is_err() {
            ensure!(Instant::now() < deadline, "glewlwyd has not started in time");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Adds an issuer that signs tokens with the first of these keys.
    pub(super) async fn add_issuer(&self, issuer: &str, keys: &[Value]) -> Result<(), Trouble> {
        self.ask(Method::POST, "mod/plugin/", settings(issuer, keys)?).await.map(drop)
    }

    /// Publishes these keys, and signs with the first one.
    pub(super) async fn publish(&self, issuer: &str, keys: &[Value]) -> Result<(), Trouble> {
        self.ask(Method::PUT, "mod/plugin/oidc", settings(issuer, keys)?).await?;
        self.ask(Method::PUT, "mod/plugin/oidc/reset", Value::Null).await.map(drop)
    }

    /// Adds a client for the client credentials grant, with its own settings.
    pub(super) async fn add_client(&self, own: Map<String, Value>) -> Result<(), Trouble> {
        let mut client = Map::from_iter([
            ("confidential".to_owned(), json!(true)),
            ("enabled".to_owned(), json!(true)),
            ("authorization_type".to_owned(), json!(["client_credentials"])),
            ("scope".to_owned(), json!([READ, WRITE])),
        ]);
        client.extend(own);
        self.ask(Method::POST, "client/", client.into()).await.map(drop)
    }

    /// Adds a client for logins, with the consent of the only user.
    pub(super) async fn add_login(&self) -> Result<(), Trouble> {
        let web = json!({
            "client_id": WEB, "client_secret": "not used", "confidential": true, "enabled": true, "scope": [],
            "authorization_type": ["id_token"], "redirect_uri": [CALLBACK],
        });
        self.ask(Method::POST, "client/", web).await?;
        let user = json!({
            "username": "admin", "name": "The Administrator", "email": "", "enabled": true,
            "scope": ["g_admin", "g_profile", "openid"],
        });
        self.ask(Method::PUT, "user/admin", user).await?;
        self.ask(Method::PUT, &format!("auth/grant/{WEB}"), json!({ "scope": "openid" })).await.map(drop)
    }

    /// Logs in to this client, and returns an ID token and its audience.
    pub(super) async fn id_token(&self, issuer: &str) -> Result<(String, String), Trouble> {
        let query = [
            ("response_type", "id_token"),
            ("client_id", WEB),
            ("redirect_uri", CALLBACK),
            ("scope", "openid"),
            ("nonce", "n-0S6_WzA2Mj"),
            ("g_continue", ""),
        ];
        let request = self.http.get(format!("{issuer}/auth")).query(&query);
        let response = request.header(COOKIE, &self.session).send().await?;
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let fragment = location.and_then(|location| Url::parse(location).ok()?.fragment().map(str::to_owned));
        let token = fragment.as_deref().and_then(|text| {
            text.split('&').find_map(|pair| pair.strip_prefix("id_token=")).map(str::to_owned)
        });
        Ok((token.ok_or_else(|| Trouble::failed("glewlwyd: no ID token"))?, WEB.to_owned()))
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Result<Response, Trouble> {
        let request = self.http.request(method, format!("{}/api/{path}", self.origin)).json(&body);
        let response = request.header(COOKIE, &self.session).send().await?;
        ensure!(response.status().is_success(), "glewlwyd: {path}: {}", response.status());
        Ok(response)
    }
}

/// Returns the settings of the plugin that issues tokens.
fn settings(issuer: &str, keys: &[Value]) -> Result<Value, Trouble> {
    let resources = [API, ANOTHER_API];
    Ok(json!({ "module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": {
        "iss": issuer, "jwt-type": "rsa", "jwt-key-size": "256",
        "jwks-private": serde_json::to_string(&json!({ "keys": keys }))?,
        "default-kid": keys.first().and_then(|key| key.get("kid")),
        "jwks-show": true, "subject-type": "public", "allow-non-oidc": true, "allowed-scope": ["openid"],
        "auth-type-client-enabled": true, "auth-type-id-token-enabled": true,
        "auth-type-implicit-enabled": true, "auth-type-token-enabled": true,
        "request-parameter-allow": true, "request-maximum-exp": 3600, "client-jwks-parameter": "jwks",
        "resource-allowed": true, "resource-scope": { (READ): resources, (WRITE): resources },
        "introspection-revocation-allowed": true, "introspection-revocation-allow-target-client": true,
        "oauth-dpop-allowed": true, "oauth-dpop-iat-duration": 60, "code-duration": 600,
        "access-token-duration": 3600, "refresh-token-duration": 1_209_600,
    } }))
}
