//! Issuer names: compared with `iss`, and for some issuers the base of the URLs of their keys.

use scopegate_proto::url::{FetchUrl, is_string_or_uri, issuer_identifier_allowing_http, redacted};

use super::Issuer;
use super::key_config::KeyConfig;
use crate::config_error::ConfigError;

/// RFC 7519 §2.
const EXPECTED: &str = "a name of 1 to 2048 bytes without control characters and without white space at its ends, \
                        and if it has a colon, a URI without user name";

impl Issuer {
    /// Sets the name that tokens have in `iss`, if it differs from the URL that keys are fetched
    /// from.
    ///
    /// LocalStack and issuers behind a proxy write such a name.
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let local_stack = Issuer::cognito_at("https://localhost.localstack.cloud:4566/us-east-1_abc")?
    ///     .client("1example23456789")
    ///     .issuer_name("http://localhost.localstack.cloud:4566/us-east-1_abc");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// The name is only compared. Starting the verifier fails with [`ConfigError::InvalidName`]
    ///
    /// - if the name is not a `StringOrURI` (RFC 7519 §2) of up to 2,048 bytes;
    /// - if the issuer's keys are found by metadata, because its metadata must have the same name
    ///   (RFC 8414 §3.3). Set [`jwks_uri`](Self::jwks_uri) for such an issuer.
    pub fn issuer_name(mut self, name: impl Into<String>) -> Self {
        self.identifier = name.into();
        self.policy.key_issuers.push(self.identifier.clone());
        self
    }

    /// Accepts tokens **without `iss`** as tokens of this issuer, for example JWT-SVIDs of SPIFFE.
    ///
    /// Only the signature then identifies the issuer. The token could come from another issuer
    /// whose keys are trusted under this name. Tokens with another `iss` are still rejected, and so
    /// are tokens whose `iss` is `null`.
    ///
    /// At most one issuer of a verifier may have it. With a second one, starting the verifier fails
    /// with [`ConfigError::OutOfRange`].
    pub fn allow_missing_iss(mut self) -> Self {
        self.policy.accepts_missing_iss = true;
        self
    }

    pub(super) fn check_name(&self) -> Result<(), ConfigError> {
        if let Some(template) = self.policy.tenancy.name_template() {
            if self.policy.accepts_missing_iss {
                return Err(ConfigError::OutOfRange {
                    setting: "allow_missing_iss",
                    expected: "an issuer with one name",
                    found: self.identifier.clone(),
                });
            }
            if self.identifier != template.written() {
                return Err(ConfigError::InvalidName {
                    setting: "issuer_name",
                    expected: "an issuer with one name",
                    found: redacted(&self.identifier),
                });
            }
        }
        match &self.keys {
            KeyConfig::Discovery(address) if address.written() != self.identifier => {
                Err(ConfigError::InvalidName {
                    setting: "issuer_name",
                    expected: "an issuer with a known JWKS URL, because its metadata must have the same name",
                    found: redacted(&self.identifier),
                })
            }
            _ => only_compared(&self.identifier).map(drop),
        }
    }
}

/// Returns the name of an issuer whose URLs derive from it: a URL (RFC 8414 §2). It stays as it was
/// written, because tokens are compared with it character by character.
pub(super) fn identifier(issuer: &str) -> Result<String, ConfigError> {
    address(issuer).map(|address| address.written().to_owned())
}

/// Returns the URL of such an issuer. The rule about TLS is checked when the verifier is built,
/// because it applies only if keys or metadata are fetched.
pub(super) fn address(issuer: &str) -> Result<FetchUrl, ConfigError> {
    issuer_identifier_allowing_http(issuer).map_err(|error| ConfigError::invalid_url("issuer", error))
}

/// Returns the name of an issuer that is only compared.
pub(super) fn only_compared(issuer: &str) -> Result<String, ConfigError> {
    if is_string_or_uri(issuer) {
        return Ok(issuer.to_owned());
    }
    Err(ConfigError::InvalidName { setting: "issuer", expected: EXPECTED, found: redacted(issuer) })
}
