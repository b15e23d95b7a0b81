//! The claims of a verified token, the proof that verification happened. What is checked is in `verifier.rs`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::cache::sharded_arc::Shared;
use crate::checks::audience::Named;
use crate::checks::lifetime::Validity;
use crate::error::Error;
use crate::error::excerpt::Excerpt;
use crate::keys::verifying_key::equal_in_constant_time;
use crate::scope::Scopes;
use crate::scope::granted::Granted;
use crate::scope::requirement::Requirement;
use crate::token::arena::{Span, Texts};
use crate::token::json::{JsonObject, string};
use crate::token::numeric_date::NumericDate;

/// The claims of a token that passed every check of [`Verifier::verify`](crate::Verifier::verify).
///
/// Only a verifier can make one, so a function that takes `Claims` cannot be reached with an unverified
/// token. Cloning shares them.
///
/// ```
/// # fn handle(claims: scopegate::Claims) -> Result<(), scopegate::Error> {
/// let caller = claims.client_id().unwrap_or("unknown");
/// let may_write = claims.scopes().contains("orders/write");
/// let tenant: Option<String> = claims.get("tenant")?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Claims(Shared<Verified>);

/// What allocators keep beside what was asked for, and counts of references.
const AROUND_ALLOCATIONS: usize = 128;

struct Verified {
    issuer: Arc<str>,
    /// The whole token.
    token: Box<[u8]>,
    /// The payload as it was signed: UTF-8, one JSON object, no repeated member names; and what was read of it.
    texts: Texts,
    subject: Option<Span>,
    client: Option<Span>,
    client_alone: bool,
    token_id: Option<Span>,
    audience: Box<[Span]>,
    granted: Granted,
    validity: Validity,
}

/// The claims that say whom a token is about and whom it is for.
pub(crate) struct Identity<'a> {
    pub(crate) subject: Option<&'a str>,
    pub(crate) token_id: Option<&'a str>,
    pub(crate) named: &'a Named<'a>,
}

/// On whose behalf a token was issued (RFC 9700 §4.15: a client must not be taken for a user).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal<'a> {
    /// The client acts for itself, as with the `client_credentials` grant.
    #[non_exhaustive]
    Client {
        /// The client's id.
        id: &'a str,
    },
    /// The client acts for somebody else, normally a user.
    #[non_exhaustive]
    Subject {
        /// The `sub` claim: unique within its issuer only.
        id: &'a str,
    },
    /// The token names neither a client nor a subject.
    Unnamed,
}

impl Claims {
    /// Puts together what the checks have returned.
    pub(crate) fn new(
        token: &[u8],
        issuer: Arc<str>,
        identity: &Identity<'_>,
        mut texts: Texts,
        granted: Granted,
        validity: Validity,
    ) -> Self {
        let named = identity.named;
        let mut optional = |text: Option<&str>| text.map(|text| texts.add(text));
        Self(Shared::new(Verified {
            issuer,
            subject: optional(identity.subject),
            client: optional(named.client.as_deref()),
            client_alone: named.client_alone,
            token_id: optional(identity.token_id),
            audience: named.audience.iter().map(|one| texts.add(one)).collect(),
            token: token.into(),
            texts,
            granted,
            validity,
        }))
    }

    /// `iss`: who issued the token; exactly the name of a trusted issuer.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// `sub`: whom the token is about, unique within its issuer. For a token of the `client_credentials`
    /// grant it is the client, so ask [`principal`](Self::principal) before taking it for a user.
    pub fn subject(&self) -> Option<&str> {
        self.optional(self.0.subject)
    }

    /// The client that the token was issued to: `client_id`, or where that is absent `azp`, `appid` or `cid`.
    /// For an issuer of a known provider only the claim that this provider uses.
    pub fn client_id(&self) -> Option<&str> {
        self.optional(self.0.client)
    }

