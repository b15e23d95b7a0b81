//! Debian's `glewlwyd`: an authorization server in C, with a JOSE library of its own. Set up by its administrators'
//! interface. Its keys can be changed; that its keys are not to be had happens only when it is stopped.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client as Http, Method, Response, Url};
use scopegate_axum::scopegate::IssuerWithoutAudience;
use scopegate_axum::{ConfigError, Issuer};
use scopegate_issuer::{Alg, SigningKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::accounts::{Account, Accounts};
use crate::api::{ANOTHER_API, API, READ, WRITE};
use crate::outcome::{Trouble, ensure};
use crate::process::Process;
use crate::server::{Binding, Client, Fault, Overlap, Server, Wanted};
use crate::token_request;

const USUAL: &str = "usual";
const ANOTHER: &str = "another";
const SECRET: &str = "glewlwydSecret";
const ENCODED: &str = "in two words";
const ENCODED_SECRET: &str = "a secret: %+/=&~";
/// For people to log in.
const WEB: &str = "web";
const CALLBACK: &str = "http://127.0.0.1:9/callback";

/// What the package brings: settings, and the tables of its database.
const SETTINGS: &str = "/etc/glewlwyd/glewlwyd.conf";
const TABLES: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";

pub(crate) struct Glewlwyd {
    folder: PathBuf,
    origin: String,
    issuer: String,
    /// As its metadata has it.
    token_endpoint: String,
    /// Of the administrator, who is also the only user.
    session: String,
    http: Http,
    /// Of clients.
    keys: [SigningKey; 3],
    running: Mutex<Running>,
}

struct Running {
    process: Process,
    /// Private JWKs; it signs with the first one.
    keys: Vec<Value>,
    generation: u32,
}

impl Glewlwyd {
    pub(crate) const COLUMN: &str = "glewlwyd";

    pub(crate) async fn start(folder: &Path) -> Result<Self, Trouble> {
        let place = folder.join("glewlwyd");
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place)?;
        // Free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let origin = format!("http://127.0.0.1:{port}");
        prepare(&place, &origin, port).await?;
        let running = Running { process: start(&place)?, keys: new_keys(folder, 1).await?, generation: 1 };
        let mut server = Self {
            folder: folder.to_owned(),
            issuer: format!("{origin}/api/oidc"),
            token_endpoint: String::new(),
            session: String::new(),
            // Nobody is where it sends a browser with an ID token.
            http: Http::builder()
                .no_proxy()
                .redirect(Policy::none())
                .timeout(Duration::from_secs(20))
                .build()?,
            keys: [Alg::RS256, Alg::ES256, Alg::EdDSA].map(SigningKey::generate),
            running: Mutex::new(running),
            origin,
        };
        server.wait().await?;
        server.log_in().await?;
        server.set_up().await?;
        let metadata = format!("{}/.well-known/openid-configuration", server.issuer);
        let metadata: Value = server.http.get(metadata).send().await?.json().await?;
        let endpoint = metadata.get("token_endpoint").and_then(Value::as_str).map(str::to_owned);
        server.token_endpoint = endpoint.ok_or_else(|| Trouble::failed("glewlwyd: no metadata"))?;
        Ok(server)
    }

    /// For clients of others.
    pub(crate) fn accounts(&self) -> Accounts {
        Accounts {
            issuer: self.issuer.clone(),
            token_endpoint: self.token_endpoint.clone(),
            resource: Some(API),
            assertions_for_endpoint: true,
            basic: Account::basic(USUAL, SECRET),
            basic_encoded: Account::basic(ENCODED, ENCODED_SECRET),
            post: Account::post(USUAL, SECRET),
            keys: self.keys.iter().map(with_key).collect(),
        }
    }

    /// Until it answers.
    async fn wait(&self) -> Result<(), Trouble> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.http.get(format!("{}/api/", self.origin)).send().await.is_err() {
            ensure!(Instant::now() < deadline, "glewlwyd has not started in time");
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn log_in(&mut self) -> Result<(), Trouble> {
        let answer =
            self.api(Method::POST, "auth/", json!({ "username": "admin", "password": "password" })).await?;
        let cookie =
            answer.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        self.session = cookie.chars().take_while(|c| *c != ';').collect();
        Ok(())
    }

    async fn set_up(&self) -> Result<(), Trouble> {
        let plugin = self.plugin(&self.running.lock().await.keys)?;
        self.api(Method::POST, "mod/plugin/", plugin).await?;
        let methods = json!(["client_secret_basic", "client_secret_post"]);
        for (id, secret) in [(USUAL, SECRET), (ANOTHER, SECRET), (ENCODED, ENCODED_SECRET)] {
            let own =
                json!({ "client_id": id, "client_secret": secret, "token_endpoint_auth_method": methods });
            self.add_machine(own).await?;
        }
        for key in &self.keys {
            let own = json!({
                "client_id": with_key(key).id, "jwks": { "keys": [key.jwk()] },
                "token_endpoint_auth_method": ["private_key_jwt"],
                "token_endpoint_signing_alg": key.alg().to_string(),
            });
            self.add_machine(own).await?;
        }
        let web = json!({
            "client_id": WEB, "client_secret": SECRET, "confidential": true, "enabled": true, "scope": [],
            "authorization_type": ["id_token"], "redirect_uri": [CALLBACK],
        });
        self.api(Method::POST, "client/", web).await?;
        let user = json!({
            "username": "admin", "name": "The Administrator", "email": "", "enabled": true,
            "scope": ["g_admin", "g_profile", "openid"],
        });
        self.api(Method::PUT, "user/admin", user).await?;
        self.api(Method::PUT, &format!("auth/grant/{WEB}"), json!({ "scope": "openid" })).await?;
        Ok(())
    }

    /// A client that acts for itself, with what is its own.
    async fn add_machine(&self, own: Value) -> Result<(), Trouble> {
        let mut client = json!({
            "confidential": true, "enabled": true, "authorization_type": ["client_credentials"],
            "scope": [READ, WRITE],
        });
        if let (Value::Object(client), Value::Object(own)) = (&mut client, own) {
            client.extend(own);
        }
        self.api(Method::POST, "client/", client).await.map(drop)
    }

    /// The settings of the part that issues tokens.
    fn plugin(&self, keys: &[Value]) -> Result<Value, Trouble> {
        let first = keys.first().and_then(|key| key.get("kid"));
        let resources = [API, ANOTHER_API];
        Ok(json!({ "module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": {
            "iss": self.issuer, "jwt-type": "rsa", "jwt-key-size": "256",
            "jwks-private": serde_json::to_string(&json!({ "keys": keys }))?, "default-kid": first,
            "jwks-show": true, "subject-type": "public", "allow-non-oidc": true, "allowed-scope": ["openid"],
            "auth-type-client-enabled": true, "auth-type-id-token-enabled": true,
            "auth-type-implicit-enabled": true, "auth-type-token-enabled": true,
            "request-parameter-allow": true, "request-maximum-exp": 3600, "client-jwks-parameter": "jwks",
            "resource-allowed": true, "resource-scope": { (READ): resources, (WRITE): resources },
            "oauth-dpop-allowed": true, "oauth-dpop-iat-duration": 60, "code-duration": 600,
            "access-token-duration": 3600, "refresh-token-duration": 1_209_600,
        } }))
    }

    /// Publishes these keys, and signs with the first one.
    async fn publish(&self, keys: &[Value]) -> Result<(), Trouble> {
        self.api(Method::PUT, "mod/plugin/oidc", self.plugin(keys)?).await?;
        self.api(Method::PUT, "mod/plugin/oidc/reset", Value::Null).await?;
        Ok(())
    }

    /// Asks the administrators' interface.
    async fn api(&self, method: Method, path: &str, body: Value) -> Result<Response, Trouble> {
        let request = self.http.request(method, format!("{}/api/{path}", self.origin)).json(&body);
        let response = request.header(COOKIE, &self.session).send().await?;
        ensure!(response.status().is_success(), "glewlwyd: {path}: {}", response.status());
        Ok(response)
    }
}

impl Server for Glewlwyd {
    fn name(&self) -> &str {
        Self::COLUMN
    }

    fn address(&self) -> &str {
        &self.issuer
    }

    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn trusted(&self) -> Result<Issuer, ConfigError> {
        Ok(self.for_us(Issuer::rfc9068(&self.issuer)?))
    }

    fn for_us(&self, issuer: IssuerWithoutAudience) -> Issuer {
        issuer.audience(API)
    }

    fn client_id(&self, client: Client) -> &str {
        match client {
            Client::Usual => USUAL,
            Client::Another => ANOTHER,
        }
    }

    fn writes_at_jwt(&self) -> bool {
        true
    }

    async fn token(&self, wanted: Wanted<'_>) -> Result<String, Trouble> {
        if wanted.binding == Some(Binding::Certificate) {
            return Err(Trouble::cannot("it would have to end TLS itself"));
        }
        if wanted.opaque || !wanted.claims.is_empty() || !wanted.header.is_empty() {
            return Err(Trouble::cannot("what its tokens look like cannot be changed"));
        }
        let mut running = self.running.lock().await;
        let algorithm = |key: &Value| key.get("alg").and_then(Value::as_str).unwrap_or_default().to_owned();
        if running.keys.first().map(algorithm).as_deref() != Some(wanted.algorithm) {
            let at = running.keys.iter().position(|key| algorithm(key) == wanted.algorithm);
            let at = at.ok_or(Trouble::cannot("it has no key for this algorithm"))?;
            let key = running.keys.remove(at);
            running.keys.insert(0, key);
            self.publish(&running.keys).await?;
        }
        let client = (self.client_id(wanted.client), SECRET);
        token_request::ask(&self.http, &self.token_endpoint, client, &wanted, &[]).await
    }

    async fn id_token(&self) -> Result<(String, String), Trouble> {
        let query = [
            ("response_type", "id_token"),
            ("client_id", WEB),
            ("redirect_uri", CALLBACK),
            ("scope", "openid"),
            ("nonce", "n-0S6_WzA2Mj"),
            ("g_continue", ""),
        ];
        let request = self.http.get(format!("{}/auth", self.issuer)).query(&query);
        let response = request.header(COOKIE, &self.session).send().await?;
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let fragment = location.and_then(|location| Url::parse(location).ok()?.fragment().map(str::to_owned));
        let token = fragment.as_deref().and_then(|text| {
            text.split('&').find_map(|pair| pair.strip_prefix("id_token=")).map(str::to_owned)
        });
        Ok((token.ok_or_else(|| Trouble::failed("glewlwyd: no ID token"))?, WEB.to_owned()))
    }

    async fn rotate(&self, overlap: Overlap) -> Result<(), Trouble> {
        let mut running = self.running.lock().await;
        running.generation += 1;
        let mut keys = new_keys(&self.folder, running.generation).await?;
        if overlap == Overlap::With {
            let old = running.keys.iter().take(keys.len()).cloned();
            keys = keys.iter().cloned().chain(old).collect();
        }
        running.keys = keys;
        self.publish(&running.keys).await
    }

    async fn set_fault(&self, fault: Fault) -> Result<(), Trouble> {
        match fault {
            Fault::Stopped => self.running.lock().await.process.kill().await,
            _ => Err(Trouble::cannot("it cannot be told to fail, only stopped")),
        }
    }

    async fn clear_fault(&self) -> Result<(), Trouble> {
        let process = start(&self.folder.join("glewlwyd"))?;
        self.running.lock().await.process = process;
        self.wait().await
    }

    async fn key_fetches(&self) -> Result<u64, Trouble> {
        Err(Trouble::cannot("it does not count"))
    }
}

fn with_key(key: &SigningKey) -> Account {
    let algorithm = key.alg().to_string();
    Account::with_key(format!("by{algorithm}"), key.private_key_pem(), key.kid().to_owned(), algorithm)
}

fn start(place: &Path) -> Result<Process, Trouble> {
    Process::start("glewlwyd", ["--config-file=glewlwyd.conf"], place, "glewlwyd.err")
}

/// Its settings, with an address and a database of their own.
async fn prepare(place: &Path, origin: &str, port: u16) -> Result<(), Trouble> {
    let database = place.join("glewlwyd.db");
    let tables = std::fs::File::open(TABLES)?;
    let made = Command::new("sqlite3").arg(&database).stdin(tables).kill_on_drop(true).status().await?;
    ensure!(made.success(), "glewlwyd: no database");

    let ours = ["port", "external_url", "log_file", "@include"];
    let package = std::fs::read_to_string(SETTINGS)?;
    let kept = package.lines().filter(|line| !ours.iter().any(|name| line.starts_with(name)));
    let log = place.join("glewlwyd.log");
    let settings = format!(
        "port={port}\nbind_address=\"127.0.0.1\"\nexternal_url=\"{origin}/\"\nlog_file=\"{}\"\n\
         database = {{ type = \"sqlite3\"; path = \"{}\"; }};\n{}\n",
        log.display(),
        database.display(),
        kept.collect::<Vec<_>>().join("\n"),
    );
    Ok(std::fs::write(place.join("glewlwyd.conf"), settings)?)
}

/// Private keys for all algorithms, made by Node.js: nothing of ours writes private JWKs.
async fn new_keys(folder: &Path, generation: u32) -> Result<Vec<Value>, Trouble> {
    let prefix = format!("gl{generation}");
    let arguments = ["servers/keys.mjs", &prefix, "RS256", "PS256", "ES256", "EdDSA"];
    let output = Command::new("node").args(arguments).current_dir(folder).kill_on_drop(true).output().await?;
    let mut set: Value = serde_json::from_slice(&output.stdout)?;
    match set.get_mut("keys").map(Value::take) {
        Some(Value::Array(keys)) => Ok(keys),
        _ => Err(Trouble::failed("no keys were made for glewlwyd")),
    }
}
