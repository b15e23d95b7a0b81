//! Our local issuer as a server.

use std::time::Duration;

use reqwest::Client as Http;
use scopegate_axum::IssuerWithoutAudience;
use scopegate_axum::{ConfigError, Issuer};
use scopegate_issuer::{
    Algorithm, Certificate, ClientConfig, Config, LocalIssuer, Mint, PoolConfig, SigningKey,
};
use serde_json::Value;

use crate::accounts::{Account, Accounts};
use crate::api::{ANOTHER_API, API, READ, WRITE, client};
use crate::binding::certificate_pem;
use crate::oracle::{self, Pool};
use crate::outcome::Trouble;
use crate::server::{Binding, Client, Fault, Overlap, Server, Wanted};
use crate::token_request;

const POOL: &str = "eu-west-1_Interop01";
const USUAL: &str = "by-post";
const ANOTHER: &str = "another";
/// A client whose tokens are opaque.
const OPAQUE: &str = "opaque";
const SECRET: &str = "a secret: %+/=&~";

pub(crate) struct Local {
    issuer: LocalIssuer,
    /// The keys of clients.
    keys: [SigningKey; 3],
    http: Http,
}

impl Local {
    pub(crate) const COLUMN: &str = "scopegate-issuer";

    pub(crate) async fn start() -> Result<Self, Trouble> {
        let keys = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA].map(SigningKey::generate);
        let scopes = [READ, WRITE];
        let with_secret =
            [(USUAL, SECRET), (ANOTHER, SECRET), ("by-basic", "by-basic-secret"), ("by basic", SECRET)];
        let pool = PoolConfig::new(POOL)
            .resource_server(API, ["api.read", "api.write"])
            .resource_server(ANOTHER_API, ["api.read"]);
        let pool = with_secret
            .iter()
            .fold(pool, |pool, (id, secret)| pool.client(ClientConfig::new(*id, *secret, scopes)));
        let pool = pool.client(ClientConfig::new(OPAQUE, SECRET, scopes).opaque_tokens());
        let pool = keys.iter().fold(pool, |pool, key| {
            pool.client(ClientConfig::with_key(format!("by-{}", key.alg()), key, scopes))
        });
        let issuer = LocalIssuer::start_with(Config::empty().pool(pool)).await?;
        Ok(Self { issuer, keys, http: client()? })
    }

    /// Returns the accounts for clients of other projects.
    pub(crate) fn accounts(&self) -> Accounts {
        let with_key = |key: &SigningKey| {
            let algorithm = key.alg().to_string();
            let pem = key.private_key_pem();
            Account::with_key(format!("by-{algorithm}"), pem, key.kid().to_owned(), algorithm)
        };
        Accounts {
            issuer: self.issuer.issuer().to_owned(),
            token_endpoint: self.issuer.token_endpoint(),
            resource: None,
            assertions_for_endpoint: false,
            basic: Account::basic("by-basic", "by-basic-secret"),
            basic_encoded: Account::basic("by basic", SECRET),
            post: Account::post(USUAL, SECRET),
            keys: self.keys.iter().map(with_key).collect(),
        }
    }

    fn mint(&self) -> Mint {
        self.issuer.mint().client(USUAL).scope(READ)
    }
}

impl Server for Local {
    fn name(&self) -> &str {
        Self::COLUMN
    }

    fn address(&self) -> &str {
        self.issuer.issuer()
    }

    fn issuer(&self) -> &str {
        self.issuer.issuer()
    }

    fn trusted(&self) -> Result<Issuer, ConfigError> {
        Ok(self.for_us(Issuer::cognito_at(self.issuer.issuer())?))
    }

    fn for_us(&self, issuer: IssuerWithoutAudience) -> Issuer {
        issuer.client(USUAL)
    }

    fn client_id(&self, client: Client) -> &str {
        match client {
            Client::Usual => USUAL,
            Client::Another => ANOTHER,
        }
    }

