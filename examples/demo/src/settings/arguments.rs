//! The command line and the environment, as strings that are not parsed yet.

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser};

use super::setting::{self, Setting};

/// An API protected by scopegate, and a story of requests to it
///
/// Without --issuer, the program starts a local issuer, and sends requests with valid, invalid
/// and missing tokens. Then it continues to serve the API. With --issuer, the same API accepts
/// tokens of that issuer. The log is written to standard error; set its level with `RUST_LOG`.
// It has a secret, so it does not implement `Debug`.
#[derive(Default, Parser)]
#[command(name = "demo", version, verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// Exit after the story: code 0 if every response was as expected, otherwise 1
    #[arg(long)]
    pub(super) exit: bool,

    /// Address to listen on
    ///
    /// Default: 127.0.0.1:8080 with --issuer, otherwise a free port of 127.0.0.1
    #[arg(long, env, hide_env_values = true, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<String>,

    /// Resource identifier of the API: the URL that callers use for it
    ///
    /// Default: ORIGIN, without it `https://my-api-server.org` with --issuer, otherwise the URL that
    /// it listens on. With --dpop, it begins with ORIGIN.
    #[arg(long, env, hide_env_values = true, value_name = "URL", verbatim_doc_comment)]
    pub(super) resource: Option<String>,

    /// Trusted issuer
    ///
    /// A URL, exactly as in the claim `iss`, or the id of a Cognito user pool, such as
    /// eu-west-1_Ab12Cd34E
    #[arg(long, env, hide_env_values = true, value_name = "URL|POOL", verbatim_doc_comment)]
    pub(super) issuer: Option<String>,

    /// Form of the issuer's tokens: cognito or generic
    ///
    /// Default: cognito for a pool id and for a URL that begins with `https://cognito-idp.`,
    /// otherwise generic
    #[arg(long, env, hide_env_values = true, verbatim_doc_comment)]
    pub(super) profile: Option<String>,

    /// URL of the issuer's key set
    ///
    /// Default: ISSUER/.well-known/jwks.json with profile cognito, otherwise `jwks_uri` of the
    /// issuer's metadata
    #[arg(long, env, hide_env_values = true, value_name = "URL", verbatim_doc_comment)]
    pub(super) jwks_uri: Option<String>,

    /// Permission to fetch keys and metadata from http URLs on a network
    ///
    /// An attacker who can change that traffic can forge tokens. Use it for a compose network on
    /// one host whose issuer has no TLS.
    #[arg(long, verbatim_doc_comment)]
    pub(super) allow_keys_without_tls: bool,

    /// Accepted audiences, separated by commas
    ///
    /// This or --client-id is required. With both, a token must match both.
    #[arg(long, env, hide_env_values = true, value_name = "LIST")]
    pub(super) audience: Option<String>,

    /// Accepted clients, separated by commas
    ///
    /// This or --audience is required. With both, a token must match both, but with profile
    /// cognito it may have no audience.
    #[arg(long, env, hide_env_values = true, value_name = "LIST", verbatim_doc_comment)]
    pub(super) client_id: Option<String>,

    /// Accepted signature algorithms, separated by commas
    ///
    /// Default: RS256 with profile cognito, otherwise every asymmetric one
    #[arg(long, env, hide_env_values = true, value_name = "LIST")]
    pub(super) algorithms: Option<String>,

    // A negative number is an invalid value, not an unknown flag.
    /// Leeway between the clocks of issuer and API, 0 to 300
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "SECONDS",
        default_value = "30",
        allow_negative_numbers = true
    )]
    pub(super) leeway_secs: Option<String>,

    /// Maximum time between regular fetches of the keys, 1 to 86400
    ///
    /// Default: max-age of the issuer's response, otherwise 600
    #[arg(long, env, hide_env_values = true, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(super) jwks_refresh_secs: Option<String>,

    /// Minimum time between fetches for unknown keys, 1 to 3600
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "SECONDS",
        default_value = "30",
        allow_negative_numbers = true
    )]
    pub(super) jwks_cooldown_secs: Option<String>,

    /// File of revoked tokens, subjects, clients, sessions and keys
    ///
    /// One JSON object on each line. It has `iss` and one of `jti`, `sub`, `client_id`, `sid` and
    /// `kid`. `sub` and `client_id` also require `not_before`. Any of them can have `exp`. The
    /// file is read again when it changes. If it vanishes, its entries stay.
    #[arg(long, env, hide_env_values = true, value_name = "FILE", verbatim_doc_comment)]
    pub(super) revocations: Option<String>,

    /// Origin of the API for its callers, such as `https://api.example`
    ///
    /// Proofs (DPoP) name URLs that begin with it. It has no path. It is also the default of
    /// --resource.
    #[arg(long, env, hide_env_values = true, value_name = "ORIGIN", verbatim_doc_comment)]
    pub(super) origin: Option<String>,

    /// Tokens that are bound to a key of the caller (DPoP): off, accept or require
    ///
    /// off rejects them, accept also accepts bearer tokens, and require rejects bearer tokens.
    /// accept and require require --origin.
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "MODE",
        default_value = "off",
        verbatim_doc_comment
    )]
    pub(super) dpop: Option<String>,

    /// Nonce of the API in each proof: off or require
    #[arg(long, env, hide_env_values = true, value_name = "MODE", default_value = "off")]
    pub(super) dpop_nonce: Option<String>,

    /// Accepted algorithms of proofs, separated by commas
    ///
    /// Default: ES256,ES384,EdDSA,PS256
    #[arg(long, env, hide_env_values = true, value_name = "LIST", verbatim_doc_comment)]
    pub(super) dpop_algorithms: Option<String>,

    /// Maximum age of a proof, 1 to 300
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "SECONDS",
        default_value = "60",
        allow_negative_numbers = true
    )]
    pub(super) dpop_max_age_secs: Option<String>,

    /// Store of used proofs: memory, or the URL of a Redis server that several instances share
    ///
    /// A URL such as `redis://127.0.0.1:6379`, or `rediss://` with TLS on a network
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "memory|URL",
        default_value = "memory",
        verbatim_doc_comment
    )]
    pub(super) replay_store: Option<String>,

    /// Tokens that are bound to a client certificate (mutual TLS): off, accept or require
    ///
    /// off rejects them, accept also accepts bearer tokens, and require rejects bearer tokens.
    /// accept and require require --certificate-header and --trusted-proxies.
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "MODE",
        default_value = "off",
        verbatim_doc_comment
    )]
    pub(super) certificate_binding: Option<String>,

    /// Header of the proxy with the client certificate
    ///
    /// client-cert (RFC 9440), x-forwarded-client-cert (Envoy), ssl-client-cert (nginx, percent-encoded
    /// PEM) or x-amzn-mtls-clientcert-leaf (AWS)
    #[arg(long, env, hide_env_values = true, value_name = "NAME", verbatim_doc_comment)]
    pub(super) certificate_header: Option<String>,

    /// Proxies whose certificate header counts: addresses and networks, separated by commas
    #[arg(long, env, hide_env_values = true, value_name = "LIST")]
    pub(super) trusted_proxies: Option<String>,

    /// Accepted values of `acr` for placing orders, separated by commas (step-up)
    #[arg(long, env, hide_env_values = true, value_name = "LIST")]
    pub(super) write_acr: Option<String>,

    /// Maximum time since the user has authenticated, for placing orders (step-up)
    #[arg(long, env, hide_env_values = true, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(super) write_max_auth_age_secs: Option<String>,

    /// Introspected tokens: all, opaque or `after_jwt`
    ///
    /// all sends every token to the endpoint. opaque sends tokens that are no JWTs, and rejects
    /// JWTs. `after_jwt` verifies JWTs, sends the valid ones, and rejects others. It is required with
    /// --introspection-uri.
    #[arg(long, env, hide_env_values = true, value_name = "TOKENS", verbatim_doc_comment)]
    pub(super) introspection: Option<String>,

    /// URL of the issuer's introspection endpoint (RFC 7662)
    #[arg(long, env, hide_env_values = true, value_name = "URL")]
    pub(super) introspection_uri: Option<String>,

    /// Client id of this API at the introspection endpoint
    #[arg(long, env, hide_env_values = true, value_name = "ID")]
    pub(super) introspection_client_id: Option<String>,

    /// Secret of this client
    ///
    /// Use the variable: other users of the machine can see the command line.
    #[arg(long, env, hide_env_values = true, value_name = "SECRET")]
    pub(super) introspection_client_secret: Option<String>,

    /// Time for which a result of the endpoint is used, 0 to 300
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "SECONDS",
        default_value = "10",
        allow_negative_numbers = true
    )]
    pub(super) introspection_cache_secs: Option<String>,

    /// Time limit of a call of the endpoint, 1 to 10
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "SECONDS",
        default_value = "2",
        allow_negative_numbers = true
    )]
    pub(super) introspection_timeout_secs: Option<String>,
}

