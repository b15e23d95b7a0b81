//! Reads one JSON Web Key (RFC 7517) into verifying keys, or a reason to skip it.

use std::fmt;
use std::sync::Arc;

use scopegate_proto::jwk::Jwk;
use scopegate_proto::jwk::JwkError as MemberError;
use serde_json::value::RawValue;

use crate::keys::ed25519;
use crate::keys::verifying_key::{PublicKey, VerifyingKey};
use crate::token::algorithm::Algorithm;
use crate::token::key_name::{THUMBPRINTS, Thumbprints, UsedName, thumbprints as present};

/// The rules that select usable keys from an issuer's sets.
#[derive(Clone, Debug)]
pub(crate) struct KeyRules {
    pub(crate) algorithms: Vec<Algorithm>,
    /// Accepted values of a key's member `issuer`. `None` accepts all.
    pub(crate) issuers: Option<Vec<String>>,
}

impl<'a> From<&'a KeyRules> for AcceptedKeys<'a> {
    fn from(rules: &'a KeyRules) -> Self {
        Self { algorithms: &rules.algorithms, issuers: rules.issuers.as_deref() }
    }
}

/// The keys of a set that may be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AcceptedKeys<'a> {
    pub(crate) algorithms: &'a [Algorithm],
    /// Accepted values of a key's member `issuer`. `None` accepts all.
    pub(crate) issuers: Option<&'a [String]>,
}

/// Accepts keys for these algorithms, for any issuer.
impl<'a> From<&'a [Algorithm]> for AcceptedKeys<'a> {
    fn from(algorithms: &'a [Algorithm]) -> Self {
        Self { algorithms, issuers: None }
    }
}

/// A key of an issuer, prepared for one algorithm.
pub(crate) struct Key {
    /// Its `kid`.
    pub(crate) id: Option<Box<str>>,
    /// The thumbprints of its certificate.
    pub(crate) thumbprints: Thumbprints<Box<str>>,
    pub(crate) algorithm: Algorithm,
    pub(crate) verifying: VerifyingKey,
    /// The numbers that it was prepared from.
    numbers: Arc<PublicKey>,
}

impl Key {
    /// Reads a JWK. A key without `alg` yields one prepared key for each accepted algorithm of its
    /// type. A prepared key is never used for another algorithm (RFC 8725 §3.1). A key that is
    /// among the known ones is not prepared again.
    pub(crate) fn from_jwk(
        jwk: &RawValue,
        accepted: AcceptedKeys<'_>,
        known: &[Arc<Self>],
    ) -> Result<Vec<Arc<Self>>, JwkError> {
        let jwk = Jwk::from_text(jwk.get())?;
        check_purpose(&jwk)?;
        check_issuer(&jwk, accepted.issuers)?;
        Self::prepare(&jwk, accepted.algorithms, known)
    }

    /// Reads the key of a proof, for one algorithm.
    ///
    /// `use` and `key_ops` are ignored: they restrict the users of a published key. Here the holder has
    /// signed already, and the token names the key by a thumbprint without these members (RFC 7638
    /// §3.2). Libraries copy them from the private key, as `"key_ops":["sign"]`.
    pub(crate) fn of_proof(jwk: &RawValue, algorithm: Algorithm) -> Result<Vec<Arc<Self>>, JwkError> {
        let jwk = Jwk::from_text(jwk.get())?;
        jwk.check_public()?;
        Self::prepare(&jwk, &[algorithm], &[])
    }

    fn prepare(
        jwk: &Jwk<'_>,
        accepted: &[Algorithm],
        known: &[Arc<Self>],
    ) -> Result<Vec<Arc<Self>>, JwkError> {
        let id = jwk.optional_or_null("kid")?;
        let thumbprints = thumbprints(jwk)?;
        let (numbers, of_its_type) = public_key(jwk)?;
        let numbers = Arc::new(numbers);
        let algorithms: Vec<Algorithm> = match jwk.optional("alg")? {
            Some(name) => {
                let algorithm = Algorithm::from_name(&name).filter(|named| of_its_type.contains(named));
                vec![algorithm.ok_or(MemberError::Unsupported("alg"))?]
            }
            None => of_its_type.to_vec(),
        };
        let keys: Vec<Arc<Self>> = algorithms
            .into_iter()
            .filter(|algorithm| accepted.contains(algorithm))
            .map(|algorithm| {
                let same = |key: &&Arc<Self>| {
                    key.algorithm == algorithm
                        && key.id.as_deref() == id.as_deref()
                        && key.thumbprints == thumbprints
                        && key.numbers == numbers
                };
                if let Some(key) = known.iter().find(same) {
                    return Ok(Arc::clone(key));
                }
                let verifying = VerifyingKey::new(algorithm, &numbers).ok_or(JwkError::NotAKey)?;
                let (id, numbers) = (id.as_deref().map(Into::into), Arc::clone(&numbers));
                Ok(Arc::new(Self { id, thumbprints: thumbprints.clone(), algorithm, verifying, numbers }))
            })
            .collect::<Result<_, JwkError>>()?;
        if keys.is_empty() { Err(JwkError::NotAccepted) } else { Ok(keys) }
    }

