//! Rules about the header and the claims of a token: algorithms, scope sources, marks of access
//! tokens, and service accounts.

use std::borrow::Cow;

use crate::checks::audience::{AllowList, ServiceAccountRule};
use crate::checks::kind::{ClaimValue, Expect, NonceRule, RequiredClaim, TypeRule};
use crate::checks::scopes::source::ScopeSource;
use crate::config_error::ConfigError;
use crate::issuer::Issuer;
use crate::token::algorithm::Algorithm;

impl Issuer {
    /// Sets the accepted algorithms. Tokens with another `alg` are rejected, and keys for other
    /// algorithms are not used (RFC 8725 §3.1).
    ///
    /// Default: [`Algorithm::DEFAULT`], or the algorithms of the preset.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.policy.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Accepts only tokens with a `typ` of `at+jwt` (RFC 9068 §4).
    ///
    /// Call it if the issuer writes this type. Cognito does not.
    pub fn require_at_jwt(mut self) -> Self {
        self.policy.typ = TypeRule::AccessToken;
        self
    }

    /// Accepts tokens with a `nonce`, which is normally a mark of ID tokens.
    ///
    /// Call it for issuers that write `nonce` into access tokens. [`keycloak`](Self::keycloak) does
    /// not need it, because it checks another claim. **If a client's id is also an accepted
    /// audience, that client's ID tokens are then accepted by this API**, unless they have another
    /// mark of an ID token.
    pub fn allow_nonce(mut self) -> Self {
        self.policy.kind.nonce = NonceRule::Accepted;
        self
    }

    /// Also reads scopes from the claim `permissions`, an array of strings that Auth0 writes.
    pub fn permissions_as_scopes(self) -> Self {
        self.scopes_from(ScopeSource::array("permissions"))
    }

    /// Also reads scopes from the claim `roles`, an array of strings that Entra ID writes for
    /// applications and for users.
    ///
    /// [`entra`](Self::entra) reads it for applications only. With this method, it counts for users
    /// too.
    pub fn roles_as_scopes(mut self) -> Self {
        self.policy.scopes.add_for_every_token(ScopeSource::array("roles"));
        self
    }

    /// Also reads scopes from this claim.
    ///
    /// If the issuer has a source with the same path, this one replaces it. It inherits the
    /// condition of that source ([`ScopeSource::with_claim_absent`]) unless it has its own.
    ///
    /// An operator who can write the claim at the issuer can grant any scope, because a value
    /// grants the scope of the same name. To separate them, use [`ScopeSource::with_prefix`] or
    /// [`ScopeSource::with_map`].
    ///
    /// Default: the claims of the preset. Without a preset: `scope` and `scp`.
    pub fn scopes_from(mut self, source: ScopeSource) -> Self {
        self.policy.scopes.add(source);
        self
    }

    /// Reads scopes from these claims only, in place of the defaults and their conditions.
    ///
    /// When the verifier starts, an empty list is [`ConfigError::EmptyList`]. Two sources with one
    /// path are [`ConfigError::InvalidName`] with that path.
    ///
    /// ```
    /// use scopegate::{Issuer, ScopeSource};
    ///
    /// let issuer = Issuer::from_metadata("https://issuer.example/")?
    ///     .audience("https://my-api-server.org")
    ///     .scopes_only_from([ScopeSource::array("https://claims.example.com/roles")]);
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    pub fn scopes_only_from(mut self, sources: impl IntoIterator<Item = ScopeSource>) -> Self {
        self.policy.scopes.0 = sources.into_iter().collect();
        self
    }

    /// Accepts a claim `scope` that is an array of scopes.
    ///
    /// RFC 8693 §4.2 defines it as a string. By default, an array is rejected with
    /// [`Error::MalformedClaim`](crate::Error::MalformedClaim).
    pub fn allow_scope_array(self) -> Self {
        self.scopes_from(ScopeSource::text_or_array("scope"))
    }

