//! The names of the settings in the command line, in the environment and in messages.

use std::fmt;

use crate::failure::Failure;

/// A setting with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting(&'static str);

pub(super) const LISTEN: Setting = Setting("listen");
pub(super) const RESOURCE: Setting = Setting("resource");
pub(super) const ISSUER: Setting = Setting("issuer");
pub(super) const PROFILE: Setting = Setting("profile");
pub(super) const JWKS_URI: Setting = Setting("jwks_uri");
pub(super) const AUDIENCE: Setting = Setting("audience");
pub(super) const CLIENT_ID: Setting = Setting("client_id");
pub(super) const ALGORITHMS: Setting = Setting("algorithms");
pub(super) const LEEWAY_SECS: Setting = Setting("leeway_secs");
pub(super) const JWKS_REFRESH_SECS: Setting = Setting("jwks_refresh_secs");
pub(super) const JWKS_COOLDOWN_SECS: Setting = Setting("jwks_cooldown_secs");
pub(super) const REVOCATIONS: Setting = Setting("revocations");
pub(super) const ORIGIN: Setting = Setting("origin");
pub(super) const DPOP: Setting = Setting("dpop");
pub(super) const DPOP_NONCE: Setting = Setting("dpop_nonce");
pub(super) const DPOP_ALGORITHMS: Setting = Setting("dpop_algorithms");
pub(super) const CERTIFICATE_BINDING: Setting = Setting("certificate_binding");
pub(super) const CERTIFICATE_HEADER: Setting = Setting("certificate_header");
pub(super) const TRUSTED_PROXIES: Setting = Setting("trusted_proxies");
pub(super) const WRITE_ACR: Setting = Setting("write_acr");
pub(super) const WRITE_MAX_AUTH_AGE_SECS: Setting = Setting("write_max_auth_age_secs");
pub(super) const REPLAY_STORE: Setting = Setting("replay_store");
pub(super) const DPOP_MAX_AGE_SECS: Setting = Setting("dpop_max_age_secs");
pub(super) const INTROSPECTION: Setting = Setting("introspection");
pub(super) const INTROSPECTION_URI: Setting = Setting("introspection_uri");
pub(super) const INTROSPECTION_CLIENT_ID: Setting = Setting("introspection_client_id");
pub(super) const INTROSPECTION_CLIENT_SECRET: Setting = Setting("introspection_client_secret");
pub(super) const INTROSPECTION_CACHE_SECS: Setting = Setting("introspection_cache_secs");
pub(super) const INTROSPECTION_TIMEOUT_SECS: Setting = Setting("introspection_timeout_secs");

impl Setting {
    /// Returns the name of its field, from which clap derives the flag and the variable.
    pub(super) fn id(self) -> &'static str {
        self.0
    }

    /// Returns the error for an invalid value.
    pub(super) fn wrong(self, expected: impl fmt::Display, found: impl fmt::Display) -> Failure {
        Failure::Setting(format!("{self}: expected {expected}, found {found}"))
    }
}

/// Rejects settings that have no effect without another one.
pub(super) fn none_without(required: Setting, details: &[(Setting, &Option<String>)]) -> Result<(), Failure> {
    match details.iter().find(|(_, text)| text.is_some()) {
        Some((detail, _)) => Err(Failure::Setting(format!("{detail} requires {required}"))),
        None => Ok(()),
    }
}

/// Writes the flag and the variable, such as `--jwks-uri (JWKS_URI)`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{} ({})", self.0.replace('_', "-"), self.0.to_uppercase())
    }
}
