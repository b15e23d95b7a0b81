//! Introspection: does the authorization server say that an opaque token is active?
//!
//! Specification: RFC 7662. Results are cached for some seconds. Calls are bounded in time and
//! number, so that neither invented tokens nor an outage of the endpoint exhaust this service.

pub(crate) mod calls;
mod endpoint;
mod freshness;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
pub(crate) mod introspector;
pub(crate) mod opaque_token;
pub(crate) mod responses;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::client_auth::{Authenticator, ClientAuthentication};
use scopegate_proto::url::SecureUrl;

use crate::config_error::ConfigError;
use crate::fetch::authorization::FetchAuthorization;
use crate::fetch::transport::Transport;
use crate::introspection::calls::budget::UnseenTokens;
use crate::introspection::endpoint::{Credentials, Endpoint};
use crate::introspection::freshness::Lifetimes;
use crate::introspection::introspector::{Caller, Introspector, Settings};
use crate::introspection::responses::signed::ResponseSigner;

/// The introspection endpoint of an issuer, and the credentials of this API. Pass it to
/// [`Issuer::opaque`](crate::Issuer::opaque) for opaque tokens, or to
/// [`Issuer::and_introspect`](crate::Issuer::and_introspect) for JWTs that the issuer can revoke.
///
/// ```
/// use scopegate::{ClientAuthentication, Introspection, Issuer, Verifier};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = String::from("s3cret");
///
/// let api = ClientAuthentication::client_secret_basic("orders-api", secret);
/// let introspection = Introspection::by_client("https://issuer.example/introspect", api)?;
/// let issuer = Issuer::opaque("https://issuer.example", introspection)?
///     .audience("https://orders.example");
/// let verifier = Verifier::builder().trust(issuer).start_lazy()?;
/// # Ok(()) }
/// ```
///
/// # Outcomes
///
/// | Response of the endpoint | Error | Status |
/// | --- | --- | --- |
/// | `active` is `true`, and the members follow the issuer's rules | – | – |
/// | `active` is `true`, and a member breaks a rule | the error of a JWT with such a claim | 401 |
/// | `active` is `false` | [`Inactive`](crate::Error::Inactive) | 401 |
/// | it rejects the credentials of this API: 401, 403 with an `error` or a challenge, or 400 with `invalid_client` or `unauthorized_client` | [`IntrospectionMisconfigured`](crate::Error::IntrospectionMisconfigured) | 500 |
/// | another status, a malformed response, or none | [`IntrospectionUnavailable`](crate::Error::IntrospectionUnavailable) | 503 |
///
/// A response is JSON with status 200 and the content type `application/json`, without a content
/// encoding and without repeated members, of at most 64 KiB. Redirects are not followed.
///
/// # Limits
///
/// - Requests with one token share one call. It ends after the [time limit](Self::timeout). A result
///   in use is renewed in the background, after 75 % to 85 % of its lifetime.
/// - 64 calls run for known tokens, and 64 for others. At most 1,024 more of each wait for a place,
///   for the time limit at most.
/// - Calls for tokens that were not accepted before have a [budget](Self::unseen_tokens).
/// - A rejected token is remembered for 5 s, without a call.
/// - After five consecutive failures, requests fail at once. Every 2 s, one call probes the
///   endpoint. A response that may concern one token only, such as another 403, is no failure,
///   unless five tokens that were accepted before get one. Failures for tokens that were not
///   accepted before suspend the calls for such tokens only. Failures for fewer than five tokens
///   suspend nothing if another token got a result in the last 15 s.
/// - If the endpoint closes a connection without a response, a known token is sent once more.
/// - At most 4,096 requests wait for known tokens, and 4,096 for others. At most 1,024 of them wait
///   for one token.
/// - Results are [cached](Self::cache_capacity) by digests. An invalid token evicts none. 131,072
///   accepted tokens or more are known without their results.
#[derive(Clone)]
#[must_use = "it applies to an issuer: Issuer::opaque, Issuer::and_introspect"]
pub struct Introspection {
    url: SecureUrl,
    credentials: UncheckedCredentials,
    lifetimes: Lifetimes,
    unseen: UnseenTokens,
    time_limit: Duration,
    cached: usize,
    signed: Option<ResponseKeys>,
}