    /// Accepts only tokens in which this claim is exactly this string.
    ///
    /// Use it for a claim that distinguishes the issuer's access tokens from its other tokens.
    /// Other tokens are rejected with [`Error::WrongClaim`](crate::Error::WrongClaim). If you call
    /// it several times, all rules must hold. If the name is empty, starting the verifier fails
    /// with [`ConfigError::EmptyList`].
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::from_metadata("https://issuer.example/")?
    ///     .audience("https://my-api-server.org")
    ///     .require_claim("token_type", "access_token")
    ///     .require_claim_present("client_id");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    pub fn require_claim(self, claim: impl Into<String>, value: impl Into<String>) -> Self {
        self.with_rule(claim, ClaimValue::Equals(value.into()))
    }

    /// Accepts tokens in which this claim is exactly this string, and tokens without it.
    ///
    /// Otherwise like [`require_claim`](Self::require_claim).
    pub fn require_claim_if_present(self, claim: impl Into<String>, value: impl Into<String>) -> Self {
        self.with_rule(claim, ClaimValue::EqualsIfPresent(value.into()))
    }

    /// Accepts only tokens that have this claim, with any value. `null` counts as absent.
    ///
    /// Otherwise like [`require_claim`](Self::require_claim).
    pub fn require_claim_present(self, claim: impl Into<String>) -> Self {
        self.with_rule(claim, ClaimValue::Present)
    }

    /// Rejects tokens that have this claim.
    ///
    /// Use it for a claim that only the issuer's other tokens have. Otherwise like
    /// [`require_claim`](Self::require_claim).
    pub fn reject_claim(self, claim: impl Into<String>) -> Self {
        self.with_rule(claim, ClaimValue::Absent)
    }

    fn with_rule(mut self, claim: impl Into<String>, rule: ClaimValue) -> Self {
        self.policy.kind.required.push(RequiredClaim { claim: claim.into(), rule });
        self
    }

    /// Treats the principal as a client if this claim repeats `sub`.
    ///
    /// Use it for issuers that give a client an account of its own, as Entra ID does with `oid`.
    /// See [`Claims::principal`](crate::Claims::principal).
    pub fn service_account_if_subject_in(mut self, claim: impl Into<Cow<'static, str>>) -> Self {
        self.policy.audience.is_service_account = ServiceAccountRule::RepeatedSubject(claim.into());
        self
    }

    /// Treats the principal as a client if this claim repeats the client's id, as Keycloak does
    /// with `client_id`.
    ///
    /// Otherwise like [`service_account_if_subject_in`](Self::service_account_if_subject_in).
    pub fn service_account_if_client_in(mut self, claim: impl Into<Cow<'static, str>>) -> Self {
        self.policy.audience.is_service_account = ServiceAccountRule::RepeatedClient(claim.into());
        self
    }

    pub(super) fn check_rules(&self) -> Result<(), ConfigError> {
        let issuer = || self.identifier.clone();
        if self.policy.scopes.0.is_empty() {
            return Err(ConfigError::EmptyList { issuer: issuer(), setting: "at least one scope source" });
        }
        if self.policy.kind.required.iter().any(|rule| rule.claim.is_empty()) {
            return Err(ConfigError::EmptyList { issuer: issuer(), setting: "names of claims" });
        }
        self.policy.scopes.check()
    }

    /// Returns a listed client whose ID tokens could be accepted, because its id is also an audience.
    pub(crate) fn client_as_audience(&self) -> Option<&str> {
        let policy = &self.policy;
        let (AllowList::OneOf(audiences), AllowList::OneOf(clients)) =
            (&policy.audience.audiences, &policy.audience.clients)
        else {
            return None;
        };
        let told_otherwise = matches!(policy.typ, TypeRule::AccessToken)
            || policy.audience.required_client.is_some()
            || !policy.kind.required.is_empty()
            || policy
                .kind
                .rules
                .iter()
                .any(|rule| matches!(rule.expect, Expect::ClientId | Expect::Equals(_)));
        if told_otherwise {
            return None;
        }
        clients.iter().find(|client| audiences.contains(client)).map(String::as_str)
    }
}
