//! Debian's `glewlwyd`: an authorization server in C with its own JOSE library. Its keys can be
//! rotated, and are unavailable only if it is stopped.

mod administrator;
mod program;

use std::path::{Path, PathBuf};

use reqwest::Client as Http;
use scopegate_axum::IssuerWithoutAudience;
use scopegate_axum::{ConfigError, Issuer};
use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::{Map, Value, json};
use tokio::process::Command;
use tokio::sync::Mutex;

use self::administrator::Administrator;
use crate::accounts::{Account, Accounts};
use crate::api::{API, client};
use crate::outcome::Trouble;
use crate::process::Process;
use crate::server::{Binding, Client, Fault, Overlap, Server, Wanted};
use crate::token_request;

const USUAL: &str = "usual";
const ANOTHER: &str = "another";
const SECRET: &str = "glewlwydSecret";
const ENCODED: &str = "in two words";
const ENCODED_SECRET: &str = "a secret: %+/=&~";

/// Its folder among the installed programs.
const FOLDER: &str = "glewlwyd";

pub(crate) struct Glewlwyd {
    folder: PathBuf,
    issuer: String,
    /// The token endpoint in its metadata.
    token_endpoint: String,
    administrator: Administrator,
    http: Http,
    /// The keys of clients.
    keys: [SigningKey; 3],
    running: Mutex<Running>,
}

struct Running {
    process: Process,
    /// Private JWKs. The first one signs.
    keys: Vec<Value>,
    generation: u32,
}

impl Glewlwyd {
    pub(crate) const COLUMN: &str = "glewlwyd";

    pub(crate) async fn start(folder: &Path) -> Result<Self, Trouble> {
        let place = folder.join(FOLDER);
        let origin = program::prepare(&place).await?;
        let process = program::start(&place)?;
        let administrator = Administrator::log_in(&origin).await?;

        let issuer = format!("{origin}/api/oidc");
        let signing = new_keys(folder, 1).await?;
        let keys = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA].map(SigningKey::generate);
        administrator.add_issuer(&issuer, &signing).await?;
        for (id, secret) in [(USUAL, SECRET), (ANOTHER, SECRET), (ENCODED, ENCODED_SECRET)] {
            let methods = json!(["client_secret_basic", "client_secret_post"]);
            let own = [("client_id", json!(id)), ("client_secret", json!(secret)), (METHODS, methods)];
            administrator.add_client(members(own)).await?;
        }
        for key in &keys {
            let id = json!(with_key(key).id);
            let alg = ("token_endpoint_signing_alg", json!(key.alg().to_string()));
            let own = [("client_id", id), ("jwks", json!({ "keys": [key.jwk()] })), alg];
            let methods = (METHODS, json!(["private_key_jwt"]));
            administrator.add_client(members(own.into_iter().chain([methods]))).await?;
        }
        administrator.add_login().await?;

        let http = client()?;
        let metadata = http.get(format!("{issuer}/.well-known/openid-configuration")).send().await?;
        let metadata: Value = metadata.json().await?;
        let endpoint = metadata.get("token_endpoint").and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            folder: folder.to_owned(),
            issuer,
            token_endpoint: endpoint.ok_or_else(|| Trouble::failed("glewlwyd: no metadata"))?,
            administrator,
            http,
            keys,
            running: Mutex::new(Running { process, keys: signing, generation: 1 }),
        })
    }

    /// Returns the accounts for clients of other projects.
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
            return Err(Trouble::cannot("it reads certificates of its own TLS connections only"));
        }
        if wanted.opaque || !wanted.claims.is_empty() || !wanted.header.is_empty() {
            return Err(Trouble::cannot("the form of its tokens cannot be changed"));
        }
        let mut running = self.running.lock().await;
        let algorithm = |key: &Value| key.get("alg").and_then(Value::as_str).unwrap_or_default().to_owned();
        if running.keys.first().map(algorithm).as_deref() != Some(wanted.algorithm) {
            let at = running.keys.iter().position(|key| algorithm(key) == wanted.algorithm);
            let at = at.ok_or(Trouble::cannot("it has no key for this algorithm"))?;
            let key = running.keys.remove(at);
            running.keys.insert(0, key);
            self.administrator.publish(&self.issuer, &running.keys).await?;
        }
        // It stores no client of a token whose client has sent its secret in the body.
        let client = Account::basic(self.client_id(wanted.client), SECRET);
        token_request::ask(&self.http, &self.token_endpoint, &client, &wanted, &[]).await
    }

    async fn id_token(&self) -> Result<(String, String), Trouble> {
        self.administrator.id_token(&self.issuer).await
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
        self.administrator.publish(&self.issuer, &running.keys).await
    }

    async fn set_fault(&self, fault: Fault) -> Result<(), Trouble> {
        match fault {
            Fault::Stopped => self.running.lock().await.process.kill().await,
            _ => Err(Trouble::cannot("it can be stopped, and has no other faults")),
        }
    }

    async fn clear_fault(&self) -> Result<(), Trouble> {
        self.running.lock().await.process = program::start(&self.folder.join(FOLDER))?;
        self.administrator.wait().await
    }

    async fn key_fetches(&self) -> Result<u64, Trouble> {
        Err(Trouble::cannot("it does not count"))
    }
}

const METHODS: &str = "token_endpoint_auth_method";

fn members(own: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn with_key(key: &SigningKey) -> Account {
    let algorithm = key.alg().to_string();
    Account::with_key(format!("by{algorithm}"), key.private_key_pem(), key.kid().to_owned(), algorithm)
}

/// Generates private keys for all algorithms with Node.js, because our crates do not write private
/// JWKs.
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
