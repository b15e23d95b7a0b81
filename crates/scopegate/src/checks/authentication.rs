//! How and when did the user authenticate, and is that sufficient for a route (RFC 9470)?
//!
//! The check runs for each request, also if the token is cached: an authentication that is recent now
//! is too old later.

use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::{JsonObject, string};
use serde_json::value::RawValue;

use crate::claims::token_ref::TokenRef;
use crate::claims::{Claims, Principal};
use crate::config_error::ConfigError;
use crate::error::Error;
use crate::error::authentication::AuthenticationError;
use crate::token::numeric_date::NumericDate;

/// How far `auth_time` may be in the future, for an issuer whose clock is ahead. An age that is
/// unknown is no recent authentication.
const MAX_AHEAD: Duration = Duration::from_secs(60);

/// The authentication of the user that a route requires.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequiredAuthentication {
    /// The accepted values of `acr`, by preference. Empty if every value is accepted.
    acr: Vec<Box<str>>,
    /// The maximum age in seconds.
    max_age: Option<u64>,
}

impl RequiredAuthentication {
    /// Requires one of these values of `acr`. They must be in the grammar of `acr_values`: values
    /// without spaces, which can be quoted without an escape (RFC 9470 §3).
    pub(crate) fn with_acr<S: Into<String>>(
        self,
        values: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        let setting = "acr value";
        let acr: Vec<Box<str>> = values.into_iter().map(|value| value.into().into_boxed_str()).collect();
        let is_valid = |value: &str| {
            !value.is_empty() && value.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'))
        };
        match acr.iter().find(|value| !is_valid(value)) {
            Some(invalid) => Err(ConfigError::InvalidName {
                setting,
                expected: "printable ASCII without spaces, quotes and backslashes",
                found: invalid.to_string(),
            }),
            None if acr.is_empty() => {
                Err(ConfigError::OutOfRange { setting, expected: "at least one", found: "none".to_owned() })
            }
            None => Ok(Self { acr, ..self }),
        }
    }

    /// Limits the time since the user authenticated. It is rounded up to whole seconds, at least one,
    /// so that the check and the challenge agree.
    pub(crate) fn with_max_age(self, age: Duration) -> Self {
        let seconds = age.as_secs().saturating_add(u64::from(age.subsec_nanos() > 0)).max(1);
        Self { max_age: Some(seconds), ..self }
    }

    /// Returns the parameter `acr_values` of a challenge.
    pub(crate) fn acr_values(&self) -> Option<String> {
        (!self.acr.is_empty()).then(|| self.acr.join(" "))
    }

    /// Returns the parameter `max_age` of a challenge, in seconds.
    pub(crate) fn max_age(&self) -> Option<u64> {
        self.max_age
    }

    /// Checks the authentication of a valid token's user.
    ///
    /// Only a user can authenticate again, so a token of a client itself is another error, which no
    /// challenge follows.
    #[inline(never)]
    pub(crate) fn check(&self, claims: &Claims, now: NumericDate) -> Result<(), Error> {
        let token = || TokenRef::new(claims);
        match claims.principal() {
            Principal::Subject { .. } => {}
            Principal::Client { .. } | Principal::Unnamed => {
                return Err(Error::UserRequired { token: token() });
            }
        }
        let payload = JsonObject::from_text(claims.payload()).ok();
        self.check_acr(payload.as_ref())
            .and_then(|()| self.check_age(payload.as_ref(), now))
            .map_err(|reason| Error::InsufficientUserAuthentication { reason, token: token() })
    }

    fn check_acr(&self, payload: Option<&JsonObject<'_>>) -> Result<(), AuthenticationError> {
        if self.acr.is_empty() {
            return Ok(());
        }
        let claim = "acr";
        let value = required(payload, claim)?;
        let found = string(value).ok_or_else(|| AuthenticationError::MalformedClaim {
            claim,
            expected: "a string",
            found: Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT),
        })?;
        if self.acr.iter().any(|accepted| **accepted == *found) {
            return Ok(());
        }
        Err(AuthenticationError::OtherContext { expected: self.acr.join(" "), found: Excerpt::new(&found) })
    }

    fn check_age(
        &self,
        payload: Option<&JsonObject<'_>>,
        now: NumericDate,
    ) -> Result<(), AuthenticationError> {
        let Some(max_age) = self.max_age else { return Ok(()) };
        let claim = "auth_time";
        let value = required(payload, claim)?;
        let auth_time = NumericDate::parse(value).ok_or_else(|| AuthenticationError::MalformedClaim {
            claim,
            expected: "a number of seconds since 1970",
            found: Excerpt::of_json(value, Excerpt::DEFAULT_LIMIT),
        })?;
        if auth_time > now.plus(MAX_AHEAD) {
            return Err(AuthenticationError::InFuture { auth_time, now });
        }
        // Without the issuer's leeway: it would lengthen the age that the operator has chosen.
        if auth_time >= now.minus(Duration::from_secs(max_age)) {
            return Ok(());
        }
        Err(AuthenticationError::TooOld { auth_time, now, max_age })
    }
}