impl Arguments {
    /// Reads the process's command line and environment.
    ///
    /// An empty environment variable counts as unset, because many tools cannot unset a variable.
    /// An empty value on the command line is invalid.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches()?;
        let mut arguments = Self::from_arg_matches(&matches)?;
        for (setting, text) in arguments.texts() {
            // Default values are for `--help`. scopegate has the same defaults.
            let source = matches.value_source(setting.id());
            text.take_if(|text| match source {
                Some(ValueSource::EnvVariable) => text.is_empty(),
                Some(ValueSource::CommandLine) => false,
                _ => true,
            });
        }
        Ok(arguments)
    }

    /// Returns the first given setting that requires an issuer.
    pub(super) fn first_about_an_issuer(&mut self) -> Option<Setting> {
        let about = |setting| setting != setting::LISTEN;
        self.texts()
            .into_iter()
            .find(|(setting, text)| about(*setting) && text.is_some())
            .map(|(setting, _)| setting)
    }

    fn texts(&mut self) -> [(Setting, &mut Option<String>); 29] {
        [
            (setting::LISTEN, &mut self.listen),
            (setting::RESOURCE, &mut self.resource),
            (setting::ISSUER, &mut self.issuer),
            (setting::PROFILE, &mut self.profile),
            (setting::JWKS_URI, &mut self.jwks_uri),
            (setting::AUDIENCE, &mut self.audience),
            (setting::CLIENT_ID, &mut self.client_id),
            (setting::ALGORITHMS, &mut self.algorithms),
            (setting::LEEWAY_SECS, &mut self.leeway_secs),
            (setting::JWKS_REFRESH_SECS, &mut self.jwks_refresh_secs),
            (setting::JWKS_COOLDOWN_SECS, &mut self.jwks_cooldown_secs),
            (setting::REVOCATIONS, &mut self.revocations),
            (setting::ORIGIN, &mut self.origin),
            (setting::DPOP, &mut self.dpop),
            (setting::DPOP_NONCE, &mut self.dpop_nonce),
            (setting::DPOP_ALGORITHMS, &mut self.dpop_algorithms),
            (setting::DPOP_MAX_AGE_SECS, &mut self.dpop_max_age_secs),
            (setting::REPLAY_STORE, &mut self.replay_store),
            (setting::CERTIFICATE_BINDING, &mut self.certificate_binding),
            (setting::CERTIFICATE_HEADER, &mut self.certificate_header),
            (setting::TRUSTED_PROXIES, &mut self.trusted_proxies),
            (setting::WRITE_ACR, &mut self.write_acr),
            (setting::WRITE_MAX_AUTH_AGE_SECS, &mut self.write_max_auth_age_secs),
            (setting::INTROSPECTION, &mut self.introspection),
            (setting::INTROSPECTION_URI, &mut self.introspection_uri),
            (setting::INTROSPECTION_CLIENT_ID, &mut self.introspection_client_id),
            (setting::INTROSPECTION_CLIENT_SECRET, &mut self.introspection_client_secret),
            (setting::INTROSPECTION_CACHE_SECS, &mut self.introspection_cache_secs),
            (setting::INTROSPECTION_TIMEOUT_SECS, &mut self.introspection_timeout_secs),
        ]
    }
}
