//! The names of the checks, and what happens after one has failed.
//!
//! A verification stops at the first failure. An explanation goes on, and collects every failure.
//! Both run the same checks in the same order.

use crate::error::Error;

/// The name of a check of [`Verifier::verify`](crate::Verifier::verify), in the order of the checks.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CheckName {
    /// The token has three parts in canonical base64url.
    Form,
    /// The header is a strict JSON object, without `crit`, and its `alg` is asymmetric.
    Header,
    /// The payload is a strict JSON object.
    Payload,
    /// `iss` names a trusted issuer.
    Issuer,
    /// The issuer's tokens may have this `alg` and this `typ`.
    Type,
    /// The issuer publishes the key that the token names.
    Key,
    /// The token is within its lifetime.
    Lifetime,
    /// The signature verifies.
    Signature,
    /// The token is an access token.
    Kind,
    /// The token is for this API and from an accepted client.
    Audience,
    /// The token is not bound to a key or a certificate, or the request proves it.
    Binding,
    /// The subject and the token's id are well-formed.
    Identity,
    /// The scopes are well-formed.
    Scopes,
    /// The token is not revoked.
    Revocation,
    /// The token's status is valid in its list.
    Status,
    /// The issuer says that the verified token is active.
    Introspection,
    /// The rules of the application accept the token.
    Application,
}

impl CheckName {
    /// Returns the name in lower case, for reports: `form`, `header` and so on.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Issuer => "issuer",
            Self::Type => "type",
            Self::Key => "key",
            Self::Lifetime => "lifetime",
            Self::Signature => "signature",
            Self::Kind => "kind",
            Self::Audience => "audience",
            Self::Binding => "binding",
            Self::Identity => "identity",
            Self::Scopes => "scopes",
            Self::Revocation => "revocation",
            Self::Status => "status",
            Self::Introspection => "introspection",
            Self::Application => "application",
        }
    }

    /// Returns the section that requires the check, such as `RFC 7519 §4.1.3`. It is empty for the
    /// rules of the application.
    pub fn reference(self) -> &'static str {
        match self {
            Self::Form => "RFC 7515 §7.1",
            Self::Header => "RFC 7515 §4.1",
            Self::Payload => "RFC 7519 §7.2",
            Self::Issuer => "RFC 9068 §4",
            Self::Type => "RFC 8725 §3.1, §3.11",
            Self::Key => "RFC 8725 §3.8",
            Self::Lifetime => "RFC 7519 §4.1.4",
            Self::Signature => "RFC 7515 §5.2",
            Self::Kind => "RFC 8725 §3.12",
            Self::Audience => "RFC 7519 §4.1.3",
            Self::Binding => "RFC 7800 §3",
            Self::Identity => "RFC 7519 §4.1.2, §4.1.7",
            Self::Scopes => "RFC 6749 §3.3",
            Self::Revocation => "RFC 7009 §1",
            Self::Status => "status list draft §8.3",
            Self::Introspection => "RFC 7662 §2.2",
            Self::Application => "",
        }
    }
}

/// What happens after a check.
pub(crate) trait Course {
    /// Takes the result of a check. If it returns an error, the run ends. A run that goes on after a
    /// failure uses `instead` in place of the value, and must not return claims: see
    /// [`settle`](Self::settle).
    fn pass<T>(
        &mut self,
        check: CheckName,
        result: Result<T, Error>,
        instead: impl FnOnce() -> T,
    ) -> Result<T, Error>;

    /// Returns the first error, if a check has failed. It is called before claims are created.
    fn settle(&self) -> Result<(), Error>;
}

/// The course of a verification: the first failure ends it. It costs nothing.
pub(crate) struct StopAtFirst;

impl Course for StopAtFirst {
    #[inline]
    fn pass<T>(
        &mut self,
        _check: CheckName,
        result: Result<T, Error>,
        _instead: impl FnOnce() -> T,
    ) -> Result<T, Error> {
        result
    }

    #[inline]
    fn settle(&self) -> Result<(), Error> {
        Ok(())
    }
}
