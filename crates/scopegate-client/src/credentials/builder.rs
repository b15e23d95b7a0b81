//! Who the client is and where its tokens are goes in, defaults for the rest, a [`ConfigError`] comes out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::client_auth::ClientAuthentication;
use crate::clock::{Clock, SystemClock};
use crate::credentials::ClientCredentials;
use crate::credentials::pool::SourcePool;
use crate::credentials::source::Settings;
use crate::endpoint::http::Tls;
use crate::endpoint::request::{Grant, RESERVED};
use crate::endpoint::{AssertionAudience, TokenEndpoint};
use crate::error::config::ConfigError;
use crate::token::scope::Scopes;
use crate::url::{Address, issuer_identifier};

/// Builds [`ClientCredentials`]. What is wrong with a setting is said by [`build`](Self::build).
#[must_use = "nothing happens until it is built"]
pub struct ClientCredentialsBuilder {
    place: Place,
    client: ClientAuthentication,
    issuer: Option<String>,
    assertion_for_endpoint: bool,
    scopes: Vec<String>,
    resources: Vec<String>,
    parameters: Vec<(String, String)>,
    settings: Settings,
    roots: Vec<Vec<u8>>,
    clock: Arc<dyn Clock>,
}

enum Place {
    Issuer(String),
    TokenEndpoint(String),
}

/// The shortest lifetime that Cognito's tokens can have. Tokens of other issuers live longer as a rule, so this costs
/// requests rather than refusals.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// Two attempts and the pause between them.
const DEFAULT_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// As often as `scopegate` fetches keys for a key id that it does not know.
const DEFAULT_REJECTION_COOLDOWN: Duration = Duration::from_secs(30);

const MAX_DURATION: Duration = Duration::from_secs(24 * 3600);

impl ClientCredentials {
    /// For an issuer that publishes its metadata (RFC 8414, OpenID Connect Discovery), from where the address of its
    /// tokens is taken when the first one is wanted. `issuer` is written exactly as in the metadata, final slash included.
    pub fn discover(issuer: impl Into<String>, client: ClientAuthentication) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder::new(Place::Issuer(issuer.into()), client)
    }

    /// For a token endpoint whose address is known.
    pub fn at(token_endpoint: impl Into<String>, client: ClientAuthentication) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder::new(Place::TokenEndpoint(token_endpoint.into()), client)
    }
}

