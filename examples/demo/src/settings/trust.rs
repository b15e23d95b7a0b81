//! Builds the verifier from the settings.

use std::time::Duration;

use scopegate::{
    Algorithm, ConfigError, Issuer, IssuerWithoutAudience, ResourceIdentifier, RevocationFile, Revocations,
    Verifier, VerifierBuilder,
};

use scopegate_axum::ProtectedResource;

use super::arguments::Arguments;
use super::introspection::{Introspected, introspection};
use super::setting::{self, Setting};
use super::{certificates, dpop};
use crate::failure::Failure;

/// The form of an issuer's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    Cognito,
    Generic,
}

/// Returns a verifier that trusts this issuer, with the settings in `arguments`.
pub(super) fn verifier(issuer: &str, arguments: &Arguments) -> Result<VerifierBuilder, Failure> {
    let mut trusted = trusted_issuer(issuer, arguments)?;
    if let Some(algorithms) = list(setting::ALGORITHMS, arguments.algorithms.as_deref())? {
        let parsed = algorithms.iter().map(|name| name.parse::<Algorithm>().map_err(wrong_setting));
        trusted = trusted.algorithms(parsed.collect::<Result<Vec<_>, _>>()?);
    }
    let mut verifier = Verifier::builder().trust(trusted);
    if let Some(leeway) = seconds(setting::LEEWAY_SECS, arguments.leeway_secs.as_deref())? {
        verifier = verifier.leeway(leeway);
    }
    if let Some(period) = seconds(setting::JWKS_REFRESH_SECS, arguments.jwks_refresh_secs.as_deref())? {
        verifier = verifier.refresh_interval(period);
    }
    if let Some(cooldown) = seconds(setting::JWKS_COOLDOWN_SECS, arguments.jwks_cooldown_secs.as_deref())? {
        verifier = verifier.refresh_cooldown(cooldown);
    }
    if let Some(dpop) = dpop::dpop(arguments)? {
        verifier = verifier.dpop(dpop);
    }
    if let Some(certificates) = certificates::certificates(arguments)? {
        verifier = verifier.client_certificates(certificates);
    }
    Ok(verifier)
}

/// Starts a verifier. scopegate checks the ranges of the settings.
///
/// # Errors
/// Returns [`Failure::Setting`] if a setting is invalid. Returns [`Failure::Runtime`] for errors
/// that may be temporary, such as unavailable keys.
pub(crate) async fn start(verifier: VerifierBuilder) -> Result<Verifier, Failure> {
    verifier.start().await.map_err(not_started)
}

/// Starts a verifier without waiting for keys. The API returns 503 until they are available.
///
/// # Errors
/// As [`start`].
pub(crate) fn start_lazy(verifier: VerifierBuilder) -> Result<Verifier, Failure> {
    verifier.start_lazy().map_err(not_started)
}

fn not_started(error: ConfigError) -> Failure {
    match error {
        ConfigError::KeysNotFetched { .. } | ConfigError::HttpClient { .. } | ConfigError::NoRuntime => {
            Failure::runtime(&error)
        }
        setting => wrong_setting(setting),
    }
}

/// Reads a file of revocations, and follows it from now on.
///
/// # Errors
/// Returns [`Failure::Setting`] if it cannot be read: a restart must not forget
/// revocations.
pub(crate) async fn revocations(path: &str) -> Result<Revocations, Failure> {
    let revocations = Revocations::new();
    match revocations.follow_file(RevocationFile::new(path)).await {
        Ok(()) => Ok(revocations),
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
            Err(setting::REVOCATIONS.wrong("a file that can be read", format_args!("{path:?}: {cause}")))
        }
    }
}

/// Checks the resource identifier of a setting before the verifier starts.
pub(super) fn checked_resource(setting: Setting, name: String) -> Result<String, Failure> {
    match name.parse::<ResourceIdentifier>() {
        Ok(_) => Ok(name),
        Err(ConfigError::InvalidUrl { expected, found, .. }) => {
            Err(setting.wrong(expected, format_args!("{found:?}")))
        }
        Err(other) => Err(wrong_setting(other)),
    }
}

/// Creates the protected resource with this identifier.
///
/// # Errors
/// Returns [`Failure::Setting`] if it is not a resource identifier.
pub(crate) fn resource(name: &str, verifier: &Verifier) -> Result<ProtectedResource, Failure> {
    ProtectedResource::new(name, verifier).map_err(wrong_setting)
}

fn trusted_issuer(issuer: &str, arguments: &Arguments) -> Result<Issuer, Failure> {
    match introspection(arguments)? {
        None => verified_issuer(issuer, arguments),
        Some((Introspected::AfterJwt, endpoint)) => {
            Ok(verified_issuer(issuer, arguments)?.and_introspect(endpoint))
        }
        Some((tokens @ (Introspected::All | Introspected::Opaque), endpoint)) => {
            let draft = Issuer::opaque(issuer, endpoint).map_err(wrong_setting)?;
            let trusted = restricted(draft, arguments)?;
            Ok(if tokens == Introspected::All { trusted.introspect_jwts() } else { trusted })
        }
    }
}

