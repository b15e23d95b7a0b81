//! The settings for the authentication of users who place orders (RFC 9470).

use std::time::Duration;

use scopegate_axum::RequireScope;

use super::arguments::Arguments;
use super::setting;
use super::trust::{list, seconds};
use crate::failure::Failure;

/// The requirements for placing orders, beside the scope.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepUp {
    acr: Vec<String>,
    max_auth_age: Option<Duration>,
}

impl StepUp {
    pub(super) fn from_arguments(arguments: &Arguments) -> Result<Self, Failure> {
        let acr = list(setting::WRITE_ACR, arguments.write_acr.as_deref())?.unwrap_or_default();
        let setting = setting::WRITE_MAX_AUTH_AGE_SECS;
        let max_auth_age = seconds(setting, arguments.write_max_auth_age_secs.as_deref())?;
        if max_auth_age == Some(Duration::ZERO) {
            return Err(setting.wrong("1 or more", "0"));
        }
        Ok(Self { acr: acr.into_iter().map(ToOwned::to_owned).collect(), max_auth_age })
    }

    /// Adds the requirements to a layer.
    ///
    /// # Errors
    /// Returns [`Failure::Setting`] if a value of `acr` cannot be part of a challenge.
    pub(crate) fn added_to(&self, mut layer: RequireScope) -> Result<RequireScope, Failure> {
        if !self.acr.is_empty() {
            let wrong = |error| Failure::Setting(format!("{}: {error}", setting::WRITE_ACR));
            layer = layer.try_with_acr(self.acr.iter().cloned()).map_err(wrong)?;
        }
        Ok(match self.max_auth_age {
            Some(age) => layer.with_max_auth_age(age),
            None => layer,
        })
    }
}
