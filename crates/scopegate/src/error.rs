//! Errors: why was a token rejected, or a configuration?
//!
//! Error texts are for the operator's log. Responses to callers never contain them.

pub(crate) mod authentication;
pub(crate) mod causes;
pub(crate) mod config;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonError;
use scopegate_proto::jws::Part;
use scopegate_proto::scope::Scopes;

use crate::claims::token_ref::TokenRef;
use crate::denied::Denied;
use crate::dpop::error::ProofError;
use crate::error::authentication::AuthenticationError;
use crate::scope::requirement::Requirement;
use crate::token::algorithm::Algorithm;
use crate::token::key_name::split_thumbprint_id;
use crate::token::numeric_date::NumericDate;

/// The reason why a token is not accepted, with the expected and the found value.
///
/// [`kind`](Error::kind) returns the group of an error, and [`ErrorKind::status`] the HTTP status:
///
/// - 401 for most variants. The client needs another token.
/// - 403 if the token is valid but not sufficient: [`InsufficientScope`](Error::InsufficientScope),
///   [`UserRequired`](Error::UserRequired), [`UnexpectedClaims`](Error::UnexpectedClaims) and
///   [`Denied`](Error::Denied).
/// - 503 for [`KeysUnavailable`](Error::KeysUnavailable),
///   [`IssuerUnavailable`](Error::IssuerUnavailable),
///   [`RevocationsUnavailable`](Error::RevocationsUnavailable),
///   [`StatusUnavailable`](Error::StatusUnavailable),
///   [`ReplayStoreUnavailable`](Error::ReplayStoreUnavailable) and
///   [`IntrospectionUnavailable`](Error::IntrospectionUnavailable). The operator of the API must act.
/// - 500 for [`PeerAddressUnknown`](Error::PeerAddressUnknown) and
///   [`IntrospectionMisconfigured`](Error::IntrospectionMisconfigured). The server, or its credentials at
///   the issuer, are misconfigured.
///
/// Neither `Display` nor `Debug` contains the token. They may contain single values of it as
/// [`Excerpt`]s. Write them to a log, and not into a response. The values in variants up to
/// [`BadSignature`](Error::BadSignature) are unverified.
#[non_exhaustive]
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields have the expected and the found values of their variant")]
pub enum Error {
    /// The token is longer than 16 KiB.
    #[non_exhaustive]
    TooLong { limit: usize, found: usize },
    /// The token does not have exactly three parts between two dots (RFC 7515 §7.1). At most ten
    /// parts are counted.
    #[non_exhaustive]
    NotThreeParts { found: usize },
    /// The token is encrypted (JWE), which this crate does not support. It has five parts, or `enc`
    /// in its header.
    Encrypted,
    /// An opaque token has characters that a token cannot have (RFC 6750 §2.1), or is empty.
    NotOneToken,
    /// A part is empty, or is not canonical base64url without padding (RFC 7515 §2).
    #[non_exhaustive]
    NotBase64Url { part: Part },
    /// The header or the payload is not a JSON object with unique member names.
    #[non_exhaustive]
    InvalidJson { part: Part, found: JsonError },

