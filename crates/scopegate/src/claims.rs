//! Claims: what does a verified token grant, and to which client and subject?

pub(crate) mod accepted_issuers;
pub(crate) mod identity;
mod misfit;
pub(crate) mod sharded_arc;
#[cfg(feature = "jsonwebtoken")]
mod token_data;
pub(crate) mod token_ref;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use scopegate_proto::json::JsonObject;
use scopegate_proto::scope::Scopes;
#[cfg(feature = "fetch")]
use scopegate_proto::token_digest::KeptDigest;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::checks::audience::IssuedFor;
use crate::checks::confirmation::Bindings;
use crate::checks::lifetime::Lifetime;
use crate::claims::identity::Identity;
use crate::claims::sharded_arc::ShardedArc;
use crate::claims::token_ref::TokenRef;
use crate::dpop::binding;
#[cfg(feature = "http")]
use crate::dpop::binding::Binding;
use crate::error::Error;
use crate::keys::verifying_key::equal_in_constant_time;
use crate::revocation::checked::RevocableNames;
use crate::scope::granted::GrantedScopes;
use crate::scope::requirement::Requirement;
#[cfg(feature = "fetch")]
use crate::status_list::token_status::TokenStatus;
use crate::token::numeric_date::NumericDate;

/// The claims of a token that passed every check of [`Verifier::verify`](crate::Verifier::verify).
///
/// Only a verifier can create them, so a function that takes `Claims` cannot be called with an
/// unverified token. Clones share the claims.
///
/// ```
/// # fn handle(claims: scopegate::Claims) -> Result<(), scopegate::Error> {
/// let caller = claims.client_id().unwrap_or("unknown");
/// let may_write = claims.has_scope("orders/write");
/// let tenant: Option<String> = claims.claim("tenant")?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Claims(ShardedArc<Verified>);

/// Overhead of the allocator, and reference counts.
const AROUND_ALLOCATIONS: usize = 128;

struct Verified {
    issuer: Arc<str>,
    tenant: Option<Arc<str>>,
    /// The whole token.
    token: Box<[u8]>,
    /// The signed payload: UTF-8, one JSON object, no repeated member names.
    payload: Box<str>,
    subject: Option<Box<str>>,
    client: Option<Box<str>>,
    is_service_account: bool,
    token_id: Option<Box<str>>,
    audience: Box<[Box<str>]>,
    granted: GrantedScopes,
    lifetime: Lifetime,
    lookups: Lookups,
}

/// The prepared look-ups that follow at each use of the token.
#[derive(Default)]
pub(crate) struct Lookups {
    /// `None` if the verifier has no revocations.
    pub(crate) revocable: Option<Box<RevocableNames>>,
    /// `None` if the issuer has no say at each use, so that most tokens have one comparison only.
    #[cfg(feature = "fetch")]
    pub(crate) by_issuer: Option<Box<ByIssuer>>,
    /// The key and the certificate that a request proves. `None` for a token without `cnf`.
    pub(crate) bindings: Option<Box<Bindings>>,
}

/// The state of the issuer that decides at each use of a token.
#[cfg(feature = "fetch")]
pub(crate) struct ByIssuer {
    /// `None` if the token has no status that counts.
    pub(crate) status: Option<TokenStatus>,
    /// The digest by which the issuer's result is found. `None` if the issuer is not asked about the
    /// token, which is a JWT.
    pub(crate) introspected: Option<KeptDigest>,
}

/// The token's tenant, and the claims that name its subject, id, client and audience.
pub(crate) struct Named<'a> {
    pub(crate) tenant: Option<&'a Arc<str>>,
    pub(crate) subject: Option<&'a str>,
    pub(crate) token_id: Option<&'a str>,
    pub(crate) issued_for: &'a IssuedFor<'a>,
}

/// The party on whose behalf a token was issued. Don't take a client for a user (RFC 9700 §4.15).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal<'a> {
    /// The client acts for itself, as with the `client_credentials` grant.
    #[non_exhaustive]
    Client {
        /// The client's id.
        id: &'a str,
    },
    /// The client acts for another party, normally a user.
    #[non_exhaustive]
    Subject {
        /// The `sub` claim: unique within its issuer only.
        id: &'a str,
    },
    /// The token names neither a client nor a subject.
    Unnamed,
}

