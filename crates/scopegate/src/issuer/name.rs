//! Names of issuers: compared with `iss`, and for some issuers the address that keys are looked for at.

use scopegate_proto::url::{FetchUrl, is_string_or_uri, issuer_identifier_allowing_http, redacted};

use super::Issuer;
use super::key_config::KeyConfig;
use crate::error::config::ConfigError;

/// RFC 7519 §2.
const EXPECTED: &str = "a name of 1 to 2048 bytes without control characters and without white space at its ends, \
                        and if it has a colon, a URI without user name";

impl Issuer {
    /// Sets the name that tokens have in `iss`, where it is not the one that addresses are derived from: LocalStack and
    /// issuers behind a proxy write another name than the one under which their keys are fetched.
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let local_stack = Issuer::cognito_at("https://localhost.localstack.cloud:4566/us-east-1_abc")?
    ///     .client("1example23456789")
    ///     .issuer_name("http://localhost.localstack.cloud:4566/us-east-1_abc");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// It is only compared. If it is not a `StringOrURI` (RFC 7519 §2) of up to 2,048 bytes, starting the verifier fails
    /// with [`ConfigError::InvalidName`]; so it does for an issuer whose keys are found by metadata, because its metadata
    /// has to have the same name (RFC 8414 §3.3). Give that one [`jwks_uri`](Self::jwks_uri).
    pub fn issuer_name(mut self, name: impl Into<String>) -> Self {
        self.identifier = name.into();
        self.policy.key_issuers.push(self.identifier.clone());
        self
    }

    /// Takes tokens **without `iss`** for this issuer's, as JWT-SVIDs of SPIFFE are. Nothing but the signature then tells
    /// whose they are: another issuer whose keys are trusted under this name could have made them. Tokens with another
    /// `iss` are rejected as before, and so are tokens whose `iss` is `null`.
    ///
    /// One issuer of a verifier may have it. A second one is [`ConfigError::OutOfRange`] when the verifier starts.
    pub fn allow_missing_iss(mut self) -> Self {
        self.policy.accepts_missing_iss = true;
        self
    }

    pub(super) fn check_name(&self) -> Result<(), ConfigError> {
        match &self.keys {
            KeyConfig::Discovery(address) if address.written() != self.identifier => {
                Err(ConfigError::InvalidName {
                    setting: "issuer_name",
                    expected: "an issuer whose keys are at a known address, because metadata has to have the same name",
                    found: redacted(&self.identifier),
                })
            }
            _ => only_compared(&self.identifier).map(drop),
        }
    }
}

/// Returns the name of an issuer whose addresses derive from it: a URL (RFC 8414 §2). It stays as it was written,
/// because tokens are compared with it character by character.
pub(super) fn identifier(issuer: &str) -> Result<String, ConfigError> {
    address(issuer).map(|address| address.written().to_owned())
}

/// Returns the address of such an issuer. Whether it needs TLS is checked when the verifier is built, because
/// nothing may be fetched from it.
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
