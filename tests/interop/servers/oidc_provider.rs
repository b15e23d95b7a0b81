//! npm `oidc-provider`, with its own tokens and as imitations of other providers
//! (`oidc_provider.mjs` and `dress/`).

use std::collections::BTreeMap;

use reqwest::Client as Http;
use scopegate_axum::IssuerWithoutAudience;
use scopegate_axum::{ConfigError, Issuer};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::accounts::{Account, Accounts};
use crate::api::{API, client};
use crate::installed::Installed;
use crate::oracle::Pool;
use crate::outcome::Trouble;
use crate::process::Process;
use crate::server::{Binding, Client, Fault, Overlap, Server, Wanted};
use crate::token_request;

/// The provider that it imitates.
pub(crate) struct Dress {
    /// The title of its column.
    pub(crate) name: &'static str,
    /// The name in `dress/FILE.mjs`.
    file: &'static str,
    /// The preset with the settings of an application.
    preset: fn(&Ready) -> Result<IssuerWithoutAudience, ConfigError>,
    for_us: fn(IssuerWithoutAudience) -> Issuer,
    algorithms: &'static [&'static str],
}

pub(crate) const PLAIN: Dress = Dress {
    name: "oidc-provider",
    file: "plain",
    preset: |ready| Issuer::rfc9068(&ready.address),
    for_us: |issuer| issuer.audience(API),
    algorithms: &["RS256", "PS256", "ES256", "EdDSA"],
};

pub(crate) const COGNITO: Dress = Dress {
    name: "as Cognito",
    file: "cognito",
    preset: |_| Issuer::cognito(COGNITO_POOL),
    for_us: |issuer| issuer.clients([USUAL, BOUND]),
    algorithms: &["RS256", "PS256"],
};

pub(crate) const OKTA: Dress = Dress {
    name: "as Okta",
    file: "okta",
    preset: |_| Issuer::okta("https://interop.okta.example/oauth2/default"),
    for_us: |issuer| issuer.audience(API),
    algorithms: &["RS256", "PS256"],
};

pub(crate) const AUTH0: Dress = Dress {
    name: "as Auth0",
    file: "auth0",
    preset: |_| Issuer::auth0("interop.eu.auth0.example"),
    for_us: |issuer| issuer.audience(API),
    algorithms: &["RS256", "PS256", "ES256"],
};

/// The pool id in `dress/cognito.mjs`.
const COGNITO_POOL: &str = "us-east-1_TestPool1";

/// The clients in `oidc_provider.mjs`.
const USUAL: &str = "by-post";
const ANOTHER: &str = "another";
const BOUND: &str = "by-certificate";
const SECRET: &str = "a secret: %+/=&~";
const KEYS: [&str; 3] = ["RS256", "ES256", "EdDSA"];

pub(crate) struct OidcProvider {
    dress: Dress,
    ready: Ready,
    http: Http,
    _process: Process,
}

/// The message of the program when it is ready.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    origin: String,
    /// The issuer in its metadata.
    address: String,
    /// The issuer in its tokens.
    issuer: String,
    token_endpoint: String,
    jwks_uri: String,
}

impl OidcProvider {
    pub(crate) async fn start(installed: &Installed, dress: Dress) -> Result<Self, Trouble> {
        let log = format!("oidc-provider-{}.log", dress.file);
        let arguments = ["servers/oidc_provider.mjs", dress.file];
        let mut process = Process::start("node", arguments, &installed.folder, &log)?;
        let ready = serde_json::from_str(&process.line().await?)?;
        Ok(Self { dress, ready, http: client()?, _process: process })
    }

    /// Returns the URL of its keys.
    pub(crate) fn jwks_uri(&self) -> &str {
        &self.ready.jwks_uri
    }

