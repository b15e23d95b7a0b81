//! The builder of [`ClientCredentials`], and its defaults.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::clock::{Clock, SystemClock};
use scopegate_proto::scope::{InvalidScope, Scopes};
use scopegate_proto::url::{SecureUrl, is_absolute_uri, issuer_identifier};

use crate::credentials::ClientCredentials;
use crate::credentials::pool::SourcePool;
use crate::credentials::source::Settings;
use crate::dpop::Dpop;
use crate::dpop::key::DpopKey;
use crate::endpoint::request::{Grant, RESERVED};
use crate::endpoint::transport::Transport;
use crate::endpoint::{AssertionAudience, TokenEndpoint};
use crate::error::config::ConfigError;
use scopegate_proto::client_auth::{Authenticator, ClientAuthentication};

/// Builds [`ClientCredentials`]. [`build`](Self::build) reports invalid settings.
#[must_use = "a builder does nothing until it is built"]
pub struct ClientCredentialsBuilder {
    client: ClientAuthentication,
    issuer: Option<String>,
    token_endpoint: Option<String>,
    assertion_for_endpoint: bool,
    scopes: Vec<String>,
    resources: Vec<String>,
    parameters: Vec<(String, String)>,
    settings: Settings,
    roots: Vec<Vec<u8>>,
    dpop: Option<DpopKey>,
    allows_unbound_tokens: bool,
    clock: Arc<dyn Clock>,
}

/// The shortest lifetime that Cognito's tokens can have. If the real lifetime is longer, the token
/// is renewed too early, which causes more requests but no rejections.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// Enough for two attempts and the backoff between them.
const DEFAULT_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Equal to the interval at which `scopegate` fetches keys for unknown key ids.
const DEFAULT_REJECTION_COOLDOWN: Duration = Duration::from_secs(30);

/// Half the default acquire timeout, so that at least one more attempt is made while a caller
/// waits.
const DEFAULT_MAX_BACKOFF_WITHOUT_TOKEN: Duration = Duration::from_secs(5);

const MAX_DURATION: Duration = Duration::from_secs(24 * 3600);

impl ClientCredentials {
    /// Starts a builder. Set [`issuer`](ClientCredentialsBuilder::issuer),
    /// [`token_endpoint`](ClientCredentialsBuilder::token_endpoint), or both.
    pub fn builder(client: ClientAuthentication) -> ClientCredentialsBuilder {
        ClientCredentialsBuilder {
            client,
            issuer: None,
            token_endpoint: None,
            assertion_for_endpoint: false,
            scopes: Vec::new(),
            resources: Vec::new(),
            parameters: Vec::new(),
            settings: Settings {
                default_lifetime: DEFAULT_LIFETIME,
                acquire_timeout: DEFAULT_ACQUIRE_TIMEOUT,
                rejection_cooldown: DEFAULT_REJECTION_COOLDOWN,
                max_backoff_without_token: DEFAULT_MAX_BACKOFF_WITHOUT_TOKEN,
            },
            roots: Vec::new(),
            dpop: None,
            allows_unbound_tokens: false,
            clock: Arc::new(SystemClock),
        }
    }
}

impl ClientCredentialsBuilder {
    /// Sets the issuer, exactly as its metadata spells it, including a final slash.
    ///
    /// If no [`token_endpoint`](Self::token_endpoint) is set, it is read from the issuer's metadata
    /// (RFC 8414, OpenID Connect Discovery) when the first token is requested. The issuer is the
    /// audience of assertions (`private_key_jwt`), and its name in logs and metrics.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the URL of the token endpoint. Then no metadata is fetched.
    pub fn token_endpoint(mut self, url: impl Into<String>) -> Self {
        self.token_endpoint = Some(url.into());
        self
    }

    /// Requests this scope, in addition to others (RFC 6749 §3.3). Without scopes, the issuer
    /// decides.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Requests these scopes, in addition to others.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Adds the API that the token is for (`resource`, RFC 8707 §2), as an absolute URI without
    /// fragment. The issuer must support this parameter.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Adds APIs that the token is for.
    pub fn resources<S: Into<String>>(mut self, resources: impl IntoIterator<Item = S>) -> Self {
        self.resources.extend(resources.into_iter().map(Into::into));
        self
    }

