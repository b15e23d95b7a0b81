//! The check that a token is not sender-constrained (`cnf`).

use scopegate_proto::json::JsonObject;

use crate::error::Error;

/// The members of `cnf` that bind a token to a key. These are all that are registered: RFC 7800
/// §3.2 to §3.5, mutual TLS (RFC 8705 §3.1), DPoP (RFC 9449 §6.1) and OSCORE (RFC 9203 §3.2.1).
const BINDINGS: [&str; 7] = ["jwk", "jwe", "kid", "jku", "x5t#S256", "jkt", "osc"];

/// Rejects a sender-constrained token. The proof of possession is not checked here, so an attacker
/// who steals the token could use it as a bearer token. Unknown members of `cnf` are ignored (RFC
/// 7800 §3.1).
pub(crate) fn check_not_bound(payload: &JsonObject<'_>) -> Result<(), Error> {
    let Some(confirmation) = payload.get("cnf") else { return Ok(()) };
    let malformed = Error::SenderConstrained { binding: "cnf, malformed" };
    let confirmation = JsonObject::from_text(confirmation.get()).map_err(|_| malformed)?;
    match BINDINGS.into_iter().find(|binding| confirmation.contains(binding)) {
        Some(binding) => Err(Error::SenderConstrained { binding }),
        None => Ok(()),
    }
}