    /// Reads the issuer that a JWK names. A malformed name counts as absent.
    pub(crate) fn issuer_of(jwk: &RawValue) -> Option<Box<str>> {
        let jwk = Jwk::from_text(jwk.get()).ok()?;
        Some(jwk.optional("issuer").ok()??.into())
    }

    /// Reads only the names of a JWK. Malformed names count as absent.
    pub(crate) fn names_of(jwk: &RawValue) -> (Option<Box<str>>, Thumbprints<Box<str>>) {
        let jwk = Jwk::from_text(jwk.get()).ok();
        let name = |member| Some(jwk.as_ref()?.optional(member).ok()??.into());
        (name("kid"), THUMBPRINTS.map(name))
    }

    /// Returns whether the other key has the same effect on the same tokens.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.id == other.id
            && self.thumbprints == other.thumbprints
            && self.algorithm == other.algorithm
            && self.numbers == other.numbers
    }

    /// Returns the `kid`, or the first thumbprint if there is none.
    pub(crate) fn name(&self) -> Option<UsedName<'_>> {
        self.id.as_deref().map(UsedName::Kid).or_else(|| present(&self.thumbprints).next())
    }
}

fn thumbprints(jwk: &Jwk<'_>) -> Result<Thumbprints<Box<str>>, JwkError> {
    let mut thumbprints = THUMBPRINTS.map(|_| None);
    for (thumbprint, member) in thumbprints.iter_mut().zip(THUMBPRINTS) {
        *thumbprint = jwk.optional_or_null(member)?.map(Into::into);
    }
    Ok(thumbprints)
}

/// Rejects a key whose `issuer` is another issuer. Entra ID publishes keys of several issuers at
/// one URL.
fn check_issuer(jwk: &Jwk<'_>, accepted: Option<&[String]>) -> Result<(), JwkError> {
    let (Some(accepted), Some(found)) = (accepted, jwk.optional("issuer")?) else { return Ok(()) };
    if accepted.iter().any(|name| *name == found) { Ok(()) } else { Err(JwkError::OtherIssuer) }
}

/// The operations of RFC 7517 §4.3 that contradict `use: sig`.
const ENCRYPTION_OPERATIONS: [&str; 6] =
    ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"];

/// Checks that the key may verify signatures and holds no secret.
fn check_purpose(jwk: &Jwk<'_>) -> Result<(), JwkError> {
    let purpose = jwk.optional("use")?;
    if purpose.as_ref().is_some_and(|purpose| purpose != "sig") {
        return Err(JwkError::NotForSignatures);
    }
    if let Some(mut operations) = jwk.strings("key_ops")? {
        if operations.iter().all(|operation| operation != "verify") {
            return Err(JwkError::NotForSignatures);
        }
        operations.sort_unstable();
        // RFC 7517 §4.3: `use` and `key_ops` must not contradict each other.
        if purpose.is_some()
            && operations.iter().any(|operation| ENCRYPTION_OPERATIONS.contains(&operation.as_ref()))
        {
            return Err(MemberError::Malformed("key_ops").into());
        }
        // RFC 7517 §4.3 forbids duplicates too.
        if operations.iter().zip(operations.iter().skip(1)).any(|(a, b)| a == b) {
            return Err(MemberError::Malformed("key_ops").into());
        }
    }
    Ok(jwk.check_public()?)
}