/// The keys that sign responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResponseKeys {
    /// The keys of the issuer's tokens, or of its metadata.
    OfIssuer,
    /// The keys at this URL.
    JwksUri(String),
}

#[derive(Clone)]
enum UncheckedCredentials {
    Client(ClientAuthentication),
    Authorization(FetchAuthorization),
    Token,
}

/// RFC 7662 §4: a result that is too old accepts a revoked token.
const CACHED_FOR: Duration = Duration::from_secs(10);
const MAX_CACHED_FOR: Duration = Duration::from_secs(300);
const MAX_STALE: Duration = Duration::from_secs(300);

/// Twice the accepted tokens of a busy API in 10 s: 400 different ones in a second.
const CACHED: usize = 8_192;
const MAX_CACHED: usize = 1_048_576;

const UNSEEN: UnseenTokens = UnseenTokens { burst: 300, per_second: 100 };
const MAX_UNSEEN: u32 = 100_000;

const TIME_LIMIT: Duration = Duration::from_secs(2);
const MIN_TIME_LIMIT: Duration = Duration::from_millis(100);
const MAX_TIME_LIMIT: Duration = Duration::from_secs(10);

impl Introspection {
    /// Authenticates this API as a client of the issuer (RFC 7662 §2.1).
    ///
    /// A signed assertion has the issuer's name as its audience. A certificate needs an `https`
    /// endpoint, also on a loopback address. Otherwise starting the verifier fails with
    /// [`ConfigError::InvalidUrl`].
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if the endpoint is not an `https` URL, or `http` on a
    /// loopback address.
    pub fn by_client(endpoint: &str, client: ClientAuthentication) -> Result<Self, ConfigError> {
        Self::new(endpoint, UncheckedCredentials::Client(client))
    }

    /// Authenticates this API by an `Authorization` header, such as a bearer token (RFC 7662 §2.1).
    ///
    /// # Errors
    /// As [`by_client`](Self::by_client).
    pub fn by_authorization(endpoint: &str, header: FetchAuthorization) -> Result<Self, ConfigError> {
        Self::new(endpoint, UncheckedCredentials::Authorization(header))
    }

    /// Asks the endpoint `tokeninfo` of Google, which is older than RFC 7662. Pass it to
    /// [`Issuer::google`](crate::Issuer::google).
    ///
    /// The API has no credentials: the token is sent in the header `Authorization`. A response with
    /// status 200 is a valid token, without a member `active`. An invalid one is a response with 400
    /// or 401 and the `error` `invalid_token`. Any other response is 503.
    ///
    /// # Errors
    /// As [`by_client`](Self::by_client).
    pub fn by_tokeninfo(endpoint: &str) -> Result<Self, ConfigError> {
        Self::new(endpoint, UncheckedCredentials::Token)
    }

    fn new(endpoint: &str, credentials: UncheckedCredentials) -> Result<Self, ConfigError> {
        let url = SecureUrl::parse(endpoint);
        let url = url.map_err(|error| ConfigError::invalid_url("introspection endpoint", error))?;
        let lifetimes = Lifetimes { cached_for: CACHED_FOR, stale_for: None };
        Ok(Self {
            url,
            credentials,
            lifetimes,
            unseen: UNSEEN,
            time_limit: TIME_LIMIT,
            cached: CACHED,
            signed: None,
        })
    }

    /// Sets how long a result is used. Default: 10 s. Range: 0 s–5 min.
    ///
    /// A token that the issuer revokes is accepted for up to this time. A result ends with the
    /// token's `exp` in any case. With 0, each request waits for a call.
    pub fn cache_for(mut self, time: Duration) -> Self {
        self.lifetimes.cached_for = time;
        self
    }