    /// Whether the client acts for itself or for somebody else.
    ///
    /// A client acts for itself when the token has no `sub`, or when `sub` is the client's id, alone or as
    /// Auth0 writes it (`ID@clients`). Some issuers give a client an account of its own, whose `sub` cannot be told from a
    /// user's: [`Issuer::entra`](crate::Issuer::entra) and [`Issuer::keycloak`](crate::Issuer::keycloak) know what else
    /// tells such a token; from any other issuer, such a client is a [`Principal::Subject`].
    pub fn principal(&self) -> Principal<'_> {
        match (self.client_id(), self.subject()) {
            (Some(id), None) => Principal::Client { id },
            (Some(id), Some(subject)) if subject == id || subject.strip_suffix("@clients") == Some(id) => {
                Principal::Client { id }
            }
            (Some(id), Some(_)) if self.0.client_alone => Principal::Client { id },
            (_, Some(id)) => Principal::Subject { id },
            (None, None) => Principal::Unnamed,
        }
    }

    /// `aud`: for whom the token is; empty when the token has none.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.0.audience.iter().map(|one| self.0.texts.get(*one))
    }

    /// The scopes that the token grants, from every claim that the issuer was configured to grant them by, and those that
    /// they [imply](crate::VerifierBuilder::with_implied_scopes).
    pub fn scopes(&self) -> &Scopes {
        self.0.granted.list(&self.0.texts)
    }

    /// `exp`: when the token ends.
    pub fn expires_at(&self) -> NumericDate {
        self.0.validity.expires_at
    }

    /// `iat`: when the token was issued.
    pub fn issued_at(&self) -> Option<NumericDate> {
        self.0.validity.issued_at
    }

    /// `jti`: the token's own id.
    pub fn token_id(&self) -> Option<&str> {
        self.optional(self.0.token_id)
    }

    /// Checks that the claims grant what is required. If the requirement was
    /// [prepared](crate::Verifier::prepare), an answer of yes takes no longer for many scopes than for one; the first no
    /// makes a list of them.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`] if they do not.
    pub fn require(&self, required: &Requirement) -> Result<(), Error> {
        if self.0.granted.satisfies(required, &self.0.texts) {
            return Ok(());
        }
        Err(Error::InsufficientScope { required: required.clone(), granted: self.scopes().clone() })
    }

    /// Whether these are the claims of exactly this token. How long the answer takes does not depend on where another
    /// token differs.
    pub fn are_of(&self, token: &(impl AsRef<[u8]> + ?Sized)) -> bool {
        equal_in_constant_time(self.token(), token.as_ref())
    }

    /// The same, for another thread: to clone these does not slow down whoever clones those.
    pub(crate) fn apart(&self) -> Self {
        Self(self.0.apart())
    }

    /// Whether a clone of the one is counted where those of the other are.
    #[cfg(test)]
    pub(crate) fn are_counted_with(&self, other: &Self) -> bool {
        self.0.is_counted_with(&other.0)
    }

    pub(crate) fn token(&self) -> &[u8] {
        &self.0.token
    }

    pub(crate) fn validity(&self) -> &Validity {
        &self.0.validity
    }

    /// The bytes that are asked for, at most.
    pub(crate) fn size(&self) -> usize {
        let Verified { token, texts, audience, granted, .. } = &*self.0;
        AROUND_ALLOCATIONS
            + size_of::<Verified>()
            + token.len()
            + texts.size()
            + size_of_val(&**audience)
            + granted.size_of_list(texts)
    }

    fn optional(&self, text: Option<Span>) -> Option<&str> {
        text.map(|text| self.0.texts.get(text))
    }

    /// Any claim by name, deserialised from its JSON text at each call. `None` when it is absent.
    ///
    /// # Errors
    /// [`Error::MalformedClaim`] when the claim is there and is not a `T`. A `null` is there.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let payload = JsonObject::from_text(self.0.texts.payload()).ok();
        let Some(value) = payload.and_then(|payload| payload.get(name)) else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|_| Error::MalformedClaim {
            claim: name.to_owned().into(),
            expected: std::any::type_name::<T>(),
        })
    }

    /// All claims as a type of the application's, deserialised at each call.
    ///
    /// # Errors
    /// [`Error::UnexpectedClaims`] when the claims are not a `T`.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.0.texts.payload()).map_err(|error| Error::UnexpectedClaims {
            expected: std::any::type_name::<T>(),
            found: Excerpt::new(&error.to_string()),
        })
    }
}

/// Shows who and what, and leaves out the token, `jti` and every claim of the application's.
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

/// Reads a claim that must be a string if it is there.
pub(crate) fn optional_string<'a>(
    payload: &JsonObject<'a>,
    claim: &'static str,
) -> Result<Option<Cow<'a, str>>, Error> {
    let Some(value) = payload.get(claim) else { return Ok(None) };
    match string(value) {
        Some(text) => Ok(Some(text)),
        None => Err(Error::MalformedClaim { claim: claim.into(), expected: "a string" }),
    }
}
