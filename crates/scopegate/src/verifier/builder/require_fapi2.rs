//! The setting that requires FAPI 2.0.

use crate::verifier::builder::VerifierBuilder;

impl VerifierBuilder {
    /// Requires the FAPI 2.0 Security Profile (Final) for resource servers, and rejects a configuration
    /// that lacks a part of it. The order of the builder's calls does not matter.
    ///
    /// ```
    /// use scopegate::{ConfigError, Dpop, Issuer, Revocations, Verifier};
    ///
    /// # fn main() -> Result<(), ConfigError> {
    /// # let key = scopegate_issuer::SigningKey::generate(scopegate_issuer::Algorithm::ES256);
    /// # let jwks = format!(r#"{{"keys":[{}]}}"#, key.jwk());
    /// let issuer = Issuer::from_jwks("https://issuer.example", &jwks)?.audience("https://api.example");
    /// let dpop = Dpop::require().origin("https://api.example");
    /// let builder = Verifier::builder().require_fapi2().trust(issuer.clone()).dpop(dpop.clone());
    /// // The revocation status of its tokens is unknown.
    /// assert!(matches!(builder.build(), Err(ConfigError::NotFapi2 { .. })));
    ///
    /// let revocations = Revocations::new();
    /// let builder = Verifier::builder().require_fapi2().trust(issuer).dpop(dpop);
    /// let verifier = builder.revocations(&revocations).build()?;
    /// # let _ = verifier;
    /// # Ok(()) }
    /// ```
    ///
    /// It changes these settings:
    ///
    /// - Issuers and [`Dpop`](crate::Dpop) accept `PS256`, `ES256` and `EdDSA` only, out of the algorithms that they
    ///   accept otherwise (§5.4.1).
    /// - Each token must be bound to a key or a certificate of its client (§5.3.4). If only one of
    ///   [`dpop`](Self::dpop) and [`client_certificates`](Self::client_certificates) is configured, it
    ///   is required, as with `require` in place of `accept`. With both, one of the bindings is
    ///   sufficient. A token without any is
    ///   [`Error::NotSenderConstrained`](crate::Error::NotSenderConstrained).
    ///
    /// The same rules apply to issuers that are trusted later, by [`Verifier::trust`] or by a
    /// [resolver](Self::trust_dynamic). [`Verifier::verify`] has no request, so it accepts no token.
    ///
    /// Building or starting the verifier fails with [`ConfigError::NotFapi2`](crate::ConfigError::NotFapi2) in these cases:
    ///
    /// - Neither [`dpop`](Self::dpop) nor [`client_certificates`](Self::client_certificates) is
    ///   configured (§5.3.4).
    /// - The [`revocations`](Self::revocations) are not set, and an issuer has no
    ///   `StatusList::required` (§5.3.4). There is no exception for
    ///   short-lived tokens, because the profile has none.
    /// - An issuer or [`Dpop`](crate::Dpop) accepts none of the algorithms.
    /// - The [leeway](Self::leeway) of an issuer, or the [clock skew](crate::Dpop::max_clock_skew) of proofs,
    ///   is below 10 s or above 60 s (§5.3.2.1).
    /// - An issuer's keys may be fetched without TLS (`Issuer::allow_keys_without_tls`, §5.2.1).
    ///
    /// The guide's page about FAPI 2.0 has each sentence of the profile with its test. It also lists the
    /// sentences that you must satisfy yourself, such as the rules for TLS.
    ///
    /// [`Verifier::trust`]: crate::Verifier::trust
    /// [`Verifier::verify`]: crate::Verifier::verify
    pub fn require_fapi2(mut self) -> Self {
        self.requires_fapi2 = true;
        self
    }
}