impl Claims {
    /// Creates claims from the results of the checks.
    pub(crate) fn new(
        token: &[u8],
        issuer: Arc<str>,
        named: &Named<'_>,
        payload: &str,
        granted: GrantedScopes,
        lifetime: Lifetime,
        lookups: Lookups,
    ) -> Self {
        let issued_for = named.issued_for;
        Self(ShardedArc::new(Verified {
            issuer,
            tenant: named.tenant.map(Arc::clone),
            subject: named.subject.map(Into::into),
            client: issued_for.client.as_deref().map(Into::into),
            is_service_account: issued_for.is_service_account,
            token_id: named.token_id.map(Into::into),
            audience: issued_for.audience.iter().map(|one| one.as_ref().into()).collect(),
            token: token.into(),
            payload: payload.into(),
            granted,
            lifetime,
            lookups,
        }))
    }

    /// Returns the issuer (`iss`), which is exactly the name of a trusted issuer. It identifies the
    /// tenant if each of your tenants has an issuer.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Returns the tenant, if the issuer's preset knows it:
    ///
    /// | Preset | Tenant |
    /// | --- | --- |
    /// | [`entra`](crate::Issuer::entra), [`entra_multi_tenant`](crate::Issuer::entra_multi_tenant) and their variants | the tenant's id, a GUID in lower case |
    /// | [`cognito`](crate::Issuer::cognito), [`cognito_updated`](crate::Issuer::cognito_updated), [`cognito_replica`](crate::Issuer::cognito_replica) | the id of the user pool |
    /// | [`auth0`](crate::Issuer::auth0) | the domain |
    /// | [`keycloak`](crate::Issuer::keycloak) | the realm's name, as it is in the URL |
    /// | all others | `None` |
    ///
    /// It comes from the configured issuer or from the name of a trusted issuer, and never from a
    /// claim that was not checked. It is unique within one provider: two Keycloak servers may have
    /// realms with one name. If you trust issuers of several providers, compare
    /// [`issuer`](Self::issuer) instead.
    pub fn tenant(&self) -> Option<&str> {
        self.0.tenant.as_deref()
    }

