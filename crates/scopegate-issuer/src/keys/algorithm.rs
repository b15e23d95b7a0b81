//! The names of the signature algorithms that a key of this crate can have.
//!
//! HMAC and `none` are not among them. [`Mint`](crate::Mint) can write a wrong `alg` into a header,
//! but the token is still signed with one of these algorithms.

use std::fmt;
use std::str::FromStr;

/// A signature algorithm, by its JOSE name (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9964 §5).
///
/// Cognito signs with [`Algorithm::RS256`]. Use the others to test how a resource server handles
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256, the salt as long as the hash.
    PS256,
    /// RSASSA-PSS with SHA-384, the salt as long as the hash.
    PS384,
    /// RSASSA-PSS with SHA-512, the salt as long as the hash.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// `EdDSA` on Ed25519.
    EdDSA,
    /// ML-DSA-44 (FIPS 204), with an empty context.
    MlDsa44,
    /// ML-DSA-65, with an empty context.
    MlDsa65,
    /// ML-DSA-87, with an empty context.
    MlDsa87,
}

impl Algorithm {
    /// All algorithms, for tests that iterate over them.
    pub const ALL: [Self; 12] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// Returns whether this is a name of the algorithm. RFC 9864 §2.2 gives `EdDSA` on Ed25519 the
    /// name `Ed25519`, which some clients use.
    pub(crate) fn has_name(self, name: &str) -> bool {
        self.name() == name || (self == Self::EdDSA && name == "Ed25519")
    }

    /// Returns the names of the algorithms of DPoP proofs, with both of `EdDSA`.
    ///
    /// A proof contains a public key and a signature. With ML-DSA-65 and ML-DSA-87, it is longer than
    /// the limit of proofs.
    pub(crate) fn names_for_proofs() -> impl Iterator<Item = &'static str> {
        let fits = |alg: &Self| !matches!(alg, Self::MlDsa65 | Self::MlDsa87);
        Self::ALL.into_iter().filter(fits).map(Self::name).chain(["Ed25519"])
    }

    /// Returns whether the keys of this algorithm are RSA keys.
    pub(crate) const fn is_rsa(self) -> bool {
        matches!(self, Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512)
    }

    /// Returns the algorithm with this name, which may be `Ed25519`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.has_name(name))
    }
}

/// Writes the JOSE name, as in a token's header.
impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Parses a JOSE name, which is case-sensitive.
impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|alg| alg.name() == name).ok_or_else(|| UnknownAlgorithm(name.to_owned()))
    }
}

/// An error for a name that is not an [`Algorithm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm(String);

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown signature algorithm {:?}", self.0)
    }
}

impl std::error::Error for UnknownAlgorithm {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_parsed_from_its_name() {
        for alg in Algorithm::ALL {
            assert_eq!(alg.to_string().parse(), Ok(alg));
        }
    }

    #[test]
    fn wrong_case_and_symmetric_names_are_unknown() {
        for name in ["rs256", "HS256", "none", ""] {
            assert!(name.parse::<Algorithm>().is_err(), "{name}");
        }
    }
}