/// Returns the numbers of the key, and the algorithms that its type and curve allow.
fn public_key(jwk: &Jwk<'_>) -> Result<(PublicKey, &'static [Algorithm]), JwkError> {
    use Algorithm::{ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    use Algorithm::{MlDsa44, MlDsa65, MlDsa87};
    match jwk.required("kty")?.as_ref() {
        "RSA" => {
            let (n, e) = (jwk.unsigned("n")?, jwk.unsigned("e")?);
            // RFC 7518 §3.3 requires 2048 bits. Above 8192, one signature check takes milliseconds.
            if !(2048..=8192).contains(&bits(&n)) {
                return Err(MemberError::Unsupported("n").into());
            }
            // The product of two odd primes is odd. The cryptography crate accepts an even modulus,
            // which verifies nothing.
            if n.last().is_none_or(|last| last % 2 == 0) {
                return Err(JwkError::NotAKey);
            }
            // The cryptography crate rejects an exponent that is even or 1, and an exponent of more
            // than 33 bits.
            if bits(&e) > 33 || e.last().is_none_or(|last| last % 2 == 0) || e.as_slice() == [1] {
                return Err(MemberError::Unsupported("e").into());
            }
            Ok((PublicKey::Rsa { n, e }, &[RS256, RS384, RS512, PS256, PS384, PS512]))
        }
        "EC" => {
            let (length, algorithms): (usize, &'static [Algorithm]) = match jwk.required("crv")?.as_ref() {
                "P-256" => (32, &[ES256]),
                "P-384" => (48, &[ES384]),
                "P-521" => (66, &[ES512]),
                _ => return Err(MemberError::Unsupported("crv").into()),
            };
            let (x, y) = (jwk.bytes("x")?, jwk.bytes("y")?);
            // RFC 7518 §6.2.1.2: the full length, leading zeros included.
            if [x.len(), y.len()] != [length; 2] {
                return Err(JwkError::NotAKey);
            }
            Ok((PublicKey::Ec { x, y }, algorithms))
        }
        "OKP" => {
            if jwk.required("crv")? != "Ed25519" {
                return Err(MemberError::Unsupported("crv").into());
            }
            // A value of another length could be parsed as a key in another format.
            let x: [u8; 32] = jwk.bytes("x")?.try_into().map_err(|_| JwkError::NotAKey)?;
            if !ed25519::is_canonical(&x) {
                return Err(JwkError::NotCanonical);
            }
            if !ed25519::is_on_curve(&x) {
                return Err(JwkError::NotAKey);
            }
            if ed25519::is_of_small_order(&x) {
                return Err(JwkError::SmallOrder);
            }
            Ok((PublicKey::Ed25519 { x }, &[EdDSA]))
        }
        "AKP" => {
            let (name, key) = jwk.ml_dsa()?;
            // The key names its only algorithm (RFC 9964 §3).
            let algorithms: &'static [Algorithm] = match Algorithm::from_name(name) {
                Some(MlDsa44) => &[MlDsa44],
                Some(MlDsa65) => &[MlDsa65],
                Some(MlDsa87) => &[MlDsa87],
                _ => return Err(MemberError::Unsupported("alg").into()),
            };
            Ok((PublicKey::MlDsa { key }, algorithms))
        }
        _ => Err(MemberError::Unsupported("kty").into()),
    }
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// The reason to skip a key of a set. The other keys of the set stay usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwkError {
    Member(MemberError),
    NotForSignatures,
    OtherIssuer,
    NotAKey,
    NotCanonical,
    SmallOrder,
    NotAccepted,
}

impl JwkError {
    /// Returns whether the key contains private or symmetric key material.
    pub(crate) fn holds_secret(self) -> bool {
        self == Self::Member(MemberError::HoldsSecret)
    }
}

impl From<MemberError> for JwkError {
    fn from(error: MemberError) -> Self {
        Self::Member(error)
    }
}

impl fmt::Display for JwkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(error) => fmt::Display::fmt(error, f),
            Self::NotForSignatures => f.write_str("is not for verifying signatures"),
            Self::OtherIssuer => f.write_str("has the `issuer` of another issuer"),
            Self::NotAKey => f.write_str("does not hold a valid public key"),
            Self::NotCanonical => f.write_str("does not encode its point canonically"),
            Self::SmallOrder => {
                f.write_str("holds a point of small order, for which signatures can be forged")
            }
            Self::NotAccepted => f.write_str("is for an algorithm that is not accepted"),
        }
    }
}
