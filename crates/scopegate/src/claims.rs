//! The claims of a verified token, the proof that verification happened. What is checked is in `verifier.rs`.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::json_object::JsonObject;
use crate::recipients::Named;
use crate::validity::Validity;
use crate::{Excerpt, NumericDate, Requirement, Scopes};

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
pub struct Claims(Arc<Verified>);

struct Verified {
    issuer: Arc<str>,
    subject: Option<Box<str>>,
    named: Named,
    scopes: Scopes,
    validity: Validity,
    token_id: Option<Box<str>>,
    /// The payload as it was signed: UTF-8, one JSON object, no repeated member names.
    payload: Box<str>,
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
    pub(crate) fn new(
        issuer: Arc<str>,
        named: Named,
        scopes: Scopes,
        validity: Validity,
        payload: &JsonObject<'_>,
    ) -> Result<Self, Error> {
        Ok(Self(Arc::new(Verified {
            issuer,
            subject: optional_string(payload, "sub")?,
            named,
            scopes,
            validity,
            token_id: optional_string(payload, "jti")?,
            payload: payload.text().into(),
        })))
    }

    /// `iss`: who issued the token; exactly the name of a trusted issuer.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// `sub`: whom the token is about, unique within its issuer. For a token of the `client_credentials`
    /// grant it is the client, so ask [`principal`](Self::principal) before taking it for a user.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The client that the token was issued to: `client_id`, or where that is absent `azp`, `appid` or `cid`.
    /// For an issuer of a known provider only the claim that this provider uses.
    pub fn client_id(&self) -> Option<&str> {
        self.0.named.client.as_deref()
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
            (Some(id), Some(_)) if self.0.named.client_alone => Principal::Client { id },
            (_, Some(id)) => Principal::Subject { id },
            (None, None) => Principal::Unnamed,
        }
    }

    /// `aud`: for whom the token is; empty when the token has none.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.0.named.audience.iter().map(AsRef::as_ref)
    }

    /// The scopes that the token grants, from every claim that the issuer was configured to grant them by.
    pub fn scopes(&self) -> &Scopes {
        &self.0.scopes
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
        self.0.token_id.as_deref()
    }

    /// Checks that the claims grant what is required.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`] if they do not.
    pub fn require(&self, required: &Requirement) -> Result<(), Error> {
        if required.is_satisfied_by(self.scopes()) {
            return Ok(());
        }
        Err(Error::InsufficientScope { required: required.clone(), granted: self.scopes().clone() })
    }

    /// Any claim by name, deserialised from its JSON text at each call. `None` when it is absent.
    ///
    /// # Errors
    /// [`Error::MalformedClaim`] when the claim is there and is not a `T`. A `null` is there.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let payload = JsonObject::from_text(&self.0.payload).ok();
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
        serde_json::from_str(&self.0.payload).map_err(|error| Error::UnexpectedClaims {
            expected: std::any::type_name::<T>(),
            found: Excerpt::new(&error.to_string()),
        })
    }
}

/// Shows who and what, and leaves out `jti` and every claim of the application's.
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

fn optional_string(payload: &JsonObject<'_>, claim: &'static str) -> Result<Option<Box<str>>, Error> {
    let Some(value) = payload.get(claim) else { return Ok(None) };
    match crate::json_object::string(value) {
        Some(text) => Ok(Some(text.into())),
        None => Err(Error::MalformedClaim { claim: claim.into(), expected: "a string" }),
    }
}
