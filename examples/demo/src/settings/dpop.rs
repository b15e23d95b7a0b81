//! The settings for tokens that are bound to a key of their client (DPoP, RFC 9449).

use axum::http::Uri;
use scopegate::{Algorithm, Dpop, DpopNonces};
use scopegate_redis::{Redis, RedisError, RedisReplayStore};

use super::arguments::Arguments;
use super::setting;
use super::trust::{list, seconds};
use crate::failure::Failure;

/// Returns the rules for bound tokens, or `None` if they are rejected.
pub(super) fn dpop(arguments: &Arguments) -> Result<Option<Dpop>, Failure> {
    check_origin(arguments.origin.as_deref())?;
    let (rules, is_off) = match arguments.dpop.as_deref() {
        Some("accept") => (Dpop::accept(), false),
        Some("require") => (Dpop::require(), false),
        Some("off") => (Dpop::accept(), true),
        Some(other) => return Err(setting::DPOP.wrong("off, accept or require", format_args!("{other:?}"))),
        None => {
            let details = [
                (setting::DPOP_NONCE, &arguments.dpop_nonce),
                (setting::DPOP_ALGORITHMS, &arguments.dpop_algorithms),
                (setting::DPOP_MAX_AGE_SECS, &arguments.dpop_max_age_secs),
                (setting::REPLAY_STORE, &arguments.replay_store),
            ];
            return setting::none_without(setting::DPOP, &details).map(|()| None);
        }
    };
    // With `off` the values have no effect, but mistakes in them are reported.
    let rules = with_details(rules, arguments)?;
    let redis = redis(arguments.replay_store.as_deref())?;
    match &arguments.origin {
        _ if is_off => Ok(None),
        Some(origin) => Ok(Some(with_store(rules.origin(origin), redis.as_ref())?)),
        None => Err(Failure::Setting(format!("{} requires {}", setting::DPOP, setting::ORIGIN))),
    }
}

fn with_details(mut rules: Dpop, arguments: &Arguments) -> Result<Dpop, Failure> {
    rules = match arguments.dpop_nonce.as_deref() {
        Some("require") => rules.nonces(&DpopNonces::new()),
        Some("off") | None => rules,
        Some(other) => return Err(setting::DPOP_NONCE.wrong("off or require", format_args!("{other:?}"))),
    };
    if let Some(names) = list(setting::DPOP_ALGORITHMS, arguments.dpop_algorithms.as_deref())? {
        let parsed = names.iter().map(|name| {
            let wrong = |error| Failure::Setting(format!("{}: {error}", setting::DPOP_ALGORITHMS));
            name.parse::<Algorithm>().map_err(wrong)
        });
        rules = rules.algorithms(parsed.collect::<Result<Vec<_>, _>>()?);
    }
    if let Some(age) = seconds(setting::DPOP_MAX_AGE_SECS, arguments.dpop_max_age_secs.as_deref())? {
        rules = rules.max_age(age);
    }
    Ok(rules)
}

/// Returns the server of the store of used proofs, or `None` for the store in memory.
fn redis(store: Option<&str>) -> Result<Option<Redis>, Failure> {
    match store {
        None | Some("memory") => Ok(None),
        // The message of an invalid URL contains no password.
        Some(url) => Redis::new(url).map(Some).map_err(|error| wrong_store(&error)),
    }
}

/// Stores used proofs in this server. It may be unreachable now: requests with proofs then get 503.
fn with_store(rules: Dpop, redis: Option<&Redis>) -> Result<Dpop, Failure> {
    let Some(redis) = redis else { return Ok(rules) };
    let store = RedisReplayStore::builder(redis).connect_lazy();
    Ok(rules.replay_store(store.map_err(|error| wrong_store(&error))?))
}

fn wrong_store(error: &RedisError) -> Failure {
    Failure::Setting(format!("{}: expected memory or a URL: {error}", setting::REPLAY_STORE))
}

/// Checks that an origin has no path, no query and no fragment. scopegate checks the rest of it.
fn check_origin(origin: Option<&str>) -> Result<(), Failure> {
    let Some(origin) = origin else { return Ok(()) };
    let is_origin = |uri: Uri| uri.scheme().is_some() && uri.path() == "/" && uri.query().is_none();
    if origin.parse().is_ok_and(is_origin) && !origin.contains(['#', '@']) {
        return Ok(());
    }
    let expected = "a URL without user name, path, query and fragment, such as https://api.example";
    // A user name may be followed by a password.
    if origin.contains('@') {
        return Err(setting::ORIGIN.wrong(expected, "a URL with a user name"));
    }
    Err(setting::ORIGIN.wrong(expected, format_args!("{origin:?}")))
}
