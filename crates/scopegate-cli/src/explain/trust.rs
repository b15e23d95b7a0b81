//! The verifier of the flags: which issuer is trusted, and for whom must its tokens be?

use clap::{ArgGroup, Args};
use scopegate::{Algorithm, ConfigError, Issuer, IssuerWithoutAudience, Verifier};

use crate::exit::{Failure, with_causes};
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
    #[arg(long, value_name = "ALG", value_delimiter = ',')]
    algorithms: Vec<Algorithm>,
}

impl Trust {
    /// Returns the verifier at this time. Its keys may not be fetched yet.
    pub(crate) fn verifier(&self, now: At) -> Result<Verifier, Failure> {
        let usage = |error: ConfigError| Failure::usage(with_causes(&error));
        let keys = self.jwks.as_deref();
        let (issuer, is_static) = match keys {
            Some(url) if keys::is_url(url) => {
                (self.rule(self.named(Some(url)).map_err(usage)?).jwks_uri(url), false)
            }
            Some(file) => {
                let jwks = String::from_utf8_lossy(&keys::read(file)?).into_owned();
                (self.rule(self.named(Some("https://keys.invalid")).map_err(usage)?).jwks(jwks), true)
            }
            None => (self.rule(self.named(None).map_err(usage)?), false),
        };
        let issuer = if self.algorithms.is_empty() {
            issuer
        } else {
            issuer.algorithms(self.algorithms.iter().copied())
        };
        let now = now.time();
        let builder = Verifier::builder().trust(issuer).clock(move || now);
        if is_static { builder.build() } else { builder.start_lazy() }.map_err(usage)
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
