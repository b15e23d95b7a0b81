//! Wycheproof's vectors for JWS, JWE and JWK. No crate has them, and this repository does not
//! either: an environment variable names their folder.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::check_signature;
use super::differences::{Difference, Judged, Ours, Published, Vectors, compare, say};
use crate::keys::set::KeySet;
use crate::token::algorithm::Algorithm;

const FOLDER: &str = "SCOPEGATE_WYCHEPROOF";

#[test]
fn jws_vectors_match_published_results() {
    // A03, A04, A11, A12, A13, A17, A22, A25, B06, B07
    let Some(file) = File::read(JWS) else { return };
    compare("wycheproof", &file.judged(), JWS_DIFFERENCES);
}

#[test]
fn jwe_vectors_are_rejected_as_encrypted() {
    // A05
    let Some(file) = File::read(JWE) else { return };
    let judged = file.judged();
    compare("wycheproof", &judged, JWE_DIFFERENCES);
    for vector in &judged {
        let refusal = vector.ours.as_ref().unwrap_err();
        let as_not_signed = refusal == ENCRYPTED || refusal.contains("expected a token of 3 parts");
        assert!(as_not_signed, "{}: {refusal}", vector.id);
    }
}

#[test]
fn jwk_vectors_match_published_results() {
    // A12, A13, A20, A21, A23, B06
    let Some(file) = File::read(JWK) else { return };
    compare("wycheproof", &file.judged(), JWK_DIFFERENCES);
}

/// The tokens are rejected too, but some of them also because of their own form.
#[test]
fn unusual_keys_are_used_or_rejected() {
    // A13, A20, A21, A23, B02, B06, B11
    let Some(file) = File::read(JWK) else { return };
    for group in &file.groups {
        let usable =
            KeySet::from_json(group.jwks().as_bytes(), Algorithm::ALL, None).and_then(KeySet::not_empty);
        for test in &group.tests {
            let expected = match test.id {
                // The set of 1 has a symmetric key too. 7 is the weak key of `JWK_DIFFERENCES`.
                1 | 5 | 7 => None,
                2..=4 | 10..=18 | 25 | 26 => Some("private or symmetric"),
                6 | 21 => Some("not for verifying signatures"),
                8 => Some("unsupported `n`"),
                9 => Some("unsupported `e`"),
                19 | 20 => Some("unsupported `alg`"),
                22 | 23 => Some("valid public key"),
                24 => Some("no `n`"),
                id => panic!("a new vector: {id} {}", group.comment),
            };
            let found = usable.as_ref().err().map(ToString::to_string);
            let as_expected = match (expected, &found) {
                (None, None) => true,
                (Some(expected), Some(found)) => found.contains(expected),
                _ => false,
            };
            assert!(as_expected, "{}: expected {expected:?}, found {found:?}", test.id);
        }
    }
}

#[test]
fn private_and_symmetric_keys_are_never_used() {
    // B11
    let is_secret = |key: &&Value| key.get("d").is_some() || key.get("k").is_some();
    for file in [JWS, JWE, JWK] {
        let Some(file) = File::read(file) else { return };
        let groups = file.groups.iter().filter_map(|group| group.private.as_ref());
        let secret: Vec<&Value> = groups.flat_map(each).filter(is_secret).collect();
        assert!(!secret.is_empty());
        for key in secret {
            let found = KeySet::from_json(as_set(key).as_bytes(), Algorithm::ALL, None)
                .and_then(KeySet::not_empty)
                .err()
                .unwrap();
            let for_something_else = found.to_string().contains("not for verifying signatures");
            assert!(for_something_else || found.to_string().contains("private or symmetric"), "{found}");
        }
    }
}

const JWS: &str = "json_web_signature_test.json";
const JWE: &str = "json_web_encryption_test.json";
const JWK: &str = "json_web_key_test.json";

const NOT_ASYMMETRIC: &str = "expected `alg` to be one of";
const NOT_BASE64URL: &str = "is empty or not canonical base64url";
const ENCRYPTED: &str = "expected a signed token (JWS), found an encrypted one (JWE)";

