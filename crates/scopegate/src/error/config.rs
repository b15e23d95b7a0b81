//! What is wrong with a configuration. Refused tokens are `error.rs`.

use std::fmt;

use scopegate_proto::scope::InvalidScope;
use scopegate_proto::url::UrlError;

/// Why a verifier, an issuer or a requirement could not be built, with what was expected and what was found.
///
/// Every one of these comes up before the first request is served.
#[non_exhaustive]
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields are what their variant says was expected and found")]
pub enum ConfigError {
    /// The verifier has no issuer: [`trust`](crate::VerifierBuilder::trust) was not called.
    NoIssuer,
    /// Two trusted issuers have the same name.
    #[non_exhaustive]
    DuplicateIssuer { issuer: String },
    /// An API would send its callers to an issuer that its verifier does not trust.
    #[non_exhaustive]
    UntrustedIssuer { found: String },
    /// One of the trusted issuers was named more than once.
    #[non_exhaustive]
    RepeatedIssuer { issuer: String },
    /// None of the trusted issuers was named.
    EmptyIssuerList,
    /// Not an issuer identifier, a key set's address or a resource identifier: `https`, a host, no fragment, no user name,
    /// and no query but in a key set's address (RFC 8414 §2, RFC 9728 §1.2). `http` is accepted on a loopback address, and
    /// with `Issuer::allow_keys_without_tls` for keys and metadata.
    #[non_exhaustive]
    InvalidUrl { setting: &'static str, expected: &'static str, found: String },
    /// Not a Cognito user pool id, such as `eu-west-1_Ab12Cd34E`.
    #[non_exhaustive]
    InvalidPoolId { found: String },
    /// Not a name as the provider has it: an Auth0 domain, the id of an Entra tenant, an AWS region.
    #[non_exhaustive]
    InvalidName { setting: &'static str, expected: &'static str, found: String },
    /// Each token of this issuer has an `aud`, so a rule about clients alone would accept none of them.
    #[non_exhaustive]
    NeedsAudience { issuer: String },
    /// A list of audiences, clients or algorithms is empty, or has an empty text in it; `setting` says which.
    #[non_exhaustive]
    EmptyList { issuer: String, setting: &'static str },
    /// Not the name of an asymmetric JWS algorithm that is supported.
    #[non_exhaustive]
    UnknownAlgorithm { found: String },
    /// A setting is outside of its range.
    #[non_exhaustive]
    OutOfRange { setting: &'static str, expected: &'static str, found: String },
    /// Not a scope: one or more printable ASCII characters except space, `"` and `\` (RFC 6749 §3.3).
    #[non_exhaustive]
    InvalidScope { found: String },
    /// `all_of` or `any_of` was given no scopes. Nothing to ask for would mean that everybody may pass.
    EmptyRequirement,
    /// `offline_access` asks an issuer for a refresh token (OpenID Connect Core §11). It says nothing about an API.
    #[non_exhaustive]
    ReservedScope { scope: String },
    /// Scopes were declared to imply each other in a circle, which makes them one and the same.
    #[non_exhaustive]
    ScopeImpliesItself { scope: String },
    /// A given key set is not one, or none of its keys can verify a token.
    #[non_exhaustive]
    InvalidKeySet { issuer: String, reason: String },
    /// An issuer's keys could not be fetched when the verifier started. The reason is the
    /// [`source`](std::error::Error::source).
    #[non_exhaustive]
    KeysNotFetched { issuer: String, url: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The HTTP client could not be set up, for instance because the system has no certificate authorities.
    #[non_exhaustive]
    HttpClient { source: Box<dyn std::error::Error + Send + Sync> },
    /// Keys are fetched by a background task, which needs a Tokio runtime; none was running.
    NoRuntime,
    /// [`build`](crate::VerifierBuilder::build) fetches nothing, and this issuer's keys have to be fetched.
    #[non_exhaustive]
    KeysRequireRuntime { issuer: String },
}

impl ConfigError {
    pub(crate) fn invalid_url(setting: &'static str, error: UrlError) -> Self {
        Self::InvalidUrl { setting, expected: error.expected, found: error.found }
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
                write!(f, "expected scopes that imply others, found that {scope:?} implies itself")
            }
            Self::InvalidKeySet { issuer, reason } => write!(f, "the key set given for {issuer}: {reason}"),
            Self::KeysNotFetched { issuer, url, .. } => write!(f, "no keys of {issuer} from {url}"),
            Self::HttpClient { .. } => f.write_str("the HTTP client could not be set up"),
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
            Self::KeysNotFetched { source, .. } | Self::HttpClient { source } => Some(source.as_ref()),
            _ => None,
        }
    }
}