    /// Sets the number of cached results. Default: 8,192. Range: 1–1,048,576, rounded up to a
    /// multiple of 4.
    ///
    /// Choose twice the number of tokens that are in use within [`cache_for`](Self::cache_for).
    /// Otherwise results are evicted, and each eviction costs a call. The metric
    /// `scopegate_introspection_cache_changes_total` counts them. A result takes about 3 KiB if the
    /// response has 1 KiB. The cache has 20 KiB for each at most. A response of 64 KiB has room.
    pub fn cache_capacity(mut self, results: usize) -> Self {
        self.cached = results;
        self
    }

    /// Uses the last result for this long while calls fail. Default: never. Range: 1 s–5 min after
    /// the call that brought it.
    ///
    /// A token that the issuer revokes during an outage is accepted for up to this time. A result
    /// ends with the token's `exp` in any case.
    pub fn serve_stale(mut self, time: Duration) -> Self {
        self.lifetimes.stale_for = Some(time);
        self
    }

    /// Sets the budget of calls for tokens that were not accepted before: a burst, and a rate.
    /// Default: 300, then 100 per second. Range: 1–100,000 each.
    ///
    /// An attacker can invent tokens, and each costs the issuer a call. Without budget, the token
    /// is [`IntrospectionUnavailable`](crate::Error::IntrospectionUnavailable) (503).
    pub fn unseen_tokens(mut self, burst: u32, per_second: u32) -> Self {
        self.unseen = UnseenTokens { burst, per_second };
        self
    }

    /// Sets the time limit of a call, from its begin to the end of the response. Half of it is the
    /// limit for a connection. Default: 2 s. Range: 100 ms–10 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Requires signed responses (RFC 9701): a JWT that the issuer signs for this API. Default:
    /// responses are plain JSON.
    ///
    /// ```
    /// use scopegate::{ClientAuthentication, Introspection, Issuer};
    ///
    /// # let secret = String::from("s3cret");
    /// let api = ClientAuthentication::client_secret_basic("orders-api", secret);
    /// let introspection = Introspection::by_client("https://issuer.example/introspect", api)?;
    /// let issuer = Issuer::opaque("https://issuer.example", introspection.signed_responses())?
    ///     .audience("https://orders.example");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// The issuer signs responses with a key of its JWTs, and by one of its
    /// [algorithms](crate::Issuer::algorithms). For an issuer of opaque tokens, the keys are found by
    /// the issuer's metadata, as with [`Issuer::from_metadata`](crate::Issuer::from_metadata), or at
    /// the URL that [`response_keys`](Self::response_keys) sets. A call waits for an unknown key
    /// within its time limit.
    ///
    /// A response decides about a token only if
    ///
    /// - its content type is `application/token-introspection+jwt`, and its `typ`
    ///   `token-introspection+jwt` (§5);
    /// - `iss` is the issuer's name, and `aud` has this API's client id or one of its audiences;
    /// - `iat` is there, and at most 60 s ago, with the leeway;
    /// - `exp`, if it is there, is not past.
    ///
    /// The members of the response are read from `token_introspection` only. Any other response,
    /// also plain JSON, is [`IntrospectionUnavailable`](crate::Error::IntrospectionUnavailable) (503).
    pub fn signed_responses(mut self) -> Self {
        self.signed.get_or_insert(ResponseKeys::OfIssuer);
        self
    }

    /// Sets the URL of the keys that sign responses, and requires [signed
    /// responses](Self::signed_responses). Use it for an issuer of opaque tokens without metadata.
    ///
    /// Starting the verifier fails with [`ConfigError::OutOfRange`] if the issuer has keys for its
    /// JWTs, and with [`ConfigError::InvalidUrl`] if the URL is not `https`, or `http` on a loopback
    /// address.
    pub fn response_keys(mut self, jwks_uri: impl Into<String>) -> Self {
        self.signed = Some(ResponseKeys::JwksUri(jwks_uri.into()));
        self
    }

    /// Returns the keys of signed responses. `None` if responses are not signed.
    pub(crate) fn keys_of_responses(&self) -> Option<&ResponseKeys> {
        self.signed.as_ref()
    }