    /// A required header parameter is absent, or a parameter does not match its definition.
    #[non_exhaustive]
    MalformedHeader { parameter: &'static str, expected: &'static str, found: Option<Excerpt> },
    /// `alg` is not an accepted algorithm of this issuer (RFC 8725 §3.1).
    #[non_exhaustive]
    UnacceptableAlgorithm { expected: Vec<Algorithm>, found: Excerpt },
    /// The header has `crit`, so the token depends on an extension. This crate supports none
    /// (RFC 7515 §4.1.11).
    CriticalExtension,
    /// `typ` names another kind of token (RFC 8725 §3.11, RFC 9068 §4).
    #[non_exhaustive]
    WrongType { expected: &'static str, found: Option<Excerpt> },

    /// `iss` is absent, or is not exactly the name of a trusted issuer (RFC 9068 §4). `expected`
    /// has up to three trusted issuers.
    #[non_exhaustive]
    UnknownIssuer { expected: Vec<String>, found: Option<Excerpt> },
    /// The token could not be verified, because its issuer has no usable keys. It is also the error
    /// if the token's key is unknown and no fetch has succeeded for a refresh period, because the
    /// key may exist.
    #[non_exhaustive]
    KeysUnavailable { issuer: String, retry_after: Duration },
    /// It is unknown whether the issuer is trusted: the
    /// [resolver](crate::VerifierBuilder::trust_dynamic) failed, did not return in time, or has too
    /// many calls. `found` is unverified.
    #[non_exhaustive]
    IssuerUnavailable { found: Excerpt, retry_after: Duration },
    /// The issuer publishes no key with this id for this algorithm. If it publishes such a key that
    /// is not used, `skipped` has the reason.
    #[non_exhaustive]
    UnknownKey { issuer: String, key_id: Option<Excerpt>, algorithm: Algorithm, skipped: Option<String> },
    /// Several of the issuer's keys fit. They are not tried in turn, because that would multiply
    /// the work of a request.
    #[non_exhaustive]
    AmbiguousKey { issuer: String, key_id: Option<Excerpt>, algorithm: Algorithm, found: usize },
    /// The token is used at or after its `exp`, leeway included (RFC 7519 §4.1.4). The check comes
    /// before the signature, so a forged token can be expired too.
    #[non_exhaustive]
    Expired { expired_at: NumericDate, now: NumericDate, leeway: Duration },
    /// The token is used before its `nbf`, or its `iat` is in the future, leeway included. The
    /// check comes before the signature.
    #[non_exhaustive]
    NotYetValid { claim: &'static str, valid_from: NumericDate, now: NumericDate, leeway: Duration },
    /// The signature does not verify with the key that the token names.
    #[non_exhaustive]
    BadSignature { issuer: String, key_id: Option<Excerpt> },

    /// A required claim is absent. `exp` is read before the signature is checked, so its absence is
    /// unverified.
    #[non_exhaustive]
    MissingClaim { claim: &'static str },
    /// A claim does not have the form that its definition requires. `exp`, `nbf` and `iat` are read
    /// before the signature is checked, so their values are unverified.
    #[non_exhaustive]
    MalformedClaim { claim: Cow<'static, str>, expected: &'static str, found: Option<Excerpt> },
    /// A claim breaks a rule of its issuer. For example, Entra ID's `tid` names another tenant, or
    /// [`require_claim`](crate::Issuer::require_claim) demands another value.
    #[non_exhaustive]
    WrongClaim { claim: Cow<'static, str>, expected: String, found: Option<Excerpt> },
    /// The token is valid, and its claims do not fit the application's type. It is HTTP 403,
    /// because another token would not help. If no token of the issuer fits, the application's type
    /// is wrong.
    ///
    /// `claim` is the claim that does not fit, if it is known. `found` has the found and the
    /// expected type, and never the value, which may be personal data.
    #[non_exhaustive]
    UnexpectedClaims { claim: Option<String>, expected: &'static str, found: Excerpt, token: TokenRef },
    /// The token is for another audience (RFC 7519 §4.1.3). `found` has up to three audiences of
    /// the token, and `expected` up to three accepted audiences.
    ///
    /// If `expected` is empty, only clients are configured for this issuer, so its tokens must not
    /// have an `aud`.
    #[non_exhaustive]
    WrongAudience { expected: Vec<String>, found: Vec<Excerpt> },
    /// The token was issued to a client that is not accepted. `expected` has up to three accepted
    /// clients.
    #[non_exhaustive]
    WrongClient { expected: Vec<String>, found: Option<Excerpt> },
    /// The token is an ID token or another kind that grants no access (RFC 8725 §3.12). `found` has
    /// only the type of a claim that must be absent, because its value may be a credential.
    #[non_exhaustive]
    NotAnAccessToken { claim: &'static str, expected: &'static str, found: Option<Excerpt> },
    /// The token is sender-constrained (RFC 7800), and the request does not prove the possession of
    /// that key. As a bearer token, it would lose the protection of its issuer. Also the error of a
    /// malformed confirmation.
    ///
    /// `jkt` is proven by DPoP, and `x5t#S256` by a client certificate, see `dpop` and
    /// `client_certificates` of [`VerifierBuilder`](crate::VerifierBuilder). This crate cannot check
    /// other bindings.
    #[non_exhaustive]
    SenderConstrained { binding: &'static str },
    /// The token is not bound to a key, and the request presents it with the scheme `DPoP`
    /// (RFC 9449 §7.1).
    NotSenderConstrained,
    /// The verifier requires DPoP, and the token was presented as a bearer token.
    ProofRequired,
    /// The token is valid and bound to a client certificate, and the request has none (RFC 8705 §3).
    MissingCertificate,
    /// The token is valid, and bound to another client certificate than that of the request
    /// (RFC 8705 §3).
    WrongCertificate,
    /// The verifier requires tokens that are bound to a client certificate, and this one is not.
    NotCertificateBound,
    /// The token is valid and bound to a client certificate. The certificate comes from a header of a
    /// trusted proxy, and the server does not tell the address of the request's sender.
    PeerAddressUnknown,
    /// The token is valid and bound to a key, and the DPoP proof of the request is rejected
    /// (RFC 9449 §4.3).
    InvalidProof(ProofError),
    /// The token and the proof are valid, but it is unknown whether the proof was used before. The
    /// store of used proofs is full or unreachable.
    #[non_exhaustive]
    ReplayStoreUnavailable { reason: String, retry_after: Duration },

    /// The token is valid, and was revoked. `claim` is the claim or header parameter that the
    /// revocation names: `jti`, `sub`, `client_id`, `sid` or `kid`. `source` is the name of the
    /// source that revoked it.
    #[non_exhaustive]
    Revoked { issuer: String, claim: &'static str, source: String },
    /// The token is valid, but a source of revocations is older than its
    /// [limit](crate::RevocationSource::with_max_feed_age), so the token may be revoked.
    #[non_exhaustive]
    RevocationsUnavailable { retry_after: Duration },

    /// The token's status in its issuer's [status list](crate::StatusList) is not 0 (`VALID`).
    /// `found` is `None` if the list is too short for the token's index.
    #[non_exhaustive]
    InvalidStatus { issuer: String, list: Excerpt, index: u64, found: Option<u8> },
    /// The token is valid, but its [status list](crate::StatusList) could not be fetched, or the
    /// issuer has too many lists.
    #[non_exhaustive]
    StatusUnavailable { issuer: String, list: Excerpt, retry_after: Duration },

    /// The issuer says that the opaque token is not active (RFC 7662 §2.2): it is unknown, expired or
    /// revoked.
    #[non_exhaustive]
    Inactive { issuer: String },
    /// It is unknown whether the opaque token is active. The issuer's introspection endpoint failed,
    /// did not respond in time, or too many tokens were unknown.
    #[non_exhaustive]
    IntrospectionUnavailable { issuer: String, retry_after: Duration },
    /// It is unknown whether the opaque token is active, because the issuer's introspection endpoint
    /// rejects the credentials of this API (RFC 7662 §2.3).
    #[non_exhaustive]
    IntrospectionMisconfigured { issuer: String },

    /// The token is valid, and another issuer or tenant issued it than this request
    /// [accepts](crate::AcceptedIssuers). `by` is `issuer` or `tenant`, and `expected` has up to
    /// three of them. If `expected` is empty, the request accepts no token.
    #[non_exhaustive]
    WrongIssuer { by: &'static str, expected: Vec<String>, found: Option<String>, token: TokenRef },

    /// The token is valid and lacks required scopes (RFC 6750 §3.1).
    #[non_exhaustive]
    InsufficientScope { required: Requirement, granted: Scopes, token: TokenRef },
    /// The token is valid, and its user must authenticate again, in another way or more recently
    /// (RFC 9470 §3).
    #[non_exhaustive]
    InsufficientUserAuthentication { reason: AuthenticationError, token: TokenRef },
    /// The token is valid and has no user, and the request requires the authentication of a user. It is
    /// HTTP 403, because no user can authenticate for a client that acts for itself.
    #[non_exhaustive]
    UserRequired { token: TokenRef },
    /// The token is valid, and a [check](crate::VerifierBuilder::check) of the application denies
    /// it.
    Denied(Denied),
}

/// The groups of [`Error`]s, from which statuses and labels of metrics derive.
///
/// | kind | status | action |
/// | --- | --- | --- |
/// | `Malformed`, `Untrusted`, `UnknownKey`, `Expired`, `NotYetValid`, `BadSignature`, `NotForUs`, `Unacceptable`, `Revoked`, `InvalidStatus`, `Inactive`, `WrongIssuer` | 401 | the client: get another token |
/// | `InsufficientScope` | 403 | the client's administrator: grant the scope |
/// | `InsufficientUserAuthentication` | 401 | the client: let the user authenticate again |
/// | `UserRequired` | 403 | the client's author: the route is for users |
/// | `UnexpectedClaims` | 403 | the application's author: the type or the issuer's configuration is wrong |
/// | `Denied` | 403 | a rule of the application decided |
/// | `Unavailable` | 503 | the operator: the issuer's keys are unavailable |
/// | `IssuerUnavailable` | 503 | the operator: it is unknown whether the issuer is trusted |
/// | `RevocationsUnavailable` | 503 | the operator: a source of revocations is too old |
/// | `StatusUnavailable` | 503 | the operator: a status list is unavailable |
/// | `IntrospectionUnavailable` | 503 | the operator: an introspection endpoint fails |
/// | `IntrospectionMisconfigured` | 500 | the operator: the credentials of the API are invalid |
/// | `ProofRequired`, `InvalidProof`, `ProofReplayed` | 401 | the client: send a valid DPoP proof |
/// | `NonceRequired` | 401 | the client: repeat the request with the nonce of the response |
/// | `ReplayStoreUnavailable` | 503 | the operator: the store of used proofs is full or unreachable |
/// | `MissingCertificate`, `WrongCertificate`, `NotCertificateBound` | 401 | the client: use the certificate of the token, or get a token for it |
/// | `PeerAddressUnknown` | 500 | the operator: the server must provide the peer's address |
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The token is neither a signed JWT in canonical form nor an opaque token.
    Malformed,
    /// The token names no trusted issuer.
    Untrusted,
    /// The issuer publishes no such key, or several keys that fit.
    UnknownKey,
    /// The token is used after its `exp`. Lifetimes are checked before the signature, so a forged
    /// token can be expired too.
    Expired,
    /// The token is used before its `nbf` or `iat`. Often a clock is wrong.
    NotYetValid,
    /// The signature does not verify.
    BadSignature,
    /// The token was issued for another API or another client.
    NotForUs,
    /// The token names a trusted issuer, but its header or its claims do not fit an acceptable
    /// access token.
    Unacceptable,
    /// The token is valid, and was revoked.
    Revoked,
    /// The token is valid, and its issuer's status list says otherwise.
    InvalidStatus,
    /// The issuer says that the opaque token is not active.
    Inactive,
    /// The token is valid, and its issuer is not accepted for this request.
    WrongIssuer,
    /// The token is valid and lacks a scope.
    InsufficientScope,
    /// The token is valid, and its user must authenticate again.
    InsufficientUserAuthentication,
    /// The token is valid, and has no user who could authenticate.
    UserRequired,
    /// The token is valid, and its claims do not fit the application's type.
    UnexpectedClaims,
    /// The token is valid, and a rule of the application denies it.
    Denied,
    /// The token could not be verified, because the issuer's keys are unavailable.
    Unavailable,
    /// The token could not be verified, because the application's function did not decide whether
    /// its issuer is trusted.
    IssuerUnavailable,
    /// The token could not be verified, because a source of revocations is older than its limit.
    RevocationsUnavailable,
    /// The token could not be verified, because its status list is unavailable.
    StatusUnavailable,
    /// The opaque token could not be verified, because the introspection endpoint fails.
    IntrospectionUnavailable,
    /// The opaque token could not be verified, because the introspection endpoint rejects the
    /// credentials of this API.
    IntrospectionMisconfigured,
    /// The verifier requires a DPoP proof with each token.
    ProofRequired,
    /// The DPoP proof is absent or invalid.
    InvalidProof,
    /// The DPoP proof was used before.
    ProofReplayed,
    /// The DPoP proof has no valid nonce.
    NonceRequired,
    /// The store of used DPoP proofs is full or unreachable.
    ReplayStoreUnavailable,
    /// The token is bound to a client certificate, and the request has none.
    MissingCertificate,
    /// The token is bound to another client certificate.
    WrongCertificate,
    /// The verifier requires tokens that are bound to a client certificate.
    NotCertificateBound,
    /// The token is bound to a client certificate, and the sender of the certificate's header is
    /// unknown.
    PeerAddressUnknown,
}

impl ErrorKind {
    /// Returns a stable code, for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Untrusted => "unknown_issuer",
            Self::UnknownKey => "unknown_key",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::BadSignature => "bad_signature",
            Self::NotForUs => "not_for_us",
            Self::Unacceptable => "unacceptable",
            Self::WrongIssuer => "wrong_issuer",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::UserRequired => "user_required",
            Self::UnexpectedClaims => "unexpected_claims",
            Self::Denied => "denied",
            Self::Unavailable => "keys_unavailable",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::Revoked => "revoked",
            Self::RevocationsUnavailable => "revocations_unavailable",
            Self::InvalidStatus => "invalid_status",
            Self::StatusUnavailable => "status_unavailable",
            Self::Inactive => "inactive",
            Self::IntrospectionUnavailable => "introspection_unavailable",
            Self::IntrospectionMisconfigured => "introspection_misconfigured",
            Self::ProofRequired => "proof_required",
            Self::InvalidProof => "invalid_proof",
            Self::ProofReplayed => "proof_replayed",
            Self::NonceRequired => "nonce_required",
            Self::ReplayStoreUnavailable => "replay_store_unavailable",
            Self::MissingCertificate => "missing_certificate",
            Self::WrongCertificate => "wrong_certificate",
            Self::NotCertificateBound => "not_certificate_bound",
            Self::PeerAddressUnknown => "peer_address_unknown",
        }
    }

    /// Returns the HTTP status of the response: 401, 403, 500 or 503.
    pub fn status(self) -> u16 {
        match self {
            Self::InsufficientScope | Self::UserRequired | Self::UnexpectedClaims | Self::Denied => 403,
            Self::Unavailable
            | Self::IssuerUnavailable
            | Self::RevocationsUnavailable
            | Self::StatusUnavailable
            | Self::ReplayStoreUnavailable
            | Self::IntrospectionUnavailable => 503,
            Self::PeerAddressUnknown | Self::IntrospectionMisconfigured => 500,
            Self::Malformed
            | Self::Untrusted
            | Self::UnknownKey
            | Self::Expired
            | Self::NotYetValid
            | Self::BadSignature
            | Self::NotForUs
            | Self::Unacceptable
            | Self::Revoked
            | Self::InvalidStatus
            | Self::Inactive
            | Self::WrongIssuer
            | Self::InsufficientUserAuthentication
            | Self::ProofRequired
            | Self::InvalidProof
            | Self::ProofReplayed
            | Self::NonceRequired
            | Self::MissingCertificate
            | Self::WrongCertificate
            | Self::NotCertificateBound => 401,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// Returns the group of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLong { .. }
            | Self::NotThreeParts { .. }
            | Self::Encrypted
            | Self::NotOneToken
            | Self::NotBase64Url { .. }
            | Self::InvalidJson { .. }
            | Self::MalformedHeader { .. } => ErrorKind::Malformed,
            Self::UnknownIssuer { .. } => ErrorKind::Untrusted,
            Self::UnknownKey { .. } | Self::AmbiguousKey { .. } => ErrorKind::UnknownKey,
            Self::Expired { .. } => ErrorKind::Expired,
            Self::NotYetValid { .. } => ErrorKind::NotYetValid,
            Self::BadSignature { .. } => ErrorKind::BadSignature,
            Self::WrongAudience { .. } | Self::WrongClient { .. } => ErrorKind::NotForUs,
            Self::UnacceptableAlgorithm { .. }
            | Self::CriticalExtension
            | Self::WrongType { .. }
            | Self::MissingClaim { .. }
            | Self::MalformedClaim { .. }
            | Self::WrongClaim { .. }
            | Self::NotAnAccessToken { .. }
            | Self::SenderConstrained { .. }
            | Self::NotSenderConstrained => ErrorKind::Unacceptable,
            Self::ProofRequired => ErrorKind::ProofRequired,
            Self::MissingCertificate => ErrorKind::MissingCertificate,
            Self::WrongCertificate => ErrorKind::WrongCertificate,
            Self::NotCertificateBound => ErrorKind::NotCertificateBound,
            Self::PeerAddressUnknown => ErrorKind::PeerAddressUnknown,
            Self::InvalidProof(ProofError::Replayed) => ErrorKind::ProofReplayed,
            Self::InvalidProof(ProofError::MissingNonce | ProofError::UnknownNonce) => {
                ErrorKind::NonceRequired
            }
            Self::InvalidProof(_) => ErrorKind::InvalidProof,
            Self::ReplayStoreUnavailable { .. } => ErrorKind::ReplayStoreUnavailable,
            Self::Revoked { .. } => ErrorKind::Revoked,
            Self::RevocationsUnavailable { .. } => ErrorKind::RevocationsUnavailable,
            Self::InvalidStatus { .. } => ErrorKind::InvalidStatus,
            Self::StatusUnavailable { .. } => ErrorKind::StatusUnavailable,
            Self::Inactive { .. } => ErrorKind::Inactive,
            Self::IntrospectionUnavailable { .. } => ErrorKind::IntrospectionUnavailable,
            Self::IntrospectionMisconfigured { .. } => ErrorKind::IntrospectionMisconfigured,
            Self::WrongIssuer { .. } => ErrorKind::WrongIssuer,
            Self::InsufficientScope { .. } => ErrorKind::InsufficientScope,
            Self::InsufficientUserAuthentication { .. } => ErrorKind::InsufficientUserAuthentication,
            Self::UserRequired { .. } => ErrorKind::UserRequired,
            Self::UnexpectedClaims { .. } => ErrorKind::UnexpectedClaims,
            Self::Denied(_) => ErrorKind::Denied,
            Self::KeysUnavailable { .. } => ErrorKind::Unavailable,
            Self::IssuerUnavailable { .. } => ErrorKind::IssuerUnavailable,
        }
    }
}

impl std::error::Error for Error {}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// For unit tests only. A public implementation would require that all future fields can be
/// compared.
#[cfg(test)]
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl fmt::Display for Error {
    #[allow(clippy::too_many_lines, reason = "one arm for each error")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit, found } => {
                write!(f, "expected a token of at most {limit} bytes, found {found}")
            }
            Self::NotThreeParts { found } => write!(f, "expected a token of 3 parts, found {found}"),
            Self::Encrypted => f.write_str("expected a signed token (JWS), found an encrypted one (JWE)"),
            Self::NotOneToken => f.write_str("the token is empty or has characters that no token has"),
            Self::NotBase64Url { part } => write!(f, "the {part} is empty or not canonical base64url"),
            Self::InvalidJson { part, found } => write!(f, "the {part} is {found}"),
            Self::MalformedHeader { parameter, expected, found } => {
                write!(f, "header parameter `{parameter}`: expected {expected}, found {}", OrNone(found))
            }
            Self::UnacceptableAlgorithm { expected, found } => {
                write!(f, "expected `alg` to be one of {}, found {found}", Listed(expected))
            }
            Self::CriticalExtension => f.write_str("the header has `crit`, and no extension is supported"),
            Self::WrongType { expected, found } => {
                write!(f, "expected `typ` to be {expected}, found {}", OrNone(found))
            }
            Self::UnknownIssuer { expected, found } => {
                let (expected, found) = (Listed(expected), OrNone(found));
                write!(f, "expected `iss` to be a trusted issuer such as {expected}, found {found}")
            }
            Self::KeysUnavailable { issuer, retry_after } => {
                let wait = retry_after.as_secs();
                write!(f, "signing keys for {issuer} are unavailable; next fetch in {wait} s")
            }
            Self::IssuerUnavailable { found, retry_after } => {
                let wait = retry_after.as_secs();
                write!(f, "it is unknown whether {found} is trusted; next attempt in {wait} s")
            }
            Self::UnknownKey { issuer, key_id, skipped: Some(reason), .. } => {
                write!(f, "the key of {issuer} with {} is not used: it {reason}", NamedKey(key_id))
            }
            Self::UnknownKey { issuer, key_id, algorithm, skipped: None } => {
                write!(f, "{issuer} publishes no {algorithm} key with {}", NamedKey(key_id))
            }
            Self::AmbiguousKey { issuer, key_id, algorithm, found } => {
                write!(f, "{issuer} publishes {found} {algorithm} keys that fit {}", NamedKey(key_id))
            }
            Self::BadSignature { issuer, key_id } => {
                write!(f, "the signature does not verify with the key {} of {issuer}", OrNone(key_id))
            }
            Self::MissingClaim { claim } => write!(f, "claim `{claim}` is absent"),
            Self::MalformedClaim { claim, expected, found } => {
                write!(f, "claim `{claim}`: expected {expected}, found {}", OrNone(found))
            }
            Self::WrongClaim { claim, expected, found } => {
                write!(f, "expected `{claim}` to be {expected}, found {}", OrNone(found))
            }
            Self::UnexpectedClaims { claim, expected, found, .. } => {
                f.write_str("the claims of a valid token do not fit the application's type ")?;
                match claim {
                    Some(claim) => write!(f, "{expected}: claim {}: {found}", Excerpt::new(claim)),
                    None => write!(f, "{expected}: {found}"),
                }
            }
            Self::Expired { expired_at, now, leeway } => {
                let late = now.secs_since(*expired_at);
                write!(
                    f,
                    "expired at {expired_at}, used at {now}: {late} s later (leeway {} s)",
                    leeway.as_secs()
                )
            }
            Self::NotYetValid { claim, valid_from, now, leeway } => {
                let early = valid_from.secs_since(*now);
                let leeway = leeway.as_secs();
                write!(f, "`{claim}` is {valid_from}, used at {now}: {early} s earlier (leeway {leeway} s)")
            }
            Self::Denied(denied) => fmt::Display::fmt(denied, f),
            Self::WrongAudience { expected, found } if expected.is_empty() => {
                write!(f, "expected no `aud`, because no audience is configured; found {}", Listed(found))
            }
            Self::WrongAudience { expected, found } => {
                let (expected, found) = (Listed(expected), Listed(found));
                write!(f, "expected `aud` to hold an audience such as {expected}, found {found}")
            }
            Self::WrongClient { expected, found } => {
                write!(f, "expected a client such as {}, found {}", Listed(expected), OrNone(found))
            }
            Self::NotAnAccessToken { claim, expected, found } => {
                write!(f, "not an access token: expected `{claim}` to be {expected}, found {}", OrNone(found))
            }
            Self::SenderConstrained { binding } => {
                write!(
                    f,
                    "the token is sender-constrained (`{binding}`), and the request does not prove its key"
                )
            }
            Self::NotSenderConstrained => {
                f.write_str("the token is not bound to a key, expected `cnf.jkt` under the scheme DPoP")
            }
            Self::MissingCertificate => {
                f.write_str("the token is bound to a client certificate, and the request has none")
            }
            Self::WrongCertificate => {
                f.write_str("the token is bound to another client certificate than that of the request")
            }
            Self::NotCertificateBound => {
                f.write_str("the token is not bound to a client certificate, expected `cnf` with `x5t#S256`")
            }
            Self::PeerAddressUnknown => f.write_str(
                "the address of the peer is unknown, and the client certificate comes from a header of a trusted proxy",
            ),
            Self::ProofRequired => f.write_str("expected the scheme DPoP and a proof, found a bearer token"),
            Self::InvalidProof(error) => write!(f, "DPoP proof: {error}"),
            Self::ReplayStoreUnavailable { reason, .. } => {
                write!(f, "it is unknown whether the DPoP proof was used before: {reason}")
            }
            Self::Revoked { issuer, claim, source } => {
                write!(f, "the token of {issuer} was revoked by its `{claim}` (source {source:?})")
            }
            Self::RevocationsUnavailable { .. } => f.write_str("a source of revocations is too old"),
            Self::InvalidStatus { list, index, found, .. } => {
                write!(f, "index {index} of the list {list}: expected status 0, found {}", OrNone(found))
            }
            Self::StatusUnavailable { list, .. } => write!(f, "the status list {list} is unavailable"),
            Self::Inactive { issuer } => write!(f, "{issuer} says that the token is not active"),
            Self::IntrospectionUnavailable { issuer, retry_after } => {
                let wait = retry_after.as_secs();
                write!(f, "introspection at {issuer} is unavailable; next attempt in {wait} s")
            }
            Self::IntrospectionMisconfigured { issuer } => {
                write!(f, "introspection at {issuer} rejects the credentials of this API")
            }
            Self::WrongIssuer { by, expected, found, .. } if expected.is_empty() => {
                let found = found.as_deref().unwrap_or("none");
                write!(f, "this request accepts no {by}, found a token of {found}")
            }
            Self::WrongIssuer { by, expected, found, .. } => {
                let (expected, found) = (Listed(expected), found.as_deref().unwrap_or("none"));
                write!(f, "expected a token of the {by} {expected} for this request, found {found}")
            }
            Self::InsufficientUserAuthentication { reason, .. } => {
                write!(f, "the user must authenticate again: {reason}")
            }
            Self::UserRequired { .. } => f.write_str("expected a token of a user, found one of a client"),
            Self::InsufficientScope { required, granted, .. } => {
                // Long enough for usual grants, and shorter than a token of the maximum length.
                let granted = Excerpt::with_limit(&granted.to_string(), 1_000);
                write!(f, "expected the scopes {required}, found {granted}")
            }
        }
    }
}

/// A value that may be absent.
struct OrNone<'a, T>(&'a Option<T>);

impl<T: fmt::Display> fmt::Display for OrNone<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => fmt::Display::fmt(value, f),
            None => f.write_str("none"),
        }
    }
}

/// The parameter by which a token names its key, and the value.
struct NamedKey<'a>(&'a Option<Excerpt>);

impl fmt::Display for NamedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_ref().and_then(|id| split_thumbprint_id(id.as_str())) {
            Some((parameter, value)) => write!(f, "`{parameter}` {}", Excerpt::identifier(value)),
            None => write!(f, "`kid` {}", OrNone(self.0)),
        }
    }
}

/// Values, separated by commas.
struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (position, value) in self.0.iter().enumerate() {
            write!(f, "{}{value}", if position == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claims;

    #[test]
    fn token_with_many_scopes_does_not_flood_log() {
        let granted =
            |n: usize| (0..n).map(|i| format!("orders/read-{i}").parse().unwrap()).collect::<Scopes>();
        let token = TokenRef::new(&Claims::for_test(serde_json::json!({})));
        let message = |n| {
            let (granted, token) = (granted(n), token.clone());
            Error::InsufficientScope { required: "a".into(), granted, token }.to_string()
        };
        assert_eq!(message(2), r#"expected the scopes a, found "orders/read-0 orders/read-1""#);
        assert!(message(1_000).len() < 1_100 && message(1_000).ends_with('…'), "{}", message(1_000));
    }
}
