//! The check of a token's confirmation (`cnf`, RFC 7800): is it bound to a key, and is that key
//! proven?

use scopegate_proto::json::{JsonObject, string};

use crate::dpop::binding::Binding;
use crate::error::Error;

/// The scheme in which a request presents its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The token alone (RFC 6750).
    Bearer,
    /// The token with a proof (RFC 9449 §7.1).
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "only requests have proofs"))]
    Dpop,
}

/// A token as it was presented.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a> {
    pub(crate) token: &'a [u8],
    pub(crate) scheme: Scheme,
}

/// The member of `cnf` that names the key of a DPoP proof.
const PROVEN_BY_DPOP: &str = "jkt";

/// The members of `cnf` that bind a token to a key. These are all that are registered: RFC 7800
/// §3.2 to §3.5, mutual TLS (RFC 8705 §3.1), DPoP (RFC 9449 §6.1) and OSCORE (RFC 9203 §3.2.1).
const BINDINGS: [&str; 7] = ["jwk", "jwe", "kid", "jku", "x5t#S256", PROVEN_BY_DPOP, "osc"];

/// Returns the error of a bound token that is presented without a proof.
#[cold]
pub(crate) fn unproven() -> Error {
    Error::SenderConstrained { binding: PROVEN_BY_DPOP }
}

/// Rejects a response that binds a verified token in another way than the token itself says. The
/// token would be accepted without the proof that its issuer requires.
#[cfg(feature = "fetch")]
pub(crate) fn check_same(response: &JsonObject<'_>, token: &JsonObject<'_>) -> Result<(), Error> {
    let (Some(stated), own) = (confirmation(response)?, confirmation(token)?) else { return Ok(()) };
    let differs = |binding: &&str| {
        let own = own.as_ref().and_then(|own| own.get(binding)).and_then(string);
        stated.get(binding).is_some_and(|stated| string(stated).is_none() || string(stated) != own)
    };
    match BINDINGS.into_iter().find(differs) {
        Some(binding) => Err(Error::SenderConstrained { binding }),
        None => Ok(()),
    }
}

#[cfg(feature = "fetch")]
fn confirmation<'a>(members: &JsonObject<'a>) -> Result<Option<JsonObject<'a>>, Error> {
    let confirmation = members.get("cnf").map(|value| JsonObject::from_text(value.get()));
    confirmation.transpose().map_err(|_| Error::SenderConstrained { binding: "cnf, malformed" })
}

/// Returns the key to which a token is bound, if the scheme proves it.
///
/// Rejects a token with a binding that the scheme does not prove: an attacker who steals the token
/// could use it as a bearer token. Also rejects an unbound token under a scheme that proves a key.
/// Unknown members of `cnf` are ignored (RFC 7800 §3.1).
pub(crate) fn check(
    payload: &JsonObject<'_>,
    presented: Presented<'_>,
) -> Result<Option<Box<Binding>>, Error> {
    let Some(confirmation) = payload.get("cnf") else {
        return match presented.scheme {
            Scheme::Bearer => Ok(None),
            Scheme::Dpop => Err(Error::NotSenderConstrained),
        };
    };
    let malformed = Error::SenderConstrained { binding: "cnf, malformed" };
    let confirmation = JsonObject::from_text(confirmation.get()).map_err(|_| malformed.clone())?;
    let proves = |binding: &str| presented.scheme == Scheme::Dpop && binding == PROVEN_BY_DPOP;
    let mut bindings = BINDINGS.into_iter().filter(|binding| confirmation.contains(binding));
    if let Some(binding) = bindings.find(|binding| !proves(binding)) {
        return Err(Error::SenderConstrained { binding });
    }
    match (presented.scheme, confirmation.get(PROVEN_BY_DPOP)) {
        (Scheme::Bearer, _) => Ok(None),
        (Scheme::Dpop, None) => Err(Error::NotSenderConstrained),
        (Scheme::Dpop, Some(thumbprint)) => {
            let thumbprint = string(thumbprint).ok_or_else(|| malformed.clone())?;
            Binding::new(&thumbprint, presented.token).map(|binding| Some(Box::new(binding))).ok_or(malformed)
        }
    }
}