/// Returns a claim that must be present.
fn required<'a>(
    payload: Option<&JsonObject<'a>>,
    claim: &'static str,
) -> Result<&'a RawValue, AuthenticationError> {
    payload.and_then(|payload| payload.get_non_null(claim)).ok_or(AuthenticationError::MissingClaim { claim })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::{Value, json};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn now() -> NumericDate {
        (UNIX_EPOCH + Duration::from_secs(NOW)).into()
    }

    fn user(claims: Value) -> Claims {
        let mut all = json!({ "sub": "user-1", "client_id": "app" });
        let Value::Object(more) = claims else { panic!("an object") };
        all.as_object_mut().unwrap().extend(more);
        Claims::for_test(all)
    }

    fn reason(required: &RequiredAuthentication, claims: Value) -> Option<AuthenticationError> {
        match required.check(&user(claims), now()) {
            Ok(()) => None,
            Err(Error::InsufficientUserAuthentication { reason, .. }) => Some(reason),
            Err(error) => panic!("{error}"),
        }
    }

    fn acr(values: &[&str]) -> RequiredAuthentication {
        RequiredAuthentication::default().with_acr(values.iter().copied()).unwrap()
    }

    fn within(seconds: u64) -> RequiredAuthentication {
        RequiredAuthentication::default().with_max_age(Duration::from_secs(seconds))
    }

    #[test]
    fn acr_is_one_of_the_values_exactly() {
        // SU01
        let required = acr(&["urn:a", "urn:b"]);
        for accepted in ["urn:a", "urn:b"] {
            assert!(reason(&required, json!({ "acr": accepted })).is_none(), "{accepted}");
        }
        for other in ["", "urn:c", "URN:a", "urn:a ", "urn:a urn:b"] {
            let found = reason(&required, json!({ "acr": other }));
            assert!(matches!(found, Some(AuthenticationError::OtherContext { .. })), "{other}: {found:?}");
        }
        for absent in [json!({}), json!({ "acr": null }), json!({ "amr": ["urn:a"] })] {
            let found = reason(&required, absent);
            assert!(matches!(found, Some(AuthenticationError::MissingClaim { claim: "acr" })), "{found:?}");
        }
        for malformed in [json!(["urn:a"]), json!(1), json!(true), json!({ "urn:a": 1 })] {
            let found = reason(&required, json!({ "acr": malformed }));
            assert!(matches!(found, Some(AuthenticationError::MalformedClaim { .. })), "{found:?}");
        }
    }

    #[test]
    fn age_ends_at_the_second_without_leeway() {
        // SU02
        let required = within(300);
        for accepted in [json!(NOW), json!(NOW - 299), json!(NOW - 300), json!(NOW + 60)] {
            assert!(reason(&required, json!({ "auth_time": accepted })).is_none(), "{accepted}");
        }
        for old in [json!(NOW - 301), json!(1_799_999_699.5), json!(0), json!(-1)] {
            let found = reason(&required, json!({ "auth_time": old }));
            assert!(matches!(found, Some(AuthenticationError::TooOld { max_age: 300, .. })), "{found:?}");
        }
        let found = reason(&required, json!({ "auth_time": NOW + 61 }));
        assert!(matches!(found, Some(AuthenticationError::InFuture { .. })), "{found:?}");
        for absent in [json!({}), json!({ "auth_time": null }), json!({ "iat": NOW })] {
            let found = reason(&required, absent);
            assert!(matches!(found, Some(AuthenticationError::MissingClaim { .. })), "{found:?}");
        }
        // Milliseconds too.
        for malformed in [json!(NOW.to_string()), json!([NOW]), json!(true), json!(NOW * 1_000)] {
            let found = reason(&required, json!({ "auth_time": malformed }));
            assert!(matches!(found, Some(AuthenticationError::MalformedClaim { .. })), "{found:?}");
        }
    }

    #[test]
    fn both_requirements_must_be_met() {
        // SU01, SU02
        let both = acr(&["urn:a"]).with_max_age(Duration::from_secs(300));
        assert!(reason(&both, json!({ "acr": "urn:a", "auth_time": NOW })).is_none());
        assert!(reason(&both, json!({ "acr": "urn:a", "auth_time": NOW - 301 })).is_some());
        assert!(reason(&both, json!({ "acr": "urn:b", "auth_time": NOW })).is_some());
    }

    #[test]
    fn fraction_of_an_age_is_rounded_up() {
        // SU03
        for (age, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (300_000, 300)] {
            let required = RequiredAuthentication::default().with_max_age(Duration::from_millis(age));
            assert_eq!(required.max_age(), Some(seconds), "{age} ms");
        }
        let longest = RequiredAuthentication::default().with_max_age(Duration::MAX);
        assert!(reason(&longest, json!({ "auth_time": 0 })).is_none());
    }

    #[test]
    fn token_without_user_cannot_step_up() {
        // SU05
        let required = acr(&["urn:a"]);
        let rejected = |claims| match required.check(&Claims::for_test(claims), now()) {
            Err(error @ Error::UserRequired { .. }) => (error.kind().as_str(), error.kind().status()),
            other => panic!("{other:?}"),
        };
        for claims in [
            json!({ "client_id": "app", "acr": "urn:a" }),
            json!({ "client_id": "app", "sub": "app", "acr": "urn:a" }),
            json!({ "client_id": "app", "sub": "app@clients", "acr": "urn:a" }),
            json!({ "acr": "urn:a" }),
        ] {
            assert_eq!(rejected(claims), ("user_required", 403));
        }
    }

    #[test]
    fn values_that_no_challenge_can_hold_are_rejected() {
        // SU03
        let invalid = ["", "a b", "a\"", "a\\", "a\n", "a\u{7f}", "\u{e9}", " a"];
        for value in invalid {
            let error = RequiredAuthentication::default().with_acr(["urn:a", value]).unwrap_err();
            assert!(matches!(error, ConfigError::InvalidName { .. }), "{value:?}: {error}");
        }
        let error = RequiredAuthentication::default().with_acr([""; 0]).unwrap_err();
        assert_eq!(error.to_string(), "acr value: expected at least one, found none");
        assert_eq!(acr(&["urn:a", "!#[]~"]).acr_values().as_deref(), Some("urn:a !#[]~"));
    }
}