    /// Returns the subject (`sub`), which is unique within its issuer.
    ///
    /// An empty `sub` names no subject. Tokens of the `client_credentials` grant have the client as
    /// their subject. Use [`principal`](Self::principal) before you take the subject for a user.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// Returns the issuer and the subject. Compare this instead of [`subject`](Self::subject) to
    /// check whether the caller owns a resource.
    pub fn identity(&self) -> Identity<'_> {
        Identity::new(self.issuer(), self.subject())
    }

    /// Returns the client that the token was issued to: `client_id`, or else `azp`, `appid` or
    /// `cid`. Presets for a provider read only the claim of that provider.
    pub fn client_id(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    /// Returns whether the client acts for itself or for another party.
    ///
    /// A client acts for itself if `sub` is absent, empty or the client's id. Auth0's form of the
    /// id (`ID@clients`) counts, too.
    ///
    /// Some issuers give a client an account of its own, and its `sub` looks like a user's.
    /// [`Issuer::entra`](crate::Issuer::entra) and [`Issuer::keycloak`](crate::Issuer::keycloak)
    /// recognize such tokens by other claims. From any other issuer, such a client is a
    /// [`Principal::Subject`].
    pub fn principal(&self) -> Principal<'_> {
        match (self.client_id(), self.subject()) {
            (Some(id), None) => Principal::Client { id },
            (Some(id), Some(subject)) if subject == id || subject.strip_suffix("@clients") == Some(id) => {
                Principal::Client { id }
            }
            (Some(id), Some(_)) if self.0.is_service_account => Principal::Client { id },
            (_, Some(id)) => Principal::Subject { id },
            (None, None) => Principal::Unnamed,
        }
    }

    /// Returns the audiences (`aud`). The iterator is empty if the token has none.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.0.audience.iter().map(AsRef::as_ref)
    }

    /// Returns the scopes that the token grants, including [implied
    /// scopes](crate::VerifierBuilder::implied_scopes). They come from the claims that are
    /// configured for the issuer.
    pub fn scopes(&self) -> &Scopes {
        self.0.granted.list()
    }

    /// Returns the expiry time (`exp`). If the response of an
    /// [introspection](crate::Issuer::opaque) has none, returns the end of the year 9999.
    pub fn expires_at(&self) -> NumericDate {
        self.0.lifetime.expires_at
    }

    /// Returns the time of issue (`iat`).
    pub fn issued_at(&self) -> Option<NumericDate> {
        self.0.lifetime.issued_at
    }

    /// Returns the token's id (`jti`).
    pub fn token_id(&self) -> Option<&str> {
        self.0.token_id.as_deref()
    }

    /// Returns whether the claims grant exactly this scope, implied scopes included.
    ///
    /// ```
    /// # fn handle(claims: scopegate::Claims) -> &'static str {
    /// if claims.has_scope("orders/admin") { "all orders" } else { "your orders" }
    /// # }
    /// ```
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().contains(scope)
    }

    /// Checks that the claims satisfy a requirement: `claims.require("orders/read")?`.
    ///
    /// If the requirement is [compiled](crate::middleware::compile), success takes the same time
    /// for any number of scopes. The first failure creates the list of the token's scopes.
    ///
    /// # Errors
    /// Returns [`Error::InsufficientScope`] if they do not satisfy it.
    pub fn require(&self, required: impl Into<Requirement>) -> Result<(), Error> {
        self.require_ref(&required.into())
    }

    /// Like [`require`](Self::require), but takes a reference. Use it for a requirement that is
    /// used again.
    ///
    /// # Errors
    /// Returns [`Error::InsufficientScope`] if the claims do not satisfy it.
    pub fn require_ref(&self, required: &Requirement) -> Result<(), Error> {
        if self.0.granted.satisfies(required) {
            return Ok(());
        }
        Err(Error::InsufficientScope {
            required: required.clone(),
            granted: self.scopes().clone(),
            token: TokenRef::new(self),
        })
    }

    /// Returns whether both are the claims of one token. A token may have been verified twice.
    pub(crate) fn is_same_token(&self, other: &Self) -> bool {
        self.0.issuer == other.0.issuer && self.0.payload == other.0.payload
    }

    pub(crate) fn matches_token(&self, token: &[u8]) -> bool {
        equal_in_constant_time(self.token(), token)
    }

    /// Returns the same claims with a reference count of their own, so that clones on different
    /// threads don't contend for one count.
    pub(crate) fn new_shard(&self) -> Self {
        Self(self.0.new_shard())
    }

    /// Returns whether clones of both share a reference count.
    #[cfg(test)]
    pub(crate) fn share_count_with(&self, other: &Self) -> bool {
        self.0.shares_count_with(&other.0)
    }

    pub(crate) fn token(&self) -> &[u8] {
        &self.0.token
    }

    /// Returns the payload, which is one JSON object.
    #[cfg(any(feature = "http", feature = "fetch"))]
    pub(crate) fn payload(&self) -> &str {
        &self.0.payload
    }

    pub(crate) fn revocable(&self) -> Option<&RevocableNames> {
        self.0.lookups.revocable.as_deref()
    }

    #[cfg(feature = "fetch")]
    #[inline]
    pub(crate) fn status(&self) -> Option<&TokenStatus> {
        self.0.lookups.by_issuer.as_deref()?.status.as_ref()
    }

    /// Returns whether the issuer decides at each use, by a status or an introspection.
    #[cfg(feature = "fetch")]
    #[inline]
    pub(crate) fn is_decided_at_each_use(&self) -> bool {
        self.0.lookups.by_issuer.is_some()
    }

    /// Returns the digest of the token, which is a JWT. `None` if its issuer is not asked about it.
    #[cfg(feature = "fetch")]
    #[inline]
    pub(crate) fn introspected(&self) -> Option<&KeptDigest> {
        self.0.lookups.by_issuer.as_deref()?.introspected.as_ref()
    }

    /// Returns the key to which the token is bound.
    #[cfg(feature = "http")]
    pub(crate) fn binding(&self) -> Option<&Binding> {
        self.bindings()?.key.as_ref()
    }

    /// Returns the key and the certificate to which the token is bound.
    #[inline]
    pub(crate) fn bindings(&self) -> Option<&Bindings> {
        self.0.lookups.bindings.as_deref()
    }

    /// Returns whether the token is bound to a key or a certificate of its client, so that each
    /// request with it had a proof (DPoP, RFC 9449) or the certificate (RFC 8705).
    pub fn is_sender_constrained(&self) -> bool {
        self.bindings().is_some_and(Bindings::bind)
    }

    pub(crate) fn lifetime(&self) -> &Lifetime {
        &self.0.lifetime
    }

    /// Returns an upper bound of the requested bytes.
    pub(crate) fn weight(&self) -> usize {
        let Verified {
            issuer,
            tenant,
            token,
            payload,
            subject,
            client,
            token_id,
            audience,
            granted,
            lookups,
            ..
        } = &*self.0;
        let strings: usize = [subject, client, token_id].into_iter().flatten().map(|one| one.len()).sum();
        let audiences: usize = audience.iter().map(|one| one.len() + size_of_val(one)).sum();
        AROUND_ALLOCATIONS
            + size_of::<Verified>()
            + token.len()
            + payload.len()
            + strings
            // An issuer with many tenants does not share them among tokens.
            + tenant.as_deref().map_or(0, |tenant| issuer.len() + tenant.len())
            + audiences
            + granted.weight()
            + lookups.weight()
    }

    /// Returns any claim by name, deserialized at each call. Returns `None` if it is absent or
    /// `null`.
    ///
    /// # Errors
    /// Returns [`Error::UnexpectedClaims`] if the claim is present and not a `T`.
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let payload = JsonObject::from_text(&self.0.payload).ok();
        let Some(value) = payload.and_then(|payload| payload.get_non_null(name)) else { return Ok(None) };
        serde_json::from_str(value.get())
            .map(Some)
            .map_err(|error| misfit::of_claim::<T>(name, value, &error, self))
    }

    /// Returns all claims as a type of the application, deserialized at each call.
    ///
    /// A claim that is `null` counts as absent, so its field needs an `Option` or a default. `null`
    /// within a claim is kept.
    ///
    /// ```
    /// # fn handle(claims: scopegate::Claims) -> Result<(), scopegate::Error> {
    /// #[derive(serde::Deserialize)]
    /// struct Ours {
    ///     tenant: String,
    ///     /// Empty if the claim is absent or `null`.
    ///     #[serde(default)]
    ///     groups: Vec<String>,
    /// }
    ///
    /// let ours: Ours = claims.parse()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::UnexpectedClaims`] if the claims are not a `T`. The error names the claim
    /// that does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let payload = &*without_nulls(&self.0.payload);
        serde_json::from_str(payload).map_err(|error| misfit::of_payload::<T>(payload, &error, self))
    }
}