    /// Returns the client id of this API, if it is a client.
    pub(crate) fn client_id(&self) -> Option<String> {
        match &self.credentials {
            UncheckedCredentials::Client(client) => Some(client.to_string()),
            UncheckedCredentials::Authorization(_) | UncheckedCredentials::Token => None,
        }
    }

    /// Checks the settings and the credentials.
    pub(crate) fn check(&self) -> Result<Credentials, ConfigError> {
        let within = |setting, time: Duration, min: Duration, max: Duration, expected| {
            if (min..=max).contains(&time) {
                return Ok(());
            }
            Err(ConfigError::OutOfRange { setting, expected, found: format!("{} s", time.as_secs_f64()) })
        };
        let Lifetimes { cached_for, stale_for } = self.lifetimes;
        within("cached introspections", cached_for, Duration::ZERO, MAX_CACHED_FOR, "0 s to 5 min")?;
        if let Some(time) = stale_for {
            within("stale introspections", time, Duration::from_secs(1), MAX_STALE, "1 s to 5 min")?;
        }
        let expected = "100 ms to 10 s";
        within("introspection timeout", self.time_limit, MIN_TIME_LIMIT, MAX_TIME_LIMIT, expected)?;
        if !(1..=MAX_CACHED).contains(&self.cached) {
            let (setting, expected) = ("introspection cache capacity", "1 to 1048576");
            return Err(ConfigError::OutOfRange { setting, expected, found: self.cached.to_string() });
        }
        for found in [self.unseen.burst, self.unseen.per_second] {
            if !(1..=MAX_UNSEEN).contains(&found) {
                let (setting, expected) = ("unseen tokens", "1 to 100000");
                return Err(ConfigError::OutOfRange { setting, expected, found: found.to_string() });
            }
        }
        match &self.credentials {
            UncheckedCredentials::Client(client) => {
                let client = Authenticator::new(client.clone());
                let invalid = |error| ConfigError::InvalidClientAuthentication { source: Box::new(error) };
                let client = client.map_err(invalid)?;
                if client.has_certificate() && !self.url.is_https() {
                    let expected = "an https URL, because the client authenticates by a certificate";
                    let found = self.url.without_query().clone();
                    return Err(ConfigError::InvalidUrl {
                        setting: "introspection endpoint",
                        expected,
                        found,
                    });
                }
                Ok(Credentials::Client(client))
            }
            UncheckedCredentials::Authorization(header) if header.has_empty_path() => {
                Err(ConfigError::InvalidName {
                    setting: "introspection credentials",
                    expected: "the path of a token file",
                    found: String::new(),
                })
            }
            UncheckedCredentials::Authorization(header) => Ok(Credentials::Authorization(header.clone())),
            UncheckedCredentials::Token if self.signed.is_some() => Err(ConfigError::OutOfRange {
                setting: "signed responses",
                expected: "an endpoint of RFC 7662",
                found: "tokeninfo".to_owned(),
            }),
            UncheckedCredentials::Token => Ok(Credentials::Token),
        }
    }

    /// Creates the introspector of an issuer.
    pub(crate) fn introspector(
        &self,
        caller: Caller,
        signer: Option<ResponseSigner>,
        transport: &Transport,
    ) -> Result<Arc<Introspector>, ConfigError> {
        let credentials = self.check()?;
        let client = match &credentials {
            Credentials::Client(client) => Some(client),
            Credentials::Authorization(_) | Credentials::Token => None,
        };
        let http = transport.client_for_secrets(&self.url, self.time_limit, client);
        let http = http.map_err(|error| ConfigError::HttpClient { source: error.into() })?;
        let audience = Arc::clone(&caller.issuer);
        let endpoint = Endpoint { http, url: self.url.clone(), credentials, audience, signer };
        let Self { lifetimes, unseen, time_limit, cached, .. } = *self;
        let settings = Settings { cached, lifetimes, unseen, time_limit };
        Ok(Introspector::new(endpoint, settings, caller))
    }
}

impl fmt::Debug for Introspection {
    /// Does not show credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").field("endpoint", &self.url.without_query()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
