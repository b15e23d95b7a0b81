//! Published test vectors, run completely against the key parser and the signature check. Each
//! suite lists the vectors whose result differs from the published one, with the reason.
//! `docs/how-it-is-tested.md` has the sources.
//!
//! Most payloads are not access tokens, so these tests end after the signature check. That is not
//! public, so they are inside the crate.

mod differences;
mod jose;
mod primitives;
mod rfc;

use crate::checks::form;
use crate::checks::header::Header;
use crate::keys::set::KeySet;
use crate::token::algorithm::Algorithm;

/// Runs the steps of `Verifier::check` up to the signature. The header is read before the keys, so
/// that an error in the token is reported before an error in a key that is not used.
fn check_signature(token: &str, jwks: &str) -> Result<(), String> {
    let parts = form::split(token.as_bytes()).map_err(|error| error.to_string())?;
    let header = Header::parse(parts.header()).map_err(|error| error.to_string())?;
    let keys = KeySet::from_json(jwks.as_bytes(), Algorithm::ALL, None)
        .and_then(KeySet::not_empty)
        .map_err(|error| error.to_string())?;
    let key = keys
        .find(&header.key_id, header.algorithm)
        .map_err(|found| format!("{found:?} key for {}", header.algorithm))?;
    if key.verifying.verifies(parts.signing_input(token.as_bytes()), parts.signature()) {
        Ok(())
    } else {
        Err(BAD_SIGNATURE.to_owned())
    }
}

const BAD_SIGNATURE: &str = "the signature does not verify";