    fn writes_at_jwt(&self) -> bool {
        false
    }

    async fn token(&self, wanted: Wanted<'_>) -> Result<String, Trouble> {
        if wanted.binding == Some(Binding::Certificate) {
            // The issuer does not terminate TLS, so it reads no certificate from a token request.
            let pem = wanted.certificate.map_or_else(certificate_pem, |pem| Ok(pem.to_owned()))?;
            return Ok(self.mint().with_certificate(&Certificate::from_pem(&pem)?).sign());
        }
        if wanted.algorithm != "RS256" {
            let alg: Algorithm = wanted.algorithm.parse()?;
            self.issuer.default_pool().rotate_to(SigningKey::generate(alg));
        }
        // The resource of the API is not requested, because Cognito's tokens have no audience by default.
        let wanted = Wanted { resource: wanted.resource.filter(|resource| *resource != API), ..wanted };
        let endpoint = self.issuer.token_endpoint();
        let id = if wanted.opaque { OPAQUE } else { self.client_id(wanted.client) };
        let token = token_request::ask(&self.http, &endpoint, &Account::post(id, SECRET), &wanted, &[]).await;
        if wanted.algorithm != "RS256" {
            self.issuer.default_pool().rotate_to(SigningKey::generate(Algorithm::RS256));
        }
        token
    }

    async fn id_token(&self) -> Result<(String, String), Trouble> {
        let claims = self.mint().claim("token_use", "id").without_claim("client_id").without_claim("scope");
        let claims = claims.claim("aud", USUAL).claim("sub", "somebody").claim("nonce", "n-0S6_WzA2Mj");
        Ok((claims.sign_with(&self.issuer.default_pool().id_token_key()), USUAL.to_owned()))
    }

    async fn rotate(&self, overlap: Overlap) -> Result<(), Trouble> {
        match overlap {
            Overlap::With => self.issuer.rotate(),
            Overlap::Without => self.issuer.rotate_without_overlap(),
        }
        Ok(())
    }

    async fn set_fault(&self, fault: Fault) -> Result<(), Trouble> {
        self.issuer.set_fault(match fault {
            Fault::Error => scopegate_issuer::Fault::Status(500),
            Fault::Html => scopegate_issuer::Fault::Html,
            Fault::Empty => scopegate_issuer::Fault::EmptySet,
            Fault::Delay => scopegate_issuer::Fault::Delay(Duration::from_millis(3_500)),
            Fault::Reset => scopegate_issuer::Fault::Reset,
            Fault::Stopped => {
                return Err(Trouble::cannot("its keys and clients are in memory, and a restart loses them"));
            }
        });
        Ok(())
    }

    async fn clear_fault(&self) -> Result<(), Trouble> {
        self.issuer.clear_fault();
        Ok(())
    }

    async fn key_fetches(&self) -> Result<u64, Trouble> {
        Ok(self.issuer.jwks_fetches())
    }
}

impl Pool for Local {
    fn pool_id(&self) -> &str {
        POOL
    }

    async fn jwks(&self) -> Result<Value, Trouble> {
        Ok(serde_json::from_str(&self.issuer.default_pool().jwks())?)
    }

    async fn amazons(&self, wanted: Wanted<'_>) -> Result<String, Trouble> {
        let mut mint = self.mint().claim("iss", oracle::issuer(POOL));
        for (name, value) in wanted.claims {
            mint = if value.is_null() { mint.without_claim(&name) } else { mint.claim(&name, value) };
        }
        for (name, value) in wanted.header {
            mint = if value.is_null() { mint.without_header(&name) } else { mint.header(&name, value) };
        }
        Ok(mint.sign())
    }

    async fn of_other_key(&self) -> Result<String, Trouble> {
        let mint = self.mint().claim("iss", oracle::issuer(POOL));
        Ok(mint.sign_with(&self.issuer.default_pool().id_token_key()))
    }
}
