//! The groups of errors: which status does an error have, and what helps?

use std::fmt;

use crate::dpop::error::DpopProofError;
use crate::error::Error;

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
/// | `MalformedCertificate` | 400 | the operator: the trusted proxy sends another format than that of the source |
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
    /// The token is bound to a client certificate, and a trusted proxy has sent a malformed header for
    /// it.
    MalformedCertificate,
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
            Self::MalformedCertificate => "malformed_certificate",
            Self::NotCertificateBound => "not_certificate_bound",
            Self::PeerAddressUnknown => "peer_address_unknown",
        }
    }

    /// Returns the HTTP status of the response: 400, 401, 403, 500 or 503.
    pub fn status(self) -> u16 {
        match self {
            Self::MalformedCertificate => 400,
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
            #[cfg(feature = "http")]
            Self::MalformedCertificate(_) => ErrorKind::MalformedCertificate,
            Self::NotCertificateBound => ErrorKind::NotCertificateBound,
            Self::PeerAddressUnknown => ErrorKind::PeerAddressUnknown,
            Self::InvalidProof(DpopProofError::Replayed) => ErrorKind::ProofReplayed,
            Self::InvalidProof(DpopProofError::MissingNonce | DpopProofError::UnknownNonce) => {
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
