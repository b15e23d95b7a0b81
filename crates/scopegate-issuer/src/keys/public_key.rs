//! The public keys of clients as JWKs.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::keys::algorithm::Algorithm;

/// The members of private keys (RFC 7518 §6.2.2 and §6.3.2, RFC 8037 §2, RFC 9964 §3) and of
/// symmetric keys (RFC 7518 §6.4.1).
const SECRET_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// A public key of one algorithm.
pub(crate) struct PublicKey {
    thumbprint: String,
    material: Material,
}

enum Material {
    Rsa {
        algorithm: &'static RsaParameters,
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point of a curve, or a key of ML-DSA.
    Encoded {
        algorithm: &'static dyn VerificationAlgorithm,
        bytes: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads a key of this algorithm. Returns `None` if the algorithm has other keys. Also returns
    /// `None` if a member is secret.
    pub(crate) fn from_jwk(jwk: &Map<String, Value>, alg: Algorithm) -> Option<Self> {
        let is_public = SECRET_MEMBERS.iter().all(|name| !jwk.contains_key(*name));
        let fits = jwk.get("alg").is_none_or(|found| alg.has_name(found.as_str().unwrap_or_default()));
        if !is_public || !fits {
            return None;
        }
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let is_on = |curve| text("kty") == Some("EC") && text("crv") == Some(curve);
        let ecdsa = |algorithm, length| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            // RFC 7518 §6.2.1.2: the full length of a coordinate.
            let full = x.len() == length && y.len() == length;
            let bytes = [&[0x04][..], &x, &y].concat();
            full.then_some(Material::Encoded { algorithm, bytes })
        };
        let rsa = |algorithm| {
            let (n, e) = (bytes("n")?, bytes("e")?);
            let minimal = n.first().is_some_and(|first| *first != 0) && e.first() != Some(&0);
            (text("kty") == Some("RSA") && minimal).then_some(Material::Rsa { algorithm, n, e })
        };
        // RFC 9964 §3: `alg` is required, and `pub` has the length of FIPS 204, table 2.
        let ml_dsa = |algorithm, length| {
            let is_named = text("kty") == Some("AKP") && jwk.contains_key("alg");
            let bytes = bytes("pub").filter(|key| is_named && key.len() == length)?;
            Some(Material::Encoded { algorithm, bytes })
        };
        let material = match alg {
            Algorithm::ES256 if is_on("P-256") => ecdsa(&signature::ECDSA_P256_SHA256_FIXED, 32),
            Algorithm::ES384 if is_on("P-384") => ecdsa(&signature::ECDSA_P384_SHA384_FIXED, 48),
            Algorithm::EdDSA if text("kty") == Some("OKP") && text("crv") == Some("Ed25519") => {
                let bytes = bytes("x")?;
                (bytes.len() == 32).then_some(Material::Encoded { algorithm: &signature::ED25519, bytes })
            }
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => None,
            Algorithm::RS256 => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Algorithm::MlDsa44 => ml_dsa(&signature::ML_DSA_44, 1312),
            Algorithm::MlDsa65 => ml_dsa(&signature::ML_DSA_65, 1952),
            Algorithm::MlDsa87 => ml_dsa(&signature::ML_DSA_87, 2592),
        };
        Some(Self { thumbprint: thumbprint(jwk)?, material: material? })
    }

    /// Returns the SHA-256 thumbprint (RFC 7638).
    pub(crate) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Returns whether this signature was made with this key.
    pub(crate) fn verifies(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa { algorithm, n, e } => {
                RsaPublicKeyComponents { n, e }.verify(algorithm, signing_input, signature).is_ok()
            }
            Material::Encoded { algorithm, bytes } => {
                UnparsedPublicKey::new(*algorithm, bytes).verify(signing_input, signature).is_ok()
            }
        }
    }
}

/// Returns the SHA-256 thumbprint of a key (RFC 7638). Returns `None` if a required member is not a
/// string.
pub(crate) fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "AKP" => &["alg", "kty", "pub"],
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        _ => &["crv", "kty", "x"],
    };
    let member = |name: &&str| {
        let value = jwk.get(*name).filter(|value| value.is_string())?;
        Some(format!("\"{name}\":{value}"))
    };
    let members: Vec<String> = names.iter().map(member).collect::<Option<_>>()?;
    Some(sha256(format!("{{{}}}", members.join(",")).as_bytes()))
}

/// Returns the SHA-256 in base64url. `ath`, `jkt` and `x5t#S256` have this form.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::keys::signing_key::SigningKey;

    fn members(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn thumbprint_is_that_of_rfc_9449() {
        // RFC 9449 §4.1, §6.1
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "use": "sig",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        });
        let expected = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        assert_eq!(thumbprint(&members(&jwk)).as_deref(), Some(expected));
    }

    #[test]
    fn key_of_each_algorithm_verifies_its_signature() {
        // RFC 9449 §4.3 (5, 6)
        for alg in Algorithm::ALL {
            let key = SigningKey::generate(alg);
            let signature = key.sign(b"input");
            for other in Algorithm::ALL {
                let mut jwk = members(&key.jwk());
                let named = PublicKey::from_jwk(&jwk, other);
                assert_eq!(named.is_some(), alg == other, "{alg} {other}");
                jwk.remove("alg");
                let verified = PublicKey::from_jwk(&jwk, other).map(|key| key.verifies(b"input", &signature));
                // ML01: a key of ML-DSA without `alg` is a key of no algorithm.
                let expected = alg == other && jwk["kty"] != "AKP";
                assert_eq!(verified == Some(true), expected, "{alg} {other}");
            }
            let public = PublicKey::from_jwk(&members(&key.jwk()), alg).unwrap();
            assert!(!public.verifies(b"other", &signature), "{alg}");
        }
    }

    #[test]
    fn key_with_secret_or_malformed_member_is_rejected() {
        // RFC 9449 §4.3 (7), ML01
        let ml_dsa = [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87];
        let others = [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::RS256];
        for alg in others.into_iter().chain(ml_dsa) {
            let public = members(&SigningKey::generate(alg).jwk());
            let is_read = |name: &str, value: Value| {
                let mut jwk = public.clone();
                jwk.insert(name.to_owned(), value);
                PublicKey::from_jwk(&jwk, alg).is_some()
            };
            assert!(is_read("ext", json!(true)), "{alg}");
            for name in SECRET_MEMBERS {
                assert!(!is_read(name, json!("AQAB")), "{alg} {name}");
            }
            let required: &[&str] = match alg {
                Algorithm::RS256 => &["kty", "n", "e"],
                Algorithm::EdDSA => &["kty", "crv", "x"],
                _ if ml_dsa.contains(&alg) => &["kty", "alg", "pub"],
                _ => &["kty", "crv", "x", "y"],
            };
            for name in required {
                for value in [json!("AA"), json!(1), json!("AQAB="), Value::Null] {
                    assert!(!is_read(name, value.clone()), "{alg} {name} {value}");
                }
            }
        }
    }
}
