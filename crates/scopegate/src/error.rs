//! Errors: why was a token rejected?
//!
//! Error texts are for the operator's log. Responses to callers never contain them.

pub(crate) mod authentication;
pub(crate) mod denied;
mod display;
pub(crate) mod kind;

use std::borrow::Cow;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::json::JsonError;
use scopegate_proto::jws::Part;
use scopegate_proto::scope::Scopes;

#[cfg(feature = "http")]
use crate::certificate::malformed::MalformedCertificate;
use crate::claims::token_ref::TokenRef;
use crate::dpop::error::DpopProofError;
use crate::error::authentication::AuthenticationError;
use crate::error::denied::Denied;
use crate::scope::requirement::Requirement;
use crate::token::algorithm::Algorithm;
use crate::token::numeric_date::NumericDate;

/// The reason why a token is not accepted, with the expected and the found value.
///
/// [`kind`](Error::kind) returns the group of an error, and
/// [`ErrorKind::status`](crate::ErrorKind::status) the HTTP status:
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
/// - 400 for a malformed certificate header of a trusted proxy. The operator must compare the formats.
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
    /// (RFC 9449 §7.1). It is also the error of a token that is bound neither to a key nor to a
    /// certificate, if the verifier requires FAPI 2.0 with both.
    NotSenderConstrained,
    /// The verifier requires DPoP, and the token was presented as a bearer token.
    ProofRequired,
    /// The token is valid and bound to a client certificate, and the request has none (RFC 8705 §3).
    MissingCertificate,
    /// The token is valid, and bound to another client certificate than that of the request
    /// (RFC 8705 §3).
    WrongCertificate,
    /// The token is valid and bound to a client certificate, and the header with the request's certificate
    /// is malformed. A trusted proxy has sent it.
    #[cfg(feature = "http")]
    MalformedCertificate(MalformedCertificate),
    /// The verifier requires tokens that are bound to a client certificate, and this one is not.
    NotCertificateBound,
    /// The token is valid and bound to a client certificate. The certificate comes from a header of a
    /// trusted proxy, and the server does not tell the address of the request's sender.
    PeerAddressUnknown,
    /// The token is valid and bound to a key, and the DPoP proof of the request is rejected
    /// (RFC 9449 §4.3).
    InvalidProof(DpopProofError),
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
