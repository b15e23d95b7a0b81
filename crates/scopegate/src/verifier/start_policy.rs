//! Which issuers must have keys before a verifier starts.

/// Which issuers must have keys before [`start`](crate::VerifierBuilder::start) returns. The other issuers are fetched
/// in the background, and their tokens are [`Error::KeysUnavailable`](crate::Error::KeysUnavailable) until then.
///
/// ```
/// use scopegate::{Issuer, StartPolicy, Verifier};
///
/// # async fn start(ours: Issuer, partner: Issuer) -> Result<Verifier, scopegate::ConfigError> {
/// let verifier = Verifier::builder()
///     .trust(ours)
///     .trust(partner)
///     .start_policy(StartPolicy::issuers(["https://ours.example"]))
///     .start()
///     .await?;
/// # Ok(verifier) }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StartPolicy {
    /// Each issuer. The first failure ends the start. This is the default.
    #[default]
    All,
    /// One of them, whichever it is. An issuer with static keys has them from the start.
    Any,
    /// The issuers with these names, which are compared character by character.
    Issuers(Vec<String>),
}

impl StartPolicy {
    /// Demands the keys of the issuers with these names.
    ///
    /// When the verifier starts, a name that no trusted issuer has is
    /// [`ConfigError::UntrustedIssuer`](crate::ConfigError::UntrustedIssuer), a name that occurs twice is
    /// [`ConfigError::RepeatedIssuer`](crate::ConfigError::RepeatedIssuer), and no name is
    /// [`ConfigError::EmptyIssuerList`](crate::ConfigError::EmptyIssuerList).
    pub fn issuers<I>(names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::Issuers(names.into_iter().map(Into::into).collect())
    }
}
