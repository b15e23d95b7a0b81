//! The supported signature algorithms, which are all asymmetric.

use std::fmt;
use std::str::FromStr;

use crate::config_error::ConfigError;

/// A JWS signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9964 §5).
///
/// HMAC and `none` are not available (RFC 8725 §3.1, §3.2). A resource server has only public keys.
/// HMAC would need a shared secret, and `none` has no signature.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the registry, explained above")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    /// Not in [`DEFAULT`](Self::DEFAULT): it is accepted only if you list it.
    ES512,
    /// Ed25519. Tokens and keys may also name it `Ed25519` (RFC 9864).
    EdDSA,
    /// `ML-DSA-44` (FIPS 204), for keys of the type `AKP`. Not in [`DEFAULT`](Self::DEFAULT), as the
    /// next two.
    MlDsa44,
    /// `ML-DSA-65`.
    MlDsa65,
    /// `ML-DSA-87`. A token has some 7 KB, which not every server in front of the API accepts.
    MlDsa87,
}

impl Algorithm {
    /// The algorithms that an issuer's tokens may have by default.
    ///
    /// If a later version supports another algorithm, it is added to [`ALL`](Self::ALL) only. So an
    /// update does not accept tokens that were rejected before.
    pub const DEFAULT: &'static [Self] = &[
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// Every algorithm that this crate can verify.
    pub const ALL: &'static [Self] = &[
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    /// Returns the algorithms of a list once each, in an order that the list does not decide.
    pub(crate) fn as_set(list: &[Self]) -> Vec<Self> {
        Self::ALL.iter().copied().filter(|algorithm| list.contains(algorithm)).collect()
    }

    /// Returns the name in the JOSE registry. Names are case-sensitive.
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        // RFC 9864 §2.2 defines the name Ed25519, besides EdDSA of RFC 8037.
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = ConfigError;

    /// Parses a registered name, for example from a command line. Names are case-sensitive.
    ///
    /// # Errors
    /// Returns [`ConfigError::UnknownAlgorithm`] if no supported algorithm has this name.
    fn from_str(name: &str) -> Result<Self, ConfigError> {
        Self::from_name(name).ok_or_else(|| ConfigError::UnknownAlgorithm { found: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_algorithms_are_listed_one_by_one() {
        // ML04
        let names: Vec<&str> = Algorithm::DEFAULT.iter().map(|algorithm| algorithm.name()).collect();
        let expected = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
        assert_eq!(names, expected, "a change here changes which tokens existing users accept");
        assert!(Algorithm::DEFAULT.iter().all(|algorithm| Algorithm::ALL.contains(algorithm)));
    }

    #[test]
    fn set_ignores_order_and_repetition() {
        use Algorithm::{ES256, EdDSA, RS256};
        assert_eq!(Algorithm::as_set(&[EdDSA, RS256, ES256, EdDSA]), [RS256, ES256, EdDSA]);
        assert_eq!(
            Algorithm::as_set(&Algorithm::ALL.iter().rev().copied().collect::<Vec<_>>()),
            Algorithm::ALL
        );
    }

    #[test]
    fn names_are_read_exactly() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse::<Algorithm>().unwrap(), *algorithm);
        }
        assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::EdDSA));
        // A09, A10, A11, ML02
        for refused in ["", "none", "None", "noNE", "HS256", "rs256", "RS256 ", "ES521", "ES256K", "Ed448"] {
            assert_eq!(Algorithm::from_name(refused), None, "{refused}");
        }
        for refused in
            ["ML-DSA", "ml-dsa-44", "MLDSA44", "ML-DSA-44-ES256", "HashML-DSA-44", "SLH-DSA-SHA2-128s"]
        {
            assert_eq!(Algorithm::from_name(refused), None, "{refused}");
        }
    }
}