/// Returns an issuer whose JWTs are verified.
fn verified_issuer(issuer: &str, arguments: &Arguments) -> Result<Issuer, Failure> {
    let jwks_uri = arguments.jwks_uri.as_deref();
    let is_pool_id = !issuer.contains("://");
    let draft = match profile(issuer, arguments.profile.as_deref())? {
        Profile::Cognito if is_pool_id => Issuer::cognito(issuer),
        Profile::Cognito => Issuer::cognito_at(issuer),
        Profile::Generic => match jwks_uri {
            Some(jwks_uri) => Issuer::from_jwks_uri(issuer, jwks_uri),
            None => Issuer::from_metadata(issuer),
        },
    };
    let trusted = restricted(draft.map_err(wrong_setting)?, arguments)?;
    let trusted = match jwks_uri {
        Some(jwks_uri) => trusted.jwks_uri(jwks_uri),
        None => trusted,
    };
    Ok(if arguments.allow_keys_without_tls { trusted.allow_keys_without_tls() } else { trusted })
}

/// Restricts an issuer to the audiences and clients of the settings.
fn restricted(draft: IssuerWithoutAudience, arguments: &Arguments) -> Result<Issuer, Failure> {
    let audiences = list(setting::AUDIENCE, arguments.audience.as_deref())?;
    let clients = list(setting::CLIENT_ID, arguments.client_id.as_deref())?;
    match (audiences, clients) {
        (Some(audiences), Some(clients)) => {
            Ok(clients.into_iter().fold(draft.audiences(audiences), Issuer::client))
        }
        (Some(audiences), None) => Ok(draft.audiences(audiences)),
        (None, Some(clients)) => Ok(draft.clients(clients)),
        (None, None) => {
            let both = format!("{} or {}", setting::AUDIENCE, setting::CLIENT_ID);
            Err(Failure::Setting(format!("{both} is required")))
        }
    }
}

fn profile(issuer: &str, written: Option<&str>) -> Result<Profile, Failure> {
    match written {
        Some("cognito") => Ok(Profile::Cognito),
        Some("generic") => Ok(Profile::Generic),
        Some(other) => Err(setting::PROFILE.wrong("cognito or generic", format_args!("{other:?}"))),
        None if !issuer.contains("://") => Ok(Profile::Cognito),
        None if issuer.starts_with("https://cognito-idp.") => Ok(Profile::Cognito),
        None => Ok(Profile::Generic),
    }
}

pub(super) fn list(setting: Setting, text: Option<&str>) -> Result<Option<Vec<&str>>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let items: Vec<&str> = text.split(',').map(str::trim).collect();
    if items.contains(&"") {
        return Err(setting.wrong("a list separated by commas, no item empty", format_args!("{text:?}")));
    }
    Ok(Some(items))
}

pub(super) fn seconds(setting: Setting, text: Option<&str>) -> Result<Option<Duration>, Failure> {
    let Some(text) = text else { return Ok(None) };
    match text.parse() {
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
        Err(_) => Err(setting.wrong("a whole number of seconds", format_args!("{text:?}"))),
    }
}

/// Converts an error of scopegate, so that it names the flag and the variable.
pub(super) fn wrong_setting(error: ConfigError) -> Failure {
    match error {
        ConfigError::InvalidUrl { setting, expected, found, .. }
        | ConfigError::InvalidName { setting, expected, found, .. } => {
            let setting = match setting {
                "jwks_uri" => setting::JWKS_URI,
                "resource identifier" => setting::RESOURCE,
                "DPoP origin" => setting::ORIGIN,
                "introspection endpoint" => setting::INTROSPECTION_URI,
                _ => setting::ISSUER,
            };
            setting.wrong(expected, format_args!("{found:?}"))
        }
        ConfigError::InvalidPoolId { found, .. } => {
            let expected = "a URL or a user pool id such as eu-west-1_Ab12Cd34E";
            setting::ISSUER.wrong(expected, format_args!("{found:?}"))
        }
        ConfigError::OutOfRange { setting: "leeway", expected, found, .. } => {
            setting::LEEWAY_SECS.wrong(expected, found)
        }
        ConfigError::OutOfRange { setting: "refresh period", expected, found, .. } => {
            setting::JWKS_REFRESH_SECS.wrong(expected, found)
        }
        ConfigError::OutOfRange { setting: "refresh cooldown", expected, found, .. } => {
            setting::JWKS_COOLDOWN_SECS.wrong(expected, found)
        }
        ConfigError::OutOfRange { setting: "trusted proxies", expected, found, .. } => {
            setting::TRUSTED_PROXIES.wrong(expected, format_args!("{found:?}"))
        }
        ConfigError::OutOfRange { setting: "age of DPoP proofs", expected, found, .. } => {
            setting::DPOP_MAX_AGE_SECS.wrong(expected, found)
        }
        ConfigError::OutOfRange { setting: "cached introspections", expected, found, .. } => {
            setting::INTROSPECTION_CACHE_SECS.wrong(expected, found)
        }
        ConfigError::OutOfRange { setting: "introspection timeout", expected, found, .. } => {
            setting::INTROSPECTION_TIMEOUT_SECS.wrong(expected, found)
        }
        ConfigError::OutOfRange { setting: "resource identifier", expected, found, .. } => {
            setting::RESOURCE.wrong(expected, format_args!("{found:?}"))
        }
        error @ ConfigError::UnknownAlgorithm { .. } => {
            Failure::Setting(format!("{}: {error}", setting::ALGORITHMS))
        }
        other => Failure::setting(&other),
    }
}