const JWS_DIFFERENCES: &[Difference] = &[
    Difference {
        vectors: Vectors::Ids(JWS, &[1, 348, 352, 357, 358, 359, 376, 377]),
        ours: Ours::Refused(NOT_ASYMMETRIC),
        reason: "HMAC: a resource server holds no secret that signs tokens (RFC 8725 §3.2)",
    },
    Difference {
        vectors: Vectors::Ids(JWS, &[372, 373]),
        ours: Ours::Refused(NOT_BASE64URL),
        reason: "published as valid, although they have a character outside base64url (RFC 7515 §2); also HMAC",
    },
    Difference {
        vectors: Vectors::Ids(JWS, &[259, 264, 268, 272, 320, 325]),
        ours: Ours::Refused(NOT_BASE64URL),
        reason: "an empty payload is not a set of claims (RFC 7519 §7.2)",
    },
    Difference {
        vectors: Vectors::Ids(JWS, &[346, 350]),
        ours: Ours::Refused("Unknown key for PS384"),
        reason: "the token is PS384, and the key is for PS256 (RFC 7517 §4.4)",
    },
    Difference {
        vectors: Vectors::Ids(JWS, &[347, 351]),
        ours: Ours::Refused("unsupported `alg`"),
        reason: "the key is for an algorithm that does not exist, ES521 (RFC 7517 §4.4)",
    },
];

const JWE_DIFFERENCES: &[Difference] = &[Difference {
    vectors: Vectors::Every("encrypted", Published::Valid),
    ours: Ours::Refused(ENCRYPTED),
    reason: "encrypted tokens are not decrypted",
}];

const JWK_DIFFERENCES: &[Difference] = &[
    Difference {
        vectors: Vectors::Ids(JWK, &[2, 13, 14, 15]),
        ours: Ours::Refused(NOT_ASYMMETRIC),
        reason: "HMAC",
    },
    Difference {
        vectors: Vectors::Ids(JWK, &[7]),
        ours: Ours::Accepted,
        reason: "a modulus with the ROCA weakness (CVE-2017-15361): the generation of primes is not checked",
    },
];

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    if folder.is_none() {
        say(&format!(
            "not run: {FOLDER} does not name the folder with the vectors (docs/how-it-is-tested.md)"
        ));
    }
    folder
}

fn as_set(keys: &Value) -> String {
    if keys.get("keys").is_some() { keys.to_string() } else { json!({ "keys": [keys] }).to_string() }
}

fn each(keys: &Value) -> Vec<&Value> {
    keys.get("keys").and_then(Value::as_array).map_or_else(|| vec![keys], |keys| keys.iter().collect())
}

#[derive(Deserialize)]
struct File {
    #[serde(skip)]
    name: String,
    #[serde(rename = "numberOfTests")]
    number: usize,
    #[serde(rename = "testGroups")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    comment: String,
    public: Option<Value>,
    private: Option<Value>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    #[serde(rename = "tcId")]
    id: u64,
    jws: Option<String>,
    jwe: Option<String>,
    result: Published,
}

impl File {
    /// Reads the file. Returns `None` if the environment variable is not set.
    fn read(name: &str) -> Option<Self> {
        let text = std::fs::read_to_string(folder()?.join(name)).unwrap();
        let file = Self { name: name.to_owned(), ..serde_json::from_str(&text).unwrap() };
        let vectors: usize = file.groups.iter().map(|group| group.tests.len()).sum();
        assert_eq!(vectors, file.number);
        Some(file)
    }

    fn judged(&self) -> Vec<Judged> {
        let of_group = |group: &Group| {
            let jwks = group.jwks();
            let judged = group.tests.iter().map(move |test| {
                let (token, subject) = match (&test.jws, &test.jwe) {
                    (Some(token), None) => (token, "signed"),
                    (None, Some(token)) => (token, "encrypted"),
                    _ => panic!("{} {}: neither signed nor encrypted", self.name, test.id),
                };
                let (file, ours) = (self.name.clone(), check_signature(token, &jwks));
                Judged { file, id: test.id, subject, published: test.result, ours }
            });
            judged.collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(of_group).collect()
    }
}

impl Group {
    /// Returns the public keys, or the symmetric ones, which have no public half.
    fn jwks(&self) -> String {
        as_set(self.public.as_ref().or(self.private.as_ref()).unwrap())
    }
}
