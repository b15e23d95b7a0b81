//! The only module that calls the cryptography crate: public keys, each prepared once for one
//! algorithm.

use aws_lc_rs::digest;
use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};

use crate::token::algorithm::Algorithm;

/// A public key that verifies signatures of one algorithm.
///
/// Preparation does the work that does not depend on a token. Points are checked to be on their
/// curve, and RSA's modulus is set up.
///
/// The cryptography crate sets up the modulus for the first signature, under a lock. Requests would
/// wait for each other. Preparation therefore verifies a dummy signature of zeros with each RSA
/// key.
pub(crate) struct VerifyingKey(ParsedPublicKey);

/// The numbers of a public key, as in a JWK.
#[derive(PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point on a curve, both coordinates in full length.
    Ec { x: Vec<u8>, y: Vec<u8> },
    /// A point on the curve of Ed25519, encoded (RFC 8032 §5.1.2).
    Ed25519 { x: [u8; 32] },
    /// A key of ML-DSA, encoded (FIPS 204 §7.2), in the length of its algorithm.
    MlDsa { key: Vec<u8> },
}

impl VerifyingKey {
    /// Prepares a key. Returns `None` if the numbers are not a key of this algorithm.
    ///
    /// `keys/jwk.rs` checks the size of an RSA modulus.
    pub(crate) fn new(algorithm: Algorithm, key: &PublicKey) -> Option<Self> {
        let prepared = Self::parsed(algorithm, key)?;
        if let PublicKey::Rsa { n, .. } = key {
            // The dummy has the full length and is less than the modulus. Otherwise it would be
            // rejected before the modulus is set up.
            let refused = prepared.verify_sig(&[], &vec![0; n.len()]).is_err();
            debug_assert!(refused, "zero is no signature");
        }
        Some(Self(prepared))
    }

    fn parsed(algorithm: Algorithm, key: &PublicKey) -> Option<ParsedPublicKey> {
        let parsed = match key {
            PublicKey::Rsa { n, e } => {
                let parameters = match algorithm {
                    Algorithm::RS256 => &aws::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::RS384 => &aws::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::RS512 => &aws::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::PS256 => &aws::RSA_PSS_2048_8192_SHA256,
                    Algorithm::PS384 => &aws::RSA_PSS_2048_8192_SHA384,
                    Algorithm::PS512 => &aws::RSA_PSS_2048_8192_SHA512,
                    _ => return None,
                };
                RsaPublicKeyComponents { n: n.as_slice(), e: e.as_slice() }.to_parsed_public_key(parameters)
            }
            PublicKey::Ec { x, y } => {
                // FIXED: the signature is R || S of exactly twice the field's length (RFC 7518
                // §3.4).
                let parameters = match algorithm {
                    Algorithm::ES256 => &aws::ECDSA_P256_SHA256_FIXED,
                    Algorithm::ES384 => &aws::ECDSA_P384_SHA384_FIXED,
                    Algorithm::ES512 => &aws::ECDSA_P521_SHA512_FIXED,
                    _ => return None,
                };
                // 4: both coordinates follow (SEC 1 §2.3.3).
                ParsedPublicKey::new(parameters, [&[4], x.as_slice(), y.as_slice()].concat())
            }
            PublicKey::Ed25519 { x } if algorithm == Algorithm::EdDSA => {
                ParsedPublicKey::new(&aws::ED25519, x)
            }
            PublicKey::Ed25519 { .. } => return None,
            PublicKey::MlDsa { key } => {
                // The context is empty, as RFC 9964 §5 requires.
                let parameters = match algorithm {
                    Algorithm::MlDsa44 => &aws::ML_DSA_44,
                    Algorithm::MlDsa65 => &aws::ML_DSA_65,
                    Algorithm::MlDsa87 => &aws::ML_DSA_87,
                    _ => return None,
                };
                ParsedPublicKey::new(parameters, key)
            }
        };
        parsed.ok()
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        #[cfg(test)]
        checks::count_one();
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// Returns the SHA-1 of a certificate, by which `x5t` names it (RFC 7515 §4.1.7). Security does not
/// depend on it.
pub(crate) fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

/// Returns the SHA-256 of a certificate, by which `x5t#S256` names it (RFC 7515 §4.1.8).
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    // Both are 32 bytes long.
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Returns whether the cryptography crate is built with the FIPS module, and in its FIPS mode.
pub(crate) fn is_fips_module() -> bool {
    aws_lc_rs::try_fips_mode().is_ok()
}

/// Compares in a time that does not depend on the contents.
pub(crate) fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Counts the signature checks of a thread, for tests about the cost of a token.
#[cfg(test)]
pub(crate) mod checks {
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count_one() {
        COUNT.set(COUNT.get() + 1);
    }

    pub(crate) fn during(work: impl FnOnce()) -> usize {
        let before = COUNT.get();
        work();
        COUNT.get() - before
    }
}
