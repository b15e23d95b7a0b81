//! The settings for tokens that the issuer is asked about (introspection, RFC 7662).

use scopegate::{ClientAuthentication, Introspection};

use super::arguments::Arguments;
use super::setting::{self, Setting};
use super::trust::{seconds, wrong_setting};
use crate::failure::Failure;

/// The tokens that are introspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Introspected {
    /// Every token, and no JWT is verified.
    All,
    /// Tokens that are no JWTs. JWTs are rejected.
    Opaque,
    /// JWTs, after they were verified.
    AfterJwt,
}

const EXPECTED: &str = "all, opaque or after_jwt";

/// Returns the tokens that are introspected and the endpoint, or `None` if no token is.
pub(super) fn introspection(arguments: &Arguments) -> Result<Option<(Introspected, Introspection)>, Failure> {
    let Some(url) = &arguments.introspection_uri else {
        let details = [
            (setting::INTROSPECTION, &arguments.introspection),
            (setting::INTROSPECTION_CLIENT_ID, &arguments.introspection_client_id),
            (setting::INTROSPECTION_CLIENT_SECRET, &arguments.introspection_client_secret),
            (setting::INTROSPECTION_CACHE_SECS, &arguments.introspection_cache_secs),
            (setting::INTROSPECTION_TIMEOUT_SECS, &arguments.introspection_timeout_secs),
        ];
        return setting::none_without(setting::INTROSPECTION_URI, &details).map(|()| None);
    };
    let introspected = introspected(arguments)?;
    let id = required(setting::INTROSPECTION_CLIENT_ID, arguments.introspection_client_id.as_ref())?;
    let secret =
        required(setting::INTROSPECTION_CLIENT_SECRET, arguments.introspection_client_secret.as_ref())?;
    let client = ClientAuthentication::client_secret_basic(id, secret);
    let mut introspection = Introspection::by_client(url, client).map_err(wrong_setting)?;
    let cache = seconds(setting::INTROSPECTION_CACHE_SECS, arguments.introspection_cache_secs.as_deref())?;
    if let Some(time) = cache {
        introspection = introspection.cache_for(time);
    }
    let limit =
        seconds(setting::INTROSPECTION_TIMEOUT_SECS, arguments.introspection_timeout_secs.as_deref())?;
    if let Some(limit) = limit {
        introspection = introspection.timeout(limit);
    }
    Ok(Some((introspected, introspection)))
}

fn introspected(arguments: &Arguments) -> Result<Introspected, Failure> {
    let tokens = match arguments.introspection.as_deref() {
        Some("all") => Introspected::All,
        Some("opaque") => Introspected::Opaque,
        Some("after_jwt") => return Ok(Introspected::AfterJwt),
        Some(other) => return Err(setting::INTROSPECTION.wrong(EXPECTED, format_args!("{other:?}"))),
        None => {
            let (of, required) = (setting::INTROSPECTION_URI, setting::INTROSPECTION);
            return Err(Failure::Setting(format!("{of} requires {required}: {EXPECTED}")));
        }
    };
    check_no_keys(arguments).map(|()| tokens)
}

/// Rejects settings for JWTs that are verified. Without verified JWTs, they have no effect.
fn check_no_keys(arguments: &Arguments) -> Result<(), Failure> {
    let verified = format!("{} after_jwt", setting::INTROSPECTION);
    if arguments.allow_keys_without_tls {
        return Err(Failure::Setting(format!("--allow-keys-without-tls requires {verified}")));
    }
    let details = [
        (setting::PROFILE, &arguments.profile),
        (setting::JWKS_URI, &arguments.jwks_uri),
        (setting::ALGORITHMS, &arguments.algorithms),
        (setting::JWKS_REFRESH_SECS, &arguments.jwks_refresh_secs),
        (setting::JWKS_COOLDOWN_SECS, &arguments.jwks_cooldown_secs),
    ];
    match details.iter().find(|(_, text)| text.is_some()) {
        Some((detail, _)) => Err(Failure::Setting(format!("{detail} requires {verified}"))),
        None => Ok(()),
    }
}

/// Returns the text of a setting that an endpoint needs. The error does not show it.
fn required(setting: Setting, text: Option<&String>) -> Result<&str, Failure> {
    match text {
        Some(text) if text.is_empty() => Err(setting.wrong("a value", "none")),
        Some(text) => Ok(text),
        None => Err(Failure::Setting(format!("{} requires {setting}", setting::INTROSPECTION_URI))),
    }
}
