//! The rules for the status lists of one issuer.

use super::Issuer;
use crate::status_list::StatusList;

impl Issuer {
    /// Looks up this issuer's tokens in the status lists that they name
    /// (draft-ietf-oauth-status-list). Default: the claim `status` is ignored.
    ///
    /// A token whose status is not 0 (`VALID`) is
    /// [`Error::InvalidStatus`](crate::Error::InvalidStatus). [`StatusList`] explains how lists are
    /// fetched and checked. The status is looked up at each use of a token, even if the token is
    /// cached: after revocations, and before the checks of the application.
    ///
    /// ```
    /// use scopegate::{Issuer, StatusList};
    ///
    /// let issuer = Issuer::rfc9068("https://issuer.example")?
    ///     .audience("https://my-api-server.org")
    ///     .status_list(StatusList::required().origin("https://status.issuer.example"));
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// Starting the verifier fails with
    ///
    /// - [`ConfigError::NoRuntime`](crate::ConfigError::NoRuntime) in
    ///   [`build`](crate::VerifierBuilder::build), because lists are fetched.
    /// - [`ConfigError::InvalidUrl`](crate::ConfigError::InvalidUrl) or
    ///   [`ConfigError::OutOfRange`](crate::ConfigError::OutOfRange) if a setting of the rules is
    ///   invalid.
    pub fn status_list(mut self, rules: StatusList) -> Self {
        self.policy.status_list = Some(rules);
        self
    }
}
