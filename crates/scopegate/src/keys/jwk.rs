//! One JSON Web Key (RFC 7517) becomes verifying keys, or a reason why not. Sets of keys are `keys/set.rs`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;

use crate::keys::ed25519;
use crate::keys::verifying_key::{PublicKey, VerifyingKey};
use crate::token::algorithm::Algorithm;
use crate::token::json::{JsonError, JsonObject, string, strings};

/// A key of an issuer, prepared for one algorithm.
pub(crate) struct Key {
    pub(crate) id: Option<Box<str>>,
    pub(crate) algorithm: Algorithm,
    pub(crate) verifying: VerifyingKey,
    /// What it was prepared from.
    numbers: Arc<PublicKey>,
}

impl Key {
    /// Reads a JWK. A key that names no `alg` yields one prepared key for each accepted algorithm of its type, and
    /// is never used for another (RFC 8725 §3.1). A key that is among the known ones is not prepared again.
    pub(crate) fn from_jwk(
        jwk: &RawValue,
        accepted: &[Algorithm],
        known: &[Arc<Self>],
    ) -> Result<Vec<Arc<Self>>, JwkError> {
        let jwk = JsonObject::from_text(jwk.get()).map_err(JwkError::InvalidJson)?;
        check_purpose(&jwk)?;
        let id = optional(&jwk, "kid")?;
        let (numbers, of_its_type) = public_key(&jwk)?;
        let numbers = Arc::new(numbers);
        let algorithms: Vec<Algorithm> = match optional(&jwk, "alg")? {
            Some(name) => {
                let algorithm = Algorithm::from_name(&name).filter(|named| of_its_type.contains(named));
                vec![algorithm.ok_or(JwkError::Unsupported("alg"))?]
            }
            None => of_its_type.to_vec(),
        };
        let keys: Vec<Arc<Self>> = algorithms
            .into_iter()
            .filter(|algorithm| accepted.contains(algorithm))
            .map(|algorithm| {
                let same = |key: &&Arc<Self>| {
                    key.algorithm == algorithm && key.id.as_deref() == id.as_deref() && key.numbers == numbers
                };
                if let Some(key) = known.iter().find(same) {
                    return Ok(Arc::clone(key));
                }
                let verifying = VerifyingKey::new(algorithm, &numbers).ok_or(JwkError::NotAKey)?;
                let (id, numbers) = (id.as_deref().map(Into::into), Arc::clone(&numbers));
                Ok(Arc::new(Self { id, algorithm, verifying, numbers }))
            })
            .collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(JwkError::NotAccepted) } else { Ok(keys) }
    }

    /// Whether the other key does the same for the same tokens.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.id == other.id && self.algorithm == other.algorithm && self.numbers == other.numbers
    }
}

/// What a key with `use: sig` is not for, of the operations that RFC 7517 §4.3 defines.
const ENCRYPTION_OPERATIONS: [&str; 6] =
    ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"];

/// The key may verify signatures, and holds nothing secret.
fn check_purpose(jwk: &JsonObject<'_>) -> Result<(), JwkError> {
    let purpose = optional(jwk, "use")?;
    if purpose.as_ref().is_some_and(|purpose| purpose != "sig") {
        return Err(JwkError::NotForSignatures);
    }
    if let Some(operations) = jwk.get("key_ops") {
        let mut operations = strings(operations).ok_or(JwkError::WrongKind("key_ops"))?;
        if operations.iter().all(|operation| operation != "verify") {
            return Err(JwkError::NotForSignatures);
        }
        operations.sort_unstable();
        // RFC 7517 §4.3: `use` and `key_ops` must not contradict each other.
        if purpose.is_some()
            && operations.iter().any(|operation| ENCRYPTION_OPERATIONS.contains(&operation.as_ref()))
        {
            return Err(JwkError::WrongKind("key_ops"));
        }
        // It also forbids duplicates.
        if operations.iter().zip(operations.iter().skip(1)).any(|(a, b)| a == b) {
            return Err(JwkError::WrongKind("key_ops"));
        }
    }
    // RFC 7518 §6.2.2, §6.3.2 and §6.4.1. A private key that is published is everybody's key.
    if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|member| jwk.contains(member)) {
        return Err(JwkError::HoldsASecret);
    }
    Ok(())
}

