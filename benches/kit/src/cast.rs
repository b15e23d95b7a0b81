//! Signers, verifiers and tokens.

use std::sync::OnceLock;

use scopegate::{Algorithm, Issuer, Verifier, VerifierBuilder};
use scopegate_issuer::{Algorithm as KeyAlgorithm, Mint, SigningKey};

/// The issuer, as long as that of a real user pool.
pub const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
/// The client id, as long as that of a real app client.
pub const CLIENT: &str = "1example23456789abcdefghij";
pub const READ: &str = "https://my-api-server.org/api.read";
pub const WRITE: &str = "https://my-api-server.org/api.write";

/// The measured algorithms: one of every kind, and RSA with every hash.
pub const ALGORITHMS: [KeyAlgorithm; 7] = [
    KeyAlgorithm::RS256,
    KeyAlgorithm::RS384,
    KeyAlgorithm::RS512,
    KeyAlgorithm::PS256,
    KeyAlgorithm::ES256,
    KeyAlgorithm::ES384,
    KeyAlgorithm::EdDSA,
];

/// A key, and the issuer that publishes only this key.
pub struct Signer {
    pub key: SigningKey,
}

/// Returns the signer of this algorithm. It is created on first use, and then reused.
pub fn signer(alg: KeyAlgorithm) -> &'static Signer {
    static SIGNERS: [OnceLock<Signer>; ALGORITHMS.len()] = [const { OnceLock::new() }; ALGORITHMS.len()];
    let position = ALGORITHMS.iter().position(|&one| one == alg).expect("it is one of ALGORITHMS");
    SIGNERS[position].get_or_init(|| Signer { key: SigningKey::generate(alg) })
}

impl Signer {
    /// Returns a token as Cognito issues it for a client that may read and write: 900 bytes with
    /// RS256.
    pub fn mint(&self) -> Mint {
        Mint::cognito(ISSUER, CLIENT).scope(&format!("{READ} {WRITE}"))
    }

    pub fn token(&self) -> String {
        self.mint().sign_with(&self.key)
    }

    /// Returns a key set with this key and other ones.
    pub fn jwks<'a>(&'a self, others: impl IntoIterator<Item = &'a SigningKey>) -> String {
        let keys: Vec<_> = others.into_iter().chain([&self.key]).map(SigningKey::jwk).collect();
        serde_json::json!({ "keys": keys }).to_string()
    }

    /// Returns the trusted issuer: a Cognito user pool for its only algorithm, and a similar issuer
    /// for other algorithms.
    pub fn issuer(&self) -> Issuer {
        let jwks = self.jwks([]);
        if self.key.alg() == KeyAlgorithm::RS256 {
            let pool = Issuer::cognito("eu-west-1_Ab12Cd34E").expect("a pool id").client(CLIENT);
            return pool.jwks(&jwks);
        }
        let algorithm: Vec<Algorithm> =
            Algorithm::ALL.iter().copied().filter(|one| one.name() == self.key.alg().to_string()).collect();
        Issuer::from_jwks(ISSUER, &jwks).expect("a key set").client(CLIENT).algorithms(algorithm)
    }

    /// Returns a verifier without a cache.
    pub fn verifier(&self) -> Verifier {
        builder([self.issuer()]).cache_capacity(0).build().expect("a verifier")
    }

    /// Returns a verifier with the default cache.
    pub fn caching_verifier(&self) -> Verifier {
        builder([self.issuer()]).build().expect("a verifier")
    }
}

pub fn builder(issuers: impl IntoIterator<Item = Issuer>) -> VerifierBuilder {
    issuers.into_iter().fold(Verifier::builder(), VerifierBuilder::trust)
}

/// Returns a token with as few claims as possible, which is smaller than an ordinary one.
pub fn plain(key: &SigningKey) -> Mint {
    let mint = Mint::cognito(ISSUER, CLIENT).scope(READ).header("kid", key.kid());
    ["jti", "version", "auth_time", "sub"].into_iter().fold(mint, Mint::without_claim)
}

/// Adds an unused claim, so that the token has `bytes` bytes. It can be up to two bytes shorter,
/// because of base64.
pub fn padded(mint: Mint, key: &SigningKey, bytes: usize) -> String {
    let with = |letters: usize| mint.clone().claim("padding", "x".repeat(letters)).sign_with(key);
    let least = with(0).len();
    assert!(least <= bytes, "a token of {least} bytes cannot be padded to {bytes}");
    // Four letters of base64 are three of the payload.
    let mut letters = (bytes - least) * 3 / 4;
    while with(letters + 1).len() <= bytes {
        letters += 1;
    }
    with(letters)
}