    /// Adds a parameter to every request, for example Auth0's `audience`. The name must not be
    /// repeated (RFC 6749 §3.2), or be the name of a parameter that this crate sets.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Makes the URL of the token endpoint the audience of assertions, instead of the issuer.
    ///
    /// Some issuers still require it. It is weaker, because an attacker who makes a client use
    /// another token endpoint can present the assertion elsewhere. The update of RFC 7523 requires
    /// the issuer as the audience for that reason.
    pub fn token_endpoint_as_assertion_audience(mut self) -> Self {
        self.assertion_for_endpoint = true;
        self
    }

    /// Sets the lifetime of tokens whose issuer does not state it (`expires_in`, RFC 6749 §5.1).
    ///
    /// Default: 5 min. Range: 1 s–24 h.
    pub fn default_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.default_lifetime = lifetime;
        self
    }

    /// Sets how long [`token`](ClientCredentials::token) waits for a token while the issuer is
    /// unavailable. If zero, only a cached token is returned.
    ///
    /// Default: 10 s. Range: 0–24 h.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.acquire_timeout = timeout;
        self
    }

    /// Sets the cooldown of rejected tokens. An API can cause one new token per cooldown by
    /// rejecting the current token.
    ///
    /// If the API rejects the new token as well, the cooldown doubles for this API, up to an hour
    /// (or this setting, if it is longer). It returns to this setting when the API has accepted a
    /// token.
    ///
    /// Default: 30 s. Range: 1 s–24 h.
    pub fn rejection_cooldown(mut self, cooldown: Duration) -> Self {
        self.settings.rejection_cooldown = cooldown;
        self
    }

    /// Sets the longest backoff between attempts while there is no valid token. While there is one,
    /// the backoff grows up to a minute. `Retry-After` can make the waits longer.
    ///
    /// If it exceeds the [acquire timeout](Self::acquire_timeout), calls can fail although no
    /// attempt was made for them.
    ///
    /// Default: 5 s. Range: 1 s–1 min.
    pub fn max_backoff_without_token(mut self, backoff: Duration) -> Self {
        self.settings.max_backoff_without_token = backoff;
        self
    }

    /// Adds certificate authorities that are trusted for the issuer, in addition to the system's.
    /// The PEM contains one or more certificates.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Requests tokens that are bound to a key (DPoP, RFC 9449). A stolen token is then useless
    /// without the key. Default: bearer tokens.
    ///
    /// Each token request has a proof. If the issuer requires a nonce (`use_dpop_nonce`), the request
    /// is repeated once with it. A token of another type than `DPoP` is an
    /// [`Error::InvalidResponse`](crate::Error::InvalidResponse), see
    /// [`allow_unbound_tokens`](Self::allow_unbound_tokens).
    ///
    /// [`AddToken`](crate::AddToken) signs a proof for each request to an API. For other HTTP clients,
    /// call [`AccessToken::dpop_proof`](crate::AccessToken::dpop_proof). Servers compare the time of a
    /// proof with their own, often to a minute or less, so the clock must be right. It is not adjusted
    /// to the `Date` of a response, because a server could then choose the time of our proofs.
    ///
    /// ```
    /// use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials, DpopKey};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let secret = String::from("s3cret");
    /// let client = ClientAuthentication::client_secret_basic("report", secret);
    /// let credentials = ClientCredentials::builder(client)
    ///     .issuer("https://issuer.example")
    ///     .dpop(DpopKey::per_token())
    ///     .build()?;
    /// let to_api = AddToken::new(&credentials, "https://api.example")?;
    /// # Ok(()) }
    /// ```
    pub fn dpop(mut self, key: DpopKey) -> Self {
        self.dpop = Some(key);
        self
    }

    /// Uses a bearer token if the issuer returns one although a bound token was
    /// [requested](Self::dpop) (RFC 9449 §5). Default: such a token is rejected.
    ///
    /// An attacker who steals an unbound token can use it. Each one is logged at `WARN`. Use this while
    /// DPoP is being introduced at the issuer. It has no effect without [`dpop`](Self::dpop).
    pub fn allow_unbound_tokens(mut self) -> Self {
        self.allows_unbound_tokens = true;
        self
    }

    /// Sets the clock, for tests. It determines `iat` and `exp` of assertions, `iat` of DPoP proofs,
    /// and the wait for a `Retry-After` that is a date. Lifetimes are measured with a monotonic clock instead.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use scopegate_client::{ClientAuthentication, ClientCredentials};
    ///
    /// let by_secret = ClientAuthentication::client_secret_basic("report", "s3cret");
    /// let builder = ClientCredentials::builder(by_secret).issuer("https://issuer.example")
    ///     .clock(|| UNIX_EPOCH + Duration::from_secs(1_750_000_000));
    /// ```
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the settings, and returns the credentials. It sends no request. To fail at startup if
    /// the client secret is wrong, await [`token`](ClientCredentials::token) once.
    ///
    /// # Errors
    /// Returns [`ConfigError::NoTokenEndpoint`] if neither an issuer nor a token endpoint is set.
    /// Returns another [`ConfigError`] if a setting is invalid.
    pub fn build(self) -> Result<ClientCredentials, ConfigError> {
        let client = Authenticator::new(self.client.clone())?;
        self.check_settings()?;
        self.check_parameters()?;
        let scopes: Result<Scopes, InvalidScope> = self.scopes.iter().map(|scope| scope.parse()).collect();
        let grant = Grant { scopes: scopes?, resources: resources(self.resources)? };
        let transport = Transport::new(&client, &self.roots)?;
        let invalid = |setting| move |error| ConfigError::invalid_url(setting, error);
        let issuer = self.issuer.map(|issuer| issuer_identifier(&issuer)).transpose();
        let issuer = issuer.map_err(invalid("issuer"))?;
        let audience = match &issuer {
            _ if self.assertion_for_endpoint && client.needs_audience() => AssertionAudience::TokenEndpoint,
            Some(issuer) => AssertionAudience::Issuer(issuer.written().into()),
            None if client.needs_audience() && self.token_endpoint.is_some() => {
                return Err(ConfigError::NoAssertionAudience);
            }
            None => AssertionAudience::Unused,
        };
        let mut endpoint = match (self.token_endpoint, issuer) {
            (Some(url), _) => {
                let url = SecureUrl::parse(&url).map_err(invalid("token endpoint"))?;
                TokenEndpoint::configured(url, &transport, client, audience, self.clock)?
            }
            (None, Some(issuer)) => {
                TokenEndpoint::discovered(issuer, transport, client, audience, self.clock)?
            }
            (None, None) => return Err(ConfigError::NoTokenEndpoint),
        };
        endpoint.parameters = self.parameters;
        endpoint.dpop = self.dpop.map(|key| Dpop::new(key, self.allows_unbound_tokens));
        Ok(ClientCredentials::new(SourcePool::new(Arc::new(endpoint), self.settings), &grant))
    }

    fn check_settings(&self) -> Result<(), ConfigError> {
        let second = Duration::from_secs(1);
        let Settings { default_lifetime, acquire_timeout, rejection_cooldown, max_backoff_without_token } =
            self.settings;
        let minute = Duration::from_secs(60);
        for (setting, found, least, most, expected) in [
            ("default lifetime", default_lifetime, second, MAX_DURATION, "1 s to 24 h"),
            ("rejection cooldown", rejection_cooldown, second, MAX_DURATION, "1 s to 24 h"),
            ("acquire timeout", acquire_timeout, Duration::ZERO, MAX_DURATION, "at most 24 h"),
            ("maximum backoff without a token", max_backoff_without_token, second, minute, "1 s to 1 min"),
        ] {
            if found < least || found > most {
                return Err(ConfigError::OutOfRange { setting, expected, found: format!("{found:?}") });
            }
        }
        Ok(())
    }

    fn check_parameters(&self) -> Result<(), ConfigError> {
        for (position, (name, _)) in self.parameters.iter().enumerate() {
            if name.is_empty() {
                return Err(ConfigError::Empty { setting: "name of a parameter" });
            }
            let earlier = self.parameters.iter().take(position).any(|(earlier, _)| earlier == name);
            if earlier || RESERVED.contains(&name.as_str()) {
                return Err(ConfigError::ReservedParameter { name: name.clone() });
            }
        }
        Ok(())
    }
}

/// Checks resources (RFC 8707 §2). They stay as written, because the issuer compares them.
fn resources(mut texts: Vec<String>) -> Result<Vec<String>, ConfigError> {
    if let Some(found) = texts.iter().find(|text| !is_absolute_uri(text)) {
        return Err(ConfigError::InvalidResource { found: found.clone() });
    }
    texts.sort_unstable();
    texts.dedup();
    Ok(texts)
}

impl fmt::Debug for ClientCredentialsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values of parameters, and unchecked URLs, may contain secrets.
        f.debug_struct("ClientCredentialsBuilder")
            .field("client", &self.client)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