/// The numbers of the key, and the algorithms that its type and curve allow.
fn public_key(jwk: &JsonObject<'_>) -> Result<(PublicKey, &'static [Algorithm]), JwkError> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match required(jwk, "kty")?.as_ref() {
        "RSA" => {
            let (n, e) = (unsigned(jwk, "n")?, unsigned(jwk, "e")?);
            // RFC 7518 §3.3 asks for 2048 bits. Past 8192 one signature costs milliseconds.
            if !(2048..=8192).contains(&bits(&n)) {
                return Err(JwkError::Unsupported("n"));
            }
            // The cryptography crate refuses an exponent that is even or 1, and one of more than 33 bits.
            if bits(&e) > 33 || e.last().is_none_or(|last| last % 2 == 0) || e.as_slice() == [1] {
                return Err(JwkError::Unsupported("e"));
            }
            Ok((PublicKey::Rsa { n, e }, &[RS256, RS384, RS512, PS256, PS384, PS512]))
        }
        "EC" => {
            let (length, algorithms): (usize, &'static [Algorithm]) = match required(jwk, "crv")?.as_ref() {
                "P-256" => (32, &[ES256]),
                "P-384" => (48, &[ES384]),
                _ => return Err(JwkError::Unsupported("crv")),
            };
            let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
            // RFC 7518 §6.2.1.2: the full length, leading zeros included.
            if [x.len(), y.len()] != [length; 2] {
                return Err(JwkError::NotAKey);
            }
            Ok((PublicKey::Ec { x, y }, algorithms))
        }
        "OKP" => {
            if required(jwk, "crv")? != "Ed25519" {
                return Err(JwkError::Unsupported("crv"));
            }
            // Any other length could be taken for a key in another format.
            let x: [u8; 32] = bytes(jwk, "x")?.try_into().map_err(|_| JwkError::NotAKey)?;
            if !ed25519::is_canonical(&x) {
                return Err(JwkError::NotCanonical);
            }
            if ed25519::is_of_small_order(&x) {
                return Err(JwkError::SmallOrder);
            }
            Ok((PublicKey::Ed25519 { x }, &[EdDSA]))
        }
        _ => Err(JwkError::Unsupported("kty")),
    }
}

fn optional<'a>(jwk: &JsonObject<'a>, member: &'static str) -> Result<Option<Cow<'a, str>>, JwkError> {
    match jwk.get(member) {
        None => Ok(None),
        Some(value) => string(value).map(Some).ok_or(JwkError::WrongKind(member)),
    }
}

fn required<'a>(jwk: &JsonObject<'a>, member: &'static str) -> Result<Cow<'a, str>, JwkError> {
    optional(jwk, member)?.ok_or(JwkError::Missing(member))
}

fn bytes(jwk: &JsonObject<'_>, member: &'static str) -> Result<Vec<u8>, JwkError> {
    let text = required(jwk, member)?;
    URL_SAFE_NO_PAD.decode(text.as_ref()).map_err(|_| JwkError::WrongKind(member))
}

/// A positive number. Leading zero bytes, which some issuers write against RFC 7518 §2, change nothing.
fn unsigned(jwk: &JsonObject<'_>, member: &'static str) -> Result<Vec<u8>, JwkError> {
    let bytes = bytes(jwk, member)?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Why a key of a set is not used. It never costs the other keys of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwkError {
    InvalidJson(JsonError),
    Missing(&'static str),
    WrongKind(&'static str),
    Unsupported(&'static str),
    NotForSignatures,
    HoldsASecret,
    NotAKey,
    NotCanonical,
    SmallOrder,
    NotAccepted,
}

impl fmt::Display for JwkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidJson(found) => write!(f, "is {found}"),
            Self::Missing(member) => write!(f, "has no `{member}`"),
            Self::WrongKind(member) => write!(f, "has a malformed `{member}`"),
            Self::Unsupported(member) => write!(f, "has an unsupported `{member}`"),
            Self::NotForSignatures => f.write_str("is not for verifying signatures"),
            Self::HoldsASecret => f.write_str("holds private or symmetric key material"),
            Self::NotAKey => f.write_str("does not hold a valid public key"),
            Self::NotCanonical => f.write_str("does not encode its point canonically"),
            Self::SmallOrder => f.write_str("holds a point of small order, for which anybody can sign"),
            Self::NotAccepted => f.write_str("is for an algorithm that is not accepted"),
        }
    }
}