impl ClientCredentialsBuilder {
    fn new(place: Place, client: ClientAuthentication) -> Self {
        Self {
            place,
            client,
            issuer: None,
            assertion_for_endpoint: false,
            scopes: Vec::new(),
            resources: Vec::new(),
            parameters: Vec::new(),
            settings: Settings {
                default_lifetime: DEFAULT_LIFETIME,
                acquire_timeout: DEFAULT_ACQUIRE_TIMEOUT,
                rejection_cooldown: DEFAULT_REJECTION_COOLDOWN,
            },
            roots: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Asks for this scope, too (RFC 6749 §3.3). Without any, the issuer decides.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Asks for these scopes, too.
    pub fn with_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Says which API the token is for (`resource`, RFC 8707 §2), where the issuer knows that parameter: an absolute URI
    /// without fragment. May be called several times.
    pub fn with_resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds a parameter to every request: Auth0's `audience`, say. Not one that this crate sets, and none twice (RFC 6749
    /// §3.2).
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// What the issuer is called, where the address of its tokens was given: for whom assertions are made
    /// (`private_key_jwt`), and what it is called in logs and metrics.
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Makes assertions for the address of the token endpoint instead of for the issuer.
    ///
    /// Some issuers still want it. It is weaker: whoever can make a client believe in another token endpoint could hand the
    /// assertion on, which is why the issuer is the audience otherwise (the update of RFC 7523 that is under way).
    pub fn with_token_endpoint_as_assertion_audience(mut self) -> Self {
        self.assertion_for_endpoint = true;
        self
    }

    /// How long a token is believed to live whose issuer does not say (`expires_in`, RFC 6749 §5.1): 5 minutes unless
    /// changed, from a second to a day.
    pub fn with_default_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.default_lifetime = lifetime;
        self
    }

    /// How long [`token`](ClientCredentials::token) waits for a token while the issuer cannot be reached: 10 s unless
    /// changed, at most a day. With zero it waits for nothing, and only a token in hand will do.
    pub fn with_patience(mut self, acquire_timeout: Duration) -> Self {
        self.settings.acquire_timeout = acquire_timeout;
        self
    }

    /// How often a token is dropped for an API that rejects it: once in 30 s unless changed, from a second to a day.
    pub fn with_rejection_cooldown(mut self, cooldown: Duration) -> Self {
        self.settings.rejection_cooldown = cooldown;
        self
    }

    /// Trusts these certificate authorities for the issuer, besides the system's: PEM, one or several.
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Reads the time of day elsewhere: for tests.
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the settings. Nothing is asked for before the first token is wanted: a program that is to fail at its start, and
    /// not at its first call, when its secret is wrong awaits [`token`](ClientCredentials::token) once there.
    ///
    /// # Errors
    /// What is wrong with a setting.
    pub fn build(self) -> Result<ClientCredentials, ConfigError> {
        self.client.check()?;
        self.check_settings()?;
        self.check_parameters()?;
        let grant = Grant { scopes: Scopes::each(&self.scopes)?, resources: resources(self.resources)? };
        let mut tls = Tls::default();
        self.roots.iter().try_for_each(|pem| tls.add_roots(pem))?;
        if let Some(identity) = self.client.identity() {
            tls.set_identity(identity)?;
        }
        let issuer = match (&self.place, self.issuer) {
            (Place::Issuer(issuer), None) => Some(issuer.clone()),
            (_, named) => named,
        };
        let issuer = issuer.map(|issuer| issuer_identifier(&issuer)).transpose()?;
        let audience = match (issuer, self.assertion_for_endpoint) {
            (_, true) if self.client.needs_audience() => AssertionAudience::TokenEndpoint,
            (Some(issuer), _) => AssertionAudience::Issuer(issuer.into()),
            (None, _) if self.client.needs_audience() => return Err(ConfigError::NoAssertionAudience),
            (None, _) => AssertionAudience::Unused,
        };
        let mut endpoint = match self.place {
            Place::TokenEndpoint(address) => {
                let address = Address::parse("token endpoint", &address)?;
                TokenEndpoint::known(address, &tls, self.client, audience, self.clock)?
            }
            Place::Issuer(issuer) => {
                let address = Address::parse("issuer", &issuer)?;
                TokenEndpoint::discovered(issuer.into(), address, tls, self.client, audience, self.clock)?
            }
        };
        endpoint.parameters = self.parameters;
        Ok(ClientCredentials::new(SourcePool::new(Arc::new(endpoint), self.settings), &grant))
    }

    fn check_settings(&self) -> Result<(), ConfigError> {
        let second = Duration::from_secs(1);
        let Settings { default_lifetime, acquire_timeout, rejection_cooldown } = self.settings;
        for (setting, found, least, expected) in [
            ("default lifetime", default_lifetime, second, "1 s to 24 h"),
            ("rejection cooldown", rejection_cooldown, second, "1 s to 24 h"),
            ("acquire timeout", acquire_timeout, Duration::ZERO, "at most 24 h"),
        ] {
            if found < least || found > MAX_DURATION {
                return Err(ConfigError::OutOfRange { setting, expected, found: format!("{found:?}") });
            }
        }
        Ok(())
    }

    fn check_parameters(&self) -> Result<(), ConfigError> {
        for (position, (name, _)) in self.parameters.iter().enumerate() {
            if name.is_empty() {
                return Err(ConfigError::Empty { setting: "the name of a parameter" });
            }
            let earlier = self.parameters.iter().take(position).any(|(earlier, _)| earlier == name);
            if earlier || RESERVED.contains(&name.as_str()) {
                return Err(ConfigError::ReservedParameter { name: name.clone() });
            }
        }
        Ok(())
    }
}

/// RFC 8707 §2. Kept as they were written, because the issuer compares them.
fn resources(mut texts: Vec<String>) -> Result<Vec<String>, ConfigError> {
    for text in &texts {
        let written_well = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#');
        if !written_well || Url::parse(text).is_err() {
            return Err(ConfigError::InvalidResource { found: text.clone() });
        }
    }
    texts.sort_unstable();
    texts.dedup();
    Ok(texts)
}

impl fmt::Debug for ClientCredentialsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values of parameters, and addresses that nobody has checked, may hold secrets.
        f.debug_struct("ClientCredentialsBuilder")
            .field("client", &self.client)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
