//! The baseline of every uncached verification: the signature check alone, with the same
//! cryptography crate.

use aws_lc_rs::signature as aws;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::Value;

/// The decoded signature of a token, and the prepared key.
pub struct Signature {
    key: ParsedPublicKey,
    message: String,
    signature: Vec<u8>,
}

/// The decoded signature of a token, and a key that is prepared in each check.
pub struct RebuiltKey {
    key: Numbers,
    message: String,
    signature: Vec<u8>,
}

enum Numbers {
    Rsa { n: Vec<u8>, e: Vec<u8>, parameters: &'static aws::RsaParameters },
    Curve { bytes: Vec<u8>, parameters: &'static dyn aws::VerificationAlgorithm },
}

impl Signature {
    pub fn of(token: &str, key: &SigningKey) -> Self {
        let RebuiltKey { key, message, signature } = RebuiltKey::of(token, key);
        let key = match key {
            Numbers::Rsa { n, e, parameters } => {
                RsaPublicKeyComponents { n: n.as_slice(), e: e.as_slice() }.to_parsed_public_key(parameters)
            }
            Numbers::Curve { bytes, parameters } => ParsedPublicKey::new(parameters, bytes),
        };
        Self { key: key.expect("a public key"), message, signature }
    }

    pub fn verifies(&self) -> bool {
        self.key.verify_sig(self.message.as_bytes(), &self.signature).is_ok()
    }
}

impl RebuiltKey {
    pub fn of(token: &str, key: &SigningKey) -> Self {
        let (message, signature) = token.rsplit_once('.').expect("a compact token");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        Self { key: Numbers::of(key), message: message.to_owned(), signature }
    }

    pub fn verifies(&self) -> bool {
        let (message, signature) = (self.message.as_bytes(), self.signature.as_slice());
        match &self.key {
            Numbers::Rsa { n, e, parameters } => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            Numbers::Curve { bytes, parameters } => {
                UnparsedPublicKey::new(*parameters, bytes).verify(message, signature).is_ok()
            }
        }
    }
}

impl Numbers {
    fn of(key: &SigningKey) -> Self {
        let jwk = key.jwk();
        let number = |name: &str| {
            let text = jwk.get(name).and_then(Value::as_str).expect("a member of this kind of key");
            URL_SAFE_NO_PAD.decode(text).expect("base64url")
        };
        let rsa = |parameters| Self::Rsa { n: number("n"), e: number("e"), parameters };
        // 4 means that both coordinates follow (SEC 1 §2.3.3).
        let point = || [vec![4], number("x"), number("y")].concat();
        match key.alg() {
            Algorithm::RS256 => rsa(&aws::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => rsa(&aws::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => rsa(&aws::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => rsa(&aws::RSA_PSS_2048_8192_SHA256),
            Algorithm::ES256 => Self::Curve { bytes: point(), parameters: &aws::ECDSA_P256_SHA256_FIXED },
            Algorithm::ES384 => Self::Curve { bytes: point(), parameters: &aws::ECDSA_P384_SHA384_FIXED },
            Algorithm::EdDSA => Self::Curve { bytes: number("x"), parameters: &aws::ED25519 },
            other => panic!("{other} is not measured"),
        }
    }
}
