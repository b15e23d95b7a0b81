//! The local issuer that the API trusts, a second issuer that it does not trust, and an attacker's key.

use std::net::SocketAddr;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum as _};
use scopegate_issuer::{
    Algorithm, ClientConfig, Config, LocalIssuer, Mint, Pool, PoolConfig, SigningKey, StartError,
};
use serde_json::Value;

use crate::causes::with_causes;
use crate::conform::form::Form;
use crate::conform::names::Names;
use crate::conform::settings::AddedClaim;
use crate::exit::Failure;

const TRUSTED: &str = "local_conform";
const OTHER: &str = "local_attacker";

/// The arguments about the issuer and its tokens.
#[derive(Args)]
pub(super) struct IssuerArguments {
    /// Form of the tokens, as a provider writes them
    #[arg(long, value_enum, default_value_t)]
    form: Form,

    /// Algorithm of the signatures
    #[arg(long, value_name = "ALG", default_value = "RS256")]
    algorithm: Algorithm,

    /// Further claim of each token, as JSON or as a string (repeatable)
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    claims: Vec<AddedClaim>,

    /// Address of the issuer (loopback only). A fixed port keeps the settings of the API valid
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9401")]
    listen: SocketAddr,

    /// Permission to listen on an address that other machines can reach
    #[arg(long)]
    allow_other_machines: bool,

    /// Base URL of the issuer as the API reaches it, for APIs in containers
    #[arg(long, value_name = "URL")]
    issuer_url: Option<String>,
}

/// The issuers and keys of a run.
pub(super) struct Authority {
    /// Serves both issuers.
    local: LocalIssuer,
    other: Pool,
    names: Names,
    form: Form,
    algorithm: Algorithm,
    claims: Vec<AddedClaim>,
    attacker: SigningKey,
}

impl IssuerArguments {
    pub(super) fn form(&self) -> Form {
        self.form
    }
}

impl Authority {
    /// Starts the issuer.
    pub(super) async fn start(arguments: &IssuerArguments, names: Names) -> Result<Self, Failure> {
        let config = Config::empty().listen(arguments.listen);
        let config = if arguments.allow_other_machines { config.allow_other_machines() } else { config };
        let config = match &arguments.issuer_url {
            Some(url) => config.url(url),
            None => config,
        };
        let attacker = SigningKey::generate(arguments.algorithm);
        // A pool has a client with a scope. Nothing requests its tokens, so the secret is not shown.
        let pool = |id, client: &str| {
            let client = ClientConfig::new(client, attacker.thumbprint(), ["conform/none"]);
            PoolConfig::new(id).resource_server("conform", ["none"]).client(client)
        };
        let config = config.pool(pool(TRUSTED, &names.client)).pool(pool(OTHER, "conform-attacker"));
        let local = LocalIssuer::start_with(config).await.map_err(|error| match error {
            StartError::Config(error) => Failure::usage(error.to_string()),
            error => Failure::failed(format!("{}; use --listen for another one", with_causes(&error))),
        })?;
        let algorithm = arguments.algorithm;
        let other = local.pool(OTHER).unwrap_or_else(|| local.default_pool());
        if algorithm != Algorithm::RS256 {
            for pool in [&local.default_pool(), &other] {
                pool.rotate_to(SigningKey::generate(algorithm));
                pool.revoke_previous();
            }
        }
        let claims = arguments.claims.clone();
        Ok(Self { local, other, names, form: arguments.form, algorithm, claims, attacker })
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Returns the form and the algorithm of the tokens, as in the arguments.
    pub(super) fn described(&self) -> String {
        let form = self.form.to_possible_value();
        let form = form.as_ref().map_or("", PossibleValue::get_name);
        format!("--form {form} --algorithm {}", self.algorithm)
    }

    /// The trusted issuer.
    pub(super) fn trusted(&self) -> &Pool {
        &self.local
    }

    /// The issuer that the API does not trust. It publishes its key.
    pub(super) fn other(&self) -> &Pool {
        &self.other
    }

    /// A key that no issuer publishes.
    pub(super) fn attacker(&self) -> &SigningKey {
        &self.attacker
    }

    /// Returns the key of valid tokens.
    pub(super) fn key(&self) -> SigningKey {
        self.local.signing_key()
    }

    /// Returns a valid token. Each one has an id of its own.
    pub(super) fn mint(&self) -> Mint {
        let mint = self.form.mint(self.local.issuer(), &self.names.client);
        let mint = match &self.names.audience {
            Some(audience) => mint.audience(audience),
            None => mint,
        };
        let mint = if self.names.scopes.is_empty() {
            Form::without_scope(mint)
        } else {
            mint.scope(&self.names.scopes.join(" "))
        };
        self.claims.iter().fold(mint, |mint, claim| mint.claim(&claim.name, claim.value.clone()))
    }

    /// Returns a valid token, signed.
    pub(super) fn valid(&self) -> String {
        self.sign(&self.mint())
    }

    /// Signs with the key of valid tokens.
    pub(super) fn sign(&self, mint: &Mint) -> String {
        mint.sign_with(&self.key())
    }

    /// Returns the current time of valid tokens, in seconds since 1970.
    pub(super) fn now(mint: &Mint) -> u64 {
        mint.claims().get("iat").and_then(Value::as_u64).unwrap_or_default()
    }

    /// Returns how often the keys of the second issuer were fetched. A valid API never does it.
    pub(super) fn fetches_of_other(&self) -> u64 {
        self.other.jwks_fetches()
    }

    /// The settings of the API, by the names of the environment variables.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings =
            vec![("OAUTH_ISSUER", self.local.issuer().to_owned()), ("OAUTH_JWKS_URI", self.local.jwks_uri())];
        settings.extend(self.names.audience.clone().map(|audience| ("OAUTH_AUDIENCE", audience)));
        if self.names.is_only_client {
            settings.push(("OAUTH_CLIENT_ID", self.names.client.clone()));
        }
        if !self.names.scopes.is_empty() {
            settings.push(("OAUTH_SCOPE", self.names.scopes.join(" ")));
        }
        settings.push(("OAUTH_ALGORITHM", self.algorithm.to_string()));
        settings
    }
}
