//! The environment variables of a function.

use std::env;
use std::fmt;

use scopegate::{ConfigError, Issuer, Verifier, VerifierBuilder};

/// The tokens that a function accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `ISSUER`: the URL of the user pool, as in the tokens' `iss`.
    pub issuer: String,
    /// `CLIENT_IDS`: the app clients, separated by commas.
    pub client_ids: Vec<String>,
}

/// An environment variable that is missing or empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingVariable {
    name: &'static str,
    expected: &'static str,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// Returns the first variable that is missing or empty.
    pub fn from_env() -> Result<Self, MissingVariable> {
        Self::read(|name| env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, MissingVariable> {
        let issuer = required(&variable, "ISSUER", "the URL of a user pool")?;
        let ids = required(&variable, "CLIENT_IDS", "ids of app clients, separated by commas")?;
        // An empty id is an error when the verifier starts.
        Ok(Self { issuer, client_ids: ids.split(',').map(|id| id.trim().to_owned()).collect() })
    }

    /// Returns the builder of a verifier that trusts the user pool.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if the issuer is not a URL.
    pub fn builder(&self) -> Result<VerifierBuilder, ConfigError> {
        Ok(Verifier::builder().trust(Issuer::cognito_at(&self.issuer)?.clients(self.client_ids.iter())))
    }
}

/// Reads `SCOPE`: the scope that the authorizer requires.
///
/// # Errors
/// Returns the variable if it is missing or empty.
pub fn scope() -> Result<String, MissingVariable> {
    required(&|name: &str| env::var(name).ok(), "SCOPE", "the scope that the API requires")
}

fn required(
    variable: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    expected: &'static str,
) -> Result<String, MissingVariable> {
    variable(name).filter(|value| !value.is_empty()).ok_or(MissingVariable { name, expected })
}

impl fmt::Display for MissingVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environment variable {} is missing or empty, expected {}", self.name, self.expected)
    }
}

impl std::error::Error for MissingVariable {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

    use super::*;

    const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";

    fn read(issuer: Option<&str>, ids: Option<&str>) -> Result<Settings, String> {
        let variable = |name: &str| match name {
            "ISSUER" => issuer.map(str::to_owned),
            _ => ids.map(str::to_owned),
        };
        Settings::read(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn missing_or_empty_variable_is_named() {
        for issuer in [None, Some("")] {
            let error = read(issuer, Some("a")).unwrap_err();
            assert_eq!(
                error,
                "environment variable ISSUER is missing or empty, expected the URL of a user pool"
            );
        }
        let error = read(Some(POOL), None).unwrap_err();
        assert!(error.starts_with("environment variable CLIENT_IDS is missing or empty"), "{error}");
    }

    #[test]
    fn client_ids_are_separated_by_commas() {
        let settings = read(Some(POOL), Some("one, two")).unwrap();
        assert_eq!(settings.client_ids, ["one", "two"]);
        assert!(settings.builder().is_ok());
    }

    #[test]
    fn issuer_without_url_is_config_error() {
        let settings = read(Some("eu-west-1_Ab12Cd34E"), Some("one")).unwrap();
        assert!(settings.builder().is_err());
    }
}
