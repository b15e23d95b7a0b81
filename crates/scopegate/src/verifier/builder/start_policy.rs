//! The start policy: the issuers that must have keys before a verifier starts.

/// The issuers that must have keys before [`start`](crate::VerifierBuilder::start) returns.
///
/// The keys of other issuers are fetched in the background. Until their keys are available,
/// verification of their tokens fails with
/// [`Error::KeysUnavailable`](crate::Error::KeysUnavailable).
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
    /// Every issuer. The start fails at the first failure. This is the default.
    #[default]
    All,
    /// Any one issuer. An issuer with static keys has keys from the start.
    Any,
    /// The issuers with these names, which are compared character by character.
    Issuers(Vec<String>),
}

impl StartPolicy {
    /// Returns a policy that demands the keys of the issuers with these names.
    ///
    /// Starting the verifier fails with
    ///
    /// - [`ConfigError::UntrustedIssuer`](crate::ConfigError::UntrustedIssuer) if no trusted issuer
    ///   has a name,
    /// - [`ConfigError::RepeatedIssuer`](crate::ConfigError::RepeatedIssuer) if a name occurs
    ///   twice,
    /// - [`ConfigError::EmptyIssuerList`](crate::ConfigError::EmptyIssuerList) if there is no name.
    pub fn issuers<I>(names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::Issuers(names.into_iter().map(Into::into).collect())
    }
}
