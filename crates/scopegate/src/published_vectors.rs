//! Published test vectors, run whole through our own keys. Each suite lists the vectors that we judge differently than
//! their authors, with the reason; `docs/vectors.md` says where they come from.
//!
//! Most payloads are no access tokens, so these tests end where a signature is verified, and so they are inside the
//! crate.

mod differences;
mod jose;
mod primitives;
mod rfc;

use crate::keys::set::KeySet;
use crate::token;
use crate::token::algorithm::Algorithm;
use crate::token::header::Header;

/// The steps of `Verifier::check` that lead to the signature. The header is read before the keys are, so that what is
/// wrong with the token is told before what is wrong with a key that is not even asked for.
fn check_signature(token: &str, jwks: &str) -> Result<(), String> {
    let parts = token::split(token.as_bytes()).map_err(|error| error.to_string())?;
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
