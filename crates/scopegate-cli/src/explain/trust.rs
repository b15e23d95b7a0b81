//! The verifier of the flags: which issuer is trusted, and for whom must its tokens be?

use clap::{ArgGroup, Args};
use scopegate::{Algorithm, ConfigError, Issuer, IssuerWithoutAudience, Verifier, VerifierBuilder};

use crate::causes::with_causes;
use crate::exit::Failure;
use crate::explain::at::At;
use crate::keys;

#[derive(Args)]
#[command(
    group = ArgGroup::new("trusted").required(true),
    group = ArgGroup::new("rule").required(true).multiple(true)
)]
pub(crate) struct Trust {
    /// Amazon Cognito user pool, such as eu-west-1_Ab12Cd34E
    #[arg(long, value_name = "POOL", group = "trusted")]
    pub(crate) cognito: Option<String>,

    /// Issuer as in `iss`, whose metadata names the keys
    #[arg(long, value_name = "URL", group = "trusted")]
    pub(crate) issuer: Option<String>,

    /// Keys of the issuer instead of its own JWKS
    #[arg(long, value_name = "FILE|URL")]
    jwks: Option<String>,

    /// Accepted client (repeatable)
    #[arg(long = "client", value_name = "ID", group = "rule")]
    pub(crate) clients: Vec<String>,

    /// Accepted audience (repeatable)
    #[arg(long = "audience", value_name = "AUD", group = "rule")]
    pub(crate) audiences: Vec<String>,

    /// Accepted algorithms [default: as the issuer]
    #[arg(long, value_name = "ALG", value_delimiter = ',', conflicts_with = "config")]
    algorithms: Vec<Algorithm>,
}

/// The keys of `--jwks`.
pub(crate) enum Keys {
    /// The flag is absent.
    OfIssuer,
    Fetched(String),
    Static(String),
}

impl Keys {
    /// Returns the issuer with these keys.
    pub(crate) fn of(&self, issuer: Issuer) -> Issuer {
        match self {
            Self::OfIssuer => issuer,
            Self::Fetched(url) => issuer.jwks_uri(url),
            Self::Static(jwks) => issuer.jwks(jwks),
        }
    }

    /// Returns the verifier at this time. Its keys may not be fetched yet.
    pub(crate) fn start(&self, builder: VerifierBuilder, now: At) -> Result<Verifier, Failure> {
        let now = now.time();
        let builder = builder.clock(move || now);
        let started = if matches!(self, Self::Static(_)) { builder.build() } else { builder.start_lazy() };
        started.map_err(|error| Failure::usage(with_causes(&error)))
    }
}

impl Trust {
    /// Returns the verifier at this time. Its keys may not be fetched yet.
    pub(crate) fn verifier(&self, now: At) -> Result<Verifier, Failure> {
        let usage = |error: ConfigError| Failure::usage(with_causes(&error));
        let keys = self.keys()?;
        let named = match &keys {
            Keys::OfIssuer => self.named(None),
            Keys::Fetched(url) => self.named(Some(url)),
            Keys::Static(_) => self.named(Some("https://keys.invalid")),
        };
        let issuer = keys.of(self.rule(named.map_err(usage)?));
        let issuer = if self.algorithms.is_empty() {
            issuer
        } else {
            issuer.algorithms(self.algorithms.iter().copied())
        };
        keys.start(Verifier::builder().trust(issuer), now)
    }

    /// Returns the keys of `--jwks`. A file is read.
    pub(crate) fn keys(&self) -> Result<Keys, Failure> {
        Ok(match self.jwks.as_deref() {
            None => Keys::OfIssuer,
            Some(url) if keys::is_url(url) => Keys::Fetched(url.to_owned()),
            Some(file) => Keys::Static(String::from_utf8_lossy(&keys::read(file)?).into_owned()),
        })
    }

    /// Returns the issuer. If its keys come from a flag, its name need not be a URL.
    fn named(&self, jwks_uri: Option<&str>) -> Result<IssuerWithoutAudience, ConfigError> {
        match (&self.cognito, &self.issuer, jwks_uri) {
            (Some(pool), _, _) => Issuer::cognito(pool),
            (None, Some(name), Some(url)) => Issuer::from_jwks_uri(name, url),
            (None, name, _) => Issuer::from_metadata(name.as_deref().unwrap_or_default()),
        }
    }

    fn rule(&self, issuer: IssuerWithoutAudience) -> Issuer {
        if self.audiences.is_empty() {
            return issuer.clients(&self.clients);
        }
        let issuer = issuer.audiences(&self.audiences);
        if self.clients.is_empty() { issuer } else { issuer.clients(&self.clients) }
    }
}
