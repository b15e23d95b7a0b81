//! The command line and the environment, still as text. What the texts mean is decided in `settings.rs`.

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches, Parser};

use super::setting::{self, Setting};

/// An API protected by scopegate, and the story of its callers.
///
/// Without --issuer, a local issuer is started, and callers with good, bad and missing tokens
/// play their parts; then the API goes on serving. With --issuer, the same API accepts the
/// tokens of that issuer. Logs go to standard error; `RUST_LOG` says how much of them.
#[derive(Debug, Default, Parser)]
#[command(name = "demo", version, verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// End after the story: 0 if every step answered as expected, else 1
    #[arg(long)]
    pub(super) exit: bool,

    /// Where the API listens
    ///
    /// [default: 127.0.0.1:8080 with --issuer, else a free port of 127.0.0.1]
    #[arg(long, env, hide_env_values = true, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<String>,

    /// What the API is called: the URL that callers know it by
    ///
    /// [default: what its scopes are named after with --issuer, else where it listens]
    #[arg(long, env, hide_env_values = true, value_name = "URL")]
    pub(super) resource: Option<String>,

    /// Whose tokens are accepted
    ///
    /// A URL, exactly as in the claim `iss`, or the id of a Cognito user pool such as
    /// eu-west-1_Ab12Cd34E.
    #[arg(long, env, hide_env_values = true, value_name = "URL|POOL", verbatim_doc_comment)]
    pub(super) issuer: Option<String>,

    /// What its tokens look like: cognito or generic
    ///
    /// [default: cognito for a pool id and for a URL whose host begins with cognito-idp.,
    /// else generic]
    #[arg(long, env, hide_env_values = true, verbatim_doc_comment)]
    pub(super) profile: Option<String>,

    /// Where its keys are
    ///
    /// [default: ISSUER/.well-known/jwks.json with profile cognito, else where the issuer's
    /// metadata says]
    #[arg(long, env, hide_env_values = true, value_name = "URL", verbatim_doc_comment)]
    pub(super) jwks_uri: Option<String>,

    /// Fetch keys and metadata also from http URLs on a network
    ///
    /// An attacker who can change that traffic can forge tokens. For a compose network on one
    /// host, where the issuer is a service without TLS.
    #[arg(long, verbatim_doc_comment)]
    pub(super) allow_keys_without_tls: bool,

    /// Accept tokens for these audiences, separated by commas
    ///
    /// This or --client-id is required. With both, both must fit.
    #[arg(long, env, hide_env_values = true, value_name = "LIST")]
    pub(super) audience: Option<String>,

    /// Accept tokens of these clients, separated by commas
    ///
    /// This or --audience is required. With both, both must fit, except that a token of profile
    /// cognito may have no audience.
    #[arg(long, env, hide_env_values = true, value_name = "LIST", verbatim_doc_comment)]
    pub(super) client_id: Option<String>,

    /// Accept these signature algorithms, separated by commas
    ///
    /// [default: RS256 with profile cognito, else every asymmetric one]
    #[arg(long, env, hide_env_values = true, value_name = "LIST")]
    pub(super) algorithms: Option<String>,

    // A negative number is a wrong value, not an unknown flag.
    /// How far the clocks of issuer and API may differ, 0 to 300 [default: 30]
    #[arg(long, env, hide_env_values = true, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(super) leeway_secs: Option<String>,

    /// How old keys may become, 1 to 86400 [default: what the issuer says, or 600]
    #[arg(long, env, hide_env_values = true, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(super) jwks_refresh_secs: Option<String>,

    /// Least time between fetches for unknown keys, 1 to 3600 [default: 30]
    #[arg(long, env, hide_env_values = true, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(super) jwks_cooldown_secs: Option<String>,
}

impl Arguments {
    /// Reads the process's command line and environment.
    ///
    /// An environment variable that is empty counts as unset, since that is the only way of unsetting one that many
    /// tools have. An empty value on the command line is a value, and a wrong one.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches()?;
        let mut arguments = Self::from_arg_matches(&matches)?;
        for (setting, text) in arguments.texts() {
            let from_environment = matches.value_source(setting.id()) == Some(ValueSource::EnvVariable);
            text.take_if(|text| text.is_empty() && from_environment);
        }
        Ok(arguments)
    }

    /// The first setting that is given and says something about an issuer.
    pub(super) fn first_about_an_issuer(&mut self) -> Option<Setting> {
        let about = |setting| setting != setting::LISTEN;
        self.texts()
            .into_iter()
            .find(|(setting, text)| about(*setting) && text.is_some())
            .map(|(setting, _)| setting)
    }

    fn texts(&mut self) -> [(Setting, &mut Option<String>); 11] {
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
        ]
    }
}