impl Lookups {
    /// Returns an upper bound of the requested bytes.
    fn weight(&self) -> usize {
        let weight = self.revocable.as_deref().map_or(0, size_of_val)
            + self.bindings.as_deref().map_or(0, |bindings| {
                size_of_val(bindings) + bindings.key.as_ref().map_or(0, |_| binding::WEIGHT)
            });
        #[cfg(feature = "fetch")]
        let weight = weight + self.by_issuer.as_deref().map_or(0, ByIssuer::weight);
        weight
    }
}

#[cfg(feature = "fetch")]
impl ByIssuer {
    fn weight(&self) -> usize {
        size_of_val(self) + self.status.as_ref().map_or(0, TokenStatus::weight)
    }
}

/// Returns the payload without members that are `null`. Copies nothing if there are none.
fn without_nulls(payload: &str) -> Cow<'_, str> {
    if !payload.contains("null") {
        return Cow::Borrowed(payload);
    }
    let Ok(object) = JsonObject::from_text(payload) else { return Cow::Borrowed(payload) };
    let is_null = |value: &RawValue| value.get() == "null";
    if !object.iter().any(|(_, value)| is_null(value)) {
        return Cow::Borrowed(payload);
    }
    let kept = object.iter().filter(|(_, value)| !is_null(value));
    let members = kept.map(|(name, value)| format!("{}:{}", serde_json::Value::from(name), value.get()));
    Cow::Owned(format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
}

/// Leaves out the token, `jti` and all custom claims.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("issuer", &self.issuer())
            .field("subject", &self.subject())
            .field("client_id", &self.client_id())
            .field("scopes", self.scopes())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
