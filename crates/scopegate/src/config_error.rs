//! Errors of a configuration: why can a verifier not be built?

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use scopegate_proto::scope::InvalidScope;
use scopegate_proto::url::UrlError;

/// The reason why a verifier, an issuer or a requirement could not be built, with the expected and
/// the found value.
///
/// No request causes one of these errors. They occur when a verifier is built, or when a running
/// one is changed.
#[non_exhaustive]
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields have the expected and the found values of their variant")]
pub enum ConfigError {
    /// The verifier has no issuer: [`trust`](crate::VerifierBuilder::trust) was not called.
    NoIssuer,
    /// Two trusted issuers have the same name.
    #[non_exhaustive]
    DuplicateIssuer { issuer: String },
    /// A setting names an issuer that the verifier does not trust.
    #[non_exhaustive]
    UntrustedIssuer { found: String },
    /// A tenant cannot be [distrusted](crate::Verifier::distrust), because a rule that is no
    /// [`TenantList`](crate::TenantList) accepts it.
    #[non_exhaustive]
    TenantStillTrusted { issuer: String, rule: &'static str },
    /// A list names a trusted issuer more than once.
    #[non_exhaustive]
    RepeatedIssuer { issuer: String },
    /// A list names no trusted issuer.
    EmptyIssuerList,
    /// A URL is not a valid issuer identifier, JWKS URL or resource identifier (RFC 8414 §2,
    /// RFC 9728 §1.2).
    ///
    /// It must have the scheme `https` and a host, and no fragment and no user name. Only JWKS URLs
    /// may have a query. `http` is accepted for a loopback address, and for keys and metadata with
    /// `Issuer::allow_keys_without_tls`.
    #[non_exhaustive]
    InvalidUrl { setting: &'static str, expected: &'static str, found: String },
    /// A string is not a Cognito user pool id, such as `eu-west-1_Ab12Cd34E`.
    #[non_exhaustive]
    InvalidPoolId { found: String },
    /// A string is not a valid name of the provider: an Auth0 domain, the id of an Entra tenant or
    /// an AWS region.
    #[non_exhaustive]
    InvalidName { setting: &'static str, expected: &'static str, found: String },
    /// Only clients are configured, but all tokens of this issuer have an `aud`. Without an
    /// audience, all of them would be rejected.
    #[non_exhaustive]
    NeedsAudience { issuer: String },
    /// A list of an issuer is empty, or contains an empty string. `setting` names the list.
    #[non_exhaustive]
    EmptyList { issuer: String, setting: &'static str },
    /// A string is not the name of a supported asymmetric JWS algorithm.
    #[non_exhaustive]
    UnknownAlgorithm { found: String },
    /// A setting is outside of its range.
    #[non_exhaustive]
    OutOfRange { setting: &'static str, expected: &'static str, found: String },
    /// A string is not a scope: one or more printable ASCII characters except space, `"` and `\`
    /// (RFC 6749 §3.3).
    #[non_exhaustive]
    InvalidScope { found: String },
    /// `all_of` or `any_of` has no scopes. Such a requirement would accept every token.
    EmptyRequirement,
    /// A requirement contains `offline_access`, which requests a refresh token from an issuer
    /// (OpenID Connect Core §11). It has no meaning for an API.
    #[non_exhaustive]
    ReservedScope { scope: String },
    /// Scopes imply each other in a circle, so they would be equivalent.
    #[non_exhaustive]
    ScopeImpliesItself { scope: String },
    /// A static JWKS is malformed, or none of its keys can verify a token.
    #[non_exhaustive]
    InvalidKeySet { issuer: String, reason: String },
    /// An issuer's keys could not be fetched when the verifier started. The reason is the
    /// [`source`](std::error::Error::source).
    #[non_exhaustive]
    KeysNotFetched { issuer: String, url: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The credentials of this API at an introspection endpoint are invalid. The reason is the
    /// [`source`](std::error::Error::source).
    #[non_exhaustive]
    InvalidClientAuthentication { source: Box<dyn std::error::Error + Send + Sync> },
    /// The HTTP client could not be set up, for example because the system has no certificate
    /// authorities.
    #[non_exhaustive]
    HttpClient { source: Box<dyn std::error::Error + Send + Sync> },
    /// A file of revocations could not be read when it was first followed. The reason is the
    /// [`source`](std::error::Error::source).
    #[non_exhaustive]
    RevocationsNotRead { path: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// DPoP is configured without the origin of the API, with which the URLs in
    /// proofs are compared (RFC 9449 §4.3).
    MissingOrigin,
    /// Client certificates come from a header, and no proxy is
    /// [trusted](crate::VerifierBuilder) to set it. Any caller could send the header.
    #[non_exhaustive]
    MissingTrustedProxies { header: String },
    /// The verifier [requires FAPI 2.0](crate::VerifierBuilder), and a setting does not satisfy it.
    /// `issuer` is `None` for a setting of the verifier.
    #[non_exhaustive]
    NotFapi2 { issuer: Option<String>, setting: &'static str, expected: &'static str, found: String },
    /// The background task that fetches keys needs a Tokio runtime, and none is running.
    NoRuntime,
    /// This issuer's keys have to be fetched, and [`build`](crate::VerifierBuilder::build) fetches
    /// no keys.
    #[non_exhaustive]
    KeysRequireRuntime { issuer: String },
}

impl ConfigError {
    pub(crate) fn invalid_url(setting: &'static str, error: UrlError) -> Self {
        Self::InvalidUrl { setting, expected: error.expected, found: error.found }
    }

    /// Returns an error if a setting is not in its range, which `expected` names.
    pub(crate) fn check_range(
        setting: &'static str,
        value: Duration,
        range: RangeInclusive<Duration>,
        expected: &'static str,
    ) -> Result<(), Self> {
        if range.contains(&value) {
            return Ok(());
        }
        Err(Self::OutOfRange { setting, expected, found: format!("{} s", value.as_secs_f64()) })
    }
}

impl From<InvalidScope> for ConfigError {
    fn from(error: InvalidScope) -> Self {
        Self::InvalidScope { found: error.found.as_str().to_owned() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIssuer => f.write_str("expected at least one trusted issuer, found none"),
            Self::DuplicateIssuer { issuer } => write!(f, "issuer {issuer} is trusted twice"),
            Self::UntrustedIssuer { found } => {
                write!(f, "expected an issuer that the verifier trusts, found {found:?}")
            }
            Self::TenantStillTrusted { issuer, rule } => {
                write!(f, "{issuer} is still trusted: expected a TenantList, found {rule}")
            }
            Self::RepeatedIssuer { issuer } => write!(f, "expected each issuer once, found {issuer} again"),
            Self::EmptyIssuerList => f.write_str("expected at least one of the trusted issuers, found none"),
            Self::InvalidUrl { setting, expected, found }
            | Self::InvalidName { setting, expected, found } => {
                write!(f, "{setting}: expected {expected}, found {found:?}")
            }
            Self::InvalidPoolId { found } => {
                write!(f, "expected a user pool id like \"eu-west-1_Ab12Cd34E\", found {found:?}")
            }
            Self::NeedsAudience { issuer } => write!(
                f,
                "issuer {issuer}: expected an audience, because each of its tokens has one; found a rule about \
                 clients alone"
            ),
            Self::EmptyList { issuer, setting } => {
                write!(f, "issuer {issuer}: expected {setting}, none of them empty")
            }
            Self::UnknownAlgorithm { found } => write!(
                f,
                "expected an algorithm out of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, \
                 found {found:?}"
            ),
            Self::OutOfRange { setting, expected, found } => {
                write!(f, "{setting}: expected {expected}, found {found}")
            }
            Self::InvalidScope { found } => write!(
                f,
                "expected a scope (printable ASCII without space, quote and backslash), found {found:?}"
            ),
            Self::EmptyRequirement => {
                f.write_str("expected at least one scope in all_of or any_of, found none")
            }
            Self::ReservedScope { scope } => {
                write!(f, "expected scopes of an API, found {scope:?}, which is for an issuer")
            }
            Self::ScopeImpliesItself { scope } => {
                write!(f, "scope {scope:?} implies itself, expected implied scopes without a circle")
            }
            Self::InvalidKeySet { issuer, reason } => write!(f, "static JWKS of {issuer}: {reason}"),
            Self::KeysNotFetched { issuer, url, .. } => {
                write!(f, "could not fetch the keys of {issuer} from {url}")
            }
            Self::InvalidClientAuthentication { .. } => f.write_str("the client authentication is invalid"),
            Self::HttpClient { .. } => f.write_str("the HTTP client could not be set up"),
            Self::RevocationsNotRead { path, .. } => write!(f, "no revocations from {path}"),
            Self::MissingOrigin => f.write_str("DPoP: expected the origin of the API, found none"),
            Self::MissingTrustedProxies { header } => {
                write!(f, "client certificates in the header {header}: expected trusted proxies, found none")
            }
            Self::NotFapi2 { issuer: Some(issuer), setting, expected, found } => {
                write!(f, "FAPI 2.0: {setting} of {issuer}: expected {expected}, found {found}")
            }
            Self::NotFapi2 { issuer: None, setting, expected, found } => {
                write!(f, "FAPI 2.0: {setting}: expected {expected}, found {found}")
            }
            Self::NoRuntime => f.write_str("expected a running Tokio runtime, found none"),
            Self::KeysRequireRuntime { issuer } => {
                write!(f, "the keys of {issuer} have to be fetched: use start() instead of build()")
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::KeysNotFetched { source, .. }
            | Self::InvalidClientAuthentication { source }
            | Self::HttpClient { source }
            | Self::RevocationsNotRead { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}