    /// Returns the accounts for clients of other projects.
    pub(crate) async fn accounts(&self) -> Result<Accounts, Trouble> {
        let mut keys: BTreeMap<String, String> = self.control("client-keys", &[]).await?;
        let with_key = |(algorithm, pem)| {
            Account::with_key(format!("by-{algorithm}"), pem, format!("key-{algorithm}"), algorithm)
        };
        Ok(Accounts {
            issuer: self.ready.address.clone(),
            token_endpoint: self.ready.token_endpoint.clone(),
            resource: Some(API),
            assertions_for_endpoint: false,
            basic: Account::basic("by-basic", "by-basic-secret"),
            basic_encoded: Account::basic("by basic", SECRET),
            post: Account::post(USUAL, SECRET),
            keys: KEYS.iter().filter_map(|algorithm| keys.remove_entry(*algorithm)).map(with_key).collect(),
        })
    }

    /// Sends a command that only exists for these tests.
    async fn control<T: DeserializeOwned>(&self, what: &str, query: &[(&str, &str)]) -> Result<T, Trouble> {
        let request = self.http.get(format!("{}/control/{what}", self.ready.origin)).query(query);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}

impl Server for OidcProvider {
    fn name(&self) -> &str {
        self.dress.name
    }

    fn address(&self) -> &str {
        &self.ready.address
    }

    fn issuer(&self) -> &str {
        &self.ready.issuer
    }

    fn trusted(&self) -> Result<Issuer, ConfigError> {
        let issuer = self.for_us((self.dress.preset)(&self.ready)?);
        if self.ready.issuer == self.ready.address {
            return Ok(issuer);
        }
        Ok(issuer.jwks_uri(&self.ready.jwks_uri))
    }

    fn for_us(&self, issuer: IssuerWithoutAudience) -> Issuer {
        (self.dress.for_us)(issuer)
    }

    fn client_id(&self, client: Client) -> &str {
        match client {
            Client::Usual => USUAL,
            Client::Another => ANOTHER,
        }
    }

    fn writes_at_jwt(&self) -> bool {
        self.dress.file == PLAIN.file
    }

    async fn token(&self, wanted: Wanted<'_>) -> Result<String, Trouble> {
        if !self.dress.algorithms.contains(&wanted.algorithm) {
            return Err(Trouble::cannot("it has no key for this algorithm"));
        }
        let id = match wanted.binding {
            Some(Binding::Certificate) => BOUND,
            Some(Binding::Dpop) | None => self.client_id(wanted.client),
        };
        let mut more = vec![
            ("alg", wanted.algorithm.to_owned()),
            ("claims", Value::from(wanted.claims.clone()).to_string()),
            ("header", Value::from(wanted.header.clone()).to_string()),
        ];
        more.extend(wanted.opaque.then(|| ("opaque", "yes".to_owned())));
        let client = Account::post(id, SECRET);
        token_request::ask(&self.http, &self.ready.token_endpoint, &client, &wanted, &more).await
    }

    async fn id_token(&self) -> Result<(String, String), Trouble> {
        Ok((self.control("id-token", &[("client", USUAL)]).await?, USUAL.to_owned()))
    }

    async fn rotate(&self, overlap: Overlap) -> Result<(), Trouble> {
        let overlap = if overlap == Overlap::With { "true" } else { "false" };
        self.control::<Value>("rotate", &[("overlap", overlap)]).await.map(drop)
    }

    async fn set_fault(&self, fault: Fault) -> Result<(), Trouble> {
        if fault == Fault::Stopped {
            return Err(Trouble::cannot("its keys and clients are in memory, and a restart loses them"));
        }
        self.control::<Value>("fault", &[("kind", fault.name())]).await.map(drop)
    }

    async fn clear_fault(&self) -> Result<(), Trouble> {
        self.control::<Value>("fault", &[("kind", "none")]).await.map(drop)
    }

    async fn key_fetches(&self) -> Result<u64, Trouble> {
        self.control("fetches", &[]).await
    }
}

impl Pool for OidcProvider {
    fn pool_id(&self) -> &str {
        COGNITO_POOL
    }

    async fn jwks(&self) -> Result<Value, Trouble> {
        Ok(self.http.get(&self.ready.jwks_uri).send().await?.json().await?)
    }

    async fn amazons(&self, wanted: Wanted<'_>) -> Result<String, Trouble> {
        self.token(wanted).await
    }

    async fn of_other_key(&self) -> Result<String, Trouble> {
        Err(Trouble::cannot("it signs with the first key for an algorithm"))
    }
}
