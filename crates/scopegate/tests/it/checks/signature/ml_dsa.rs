//! ML-DSA (RFC 9964), which an issuer has to list. The crate `ml-dsa` is the other implementation:
//! it signs in the forms that RFC 9964 excludes, and judges changed signatures.

use aws_lc_rs::digest::{SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ml_dsa::{ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, VerifyingKey};
use scopegate::{Algorithm, ConfigError, Error, Issuer, Verifier};
use scopegate_issuer::{Algorithm as KeyAlgorithm, SigningKey};
use serde_json::{Value, json};
use testkit::{CLIENT, ISSUER, KEY, client_token, issuer_with_keys, jwks, verifier_trusting};

const ALL: [(Algorithm, KeyAlgorithm, usize); 3] = [
    (Algorithm::MlDsa44, KeyAlgorithm::MlDsa44, 2420),
    (Algorithm::MlDsa65, KeyAlgorithm::MlDsa65, 3309),
    (Algorithm::MlDsa87, KeyAlgorithm::MlDsa87, 4627),
];

/// The identifier of SHA-512 in DER.
const SHA512_ID: [u8; 11] = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

fn accepting(algorithm: Algorithm, jwk: Value) -> Verifier {
    verifier_trusting(issuer_with_keys([jwk, KEY.jwk()]).client(CLIENT).algorithms([algorithm]))
}

fn with_signature(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn ml_dsa_is_verified_if_it_is_listed() {
    // ML01, ML02, ML04
    for (algorithm, key_algorithm, length) in ALL {
        let key = SigningKey::generate(key_algorithm);
        let token = client_token().sign_with(&key);
        let listed = accepting(algorithm, key.jwk());
        assert!(listed.verify(&token).is_ok(), "{algorithm}");
        let of_another = client_token().sign_with(&SigningKey::generate(key_algorithm).with_kid(key.kid()));
        assert!(matches!(listed.verify(of_another), Err(Error::BadSignature { .. })), "{algorithm}");
        let (input, _) = token.rsplit_once('.').unwrap();
        for other in [64, length - 1, length, length + 1] {
            let forged = with_signature(input, &vec![1; other]);
            assert!(matches!(listed.verify(forged), Err(Error::BadSignature { .. })), "{algorithm} {other}");
        }
        // The list of the issuer decides, and the default list is unchanged.
        let issuer = || issuer_with_keys([key.jwk(), KEY.jwk()]).client(CLIENT);
        let others = Algorithm::ALL.iter().copied().filter(|one| *one != algorithm);
        for unlisted in [issuer(), issuer().algorithms(others)] {
            let unlisted = verifier_trusting(unlisted);
            assert!(matches!(unlisted.verify(&token), Err(Error::UnacceptableAlgorithm { .. })));
            assert!(unlisted.verify(client_token().sign_with(&KEY)).is_ok());
        }
        assert!(Algorithm::ALL.contains(&algorithm) && !Algorithm::DEFAULT.contains(&algorithm));
        assert_eq!(key_algorithm.to_string().parse::<Algorithm>().unwrap(), algorithm);
    }
}

#[test]
fn unlisted_key_is_reported_as_not_accepted() {
    // ML04: operators see why the key of a new algorithm has no effect.
    let key = SigningKey::generate(KeyAlgorithm::MlDsa44).with_kid("pq");
    let verifier = verifier_trusting(issuer_with_keys([key.jwk(), KEY.jwk()]).client(CLIENT));
    let status = verifier.status();
    let skipped = &status.issuers()[0].skipped_keys;
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].key_id.as_deref(), Some("pq"));
    assert_eq!(skipped[0].reason, "is for an algorithm that is not accepted");
    // Without another key, the verifier does not start.
    let alone = Issuer::from_jwks(ISSUER, &jwks([key.jwk()])).unwrap().client(CLIENT);
    let error = Verifier::builder().trust(alone).build().unwrap_err();
    assert!(matches!(error, ConfigError::InvalidKeySet { .. }), "{error:?}");
}

#[test]
fn ml_dsa_key_serves_its_own_algorithm_only() {
    // ML01, A13
    for (algorithm, key_algorithm, _) in ALL {
        let key = SigningKey::generate(key_algorithm);
        let every = issuer_with_keys([key.jwk()]).client(CLIENT).algorithms(Algorithm::ALL.iter().copied());
        let every = verifier_trusting(every);
        for other in Algorithm::ALL {
            let verified = every.verify(client_token().alg(other.name()).sign_with(&key));
            if *other == algorithm {
                assert!(verified.is_ok(), "{algorithm}");
            } else {
                assert!(matches!(verified, Err(Error::UnknownKey { .. })), "{algorithm} as {other}");
            }
        }
    }
}

#[test]
fn signature_with_one_changed_bit_is_rejected() {
    // ML02
    for (algorithm, key_algorithm, length) in ALL {
        let key = SigningKey::generate(key_algorithm);
        let verifier = accepting(algorithm, key.jwk());
        let token = client_token().sign_with(&key);
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert_eq!(signature.len(), length);
        for position in 0..length {
            let mut changed = signature.clone();
            changed[position] ^= 1 << (position % 8);
            let rejected = verifier.verify(with_signature(input, &changed));
            assert!(matches!(rejected, Err(Error::BadSignature { .. })), "{algorithm} {position}");
        }
        assert!(verifier.verify(&token).is_ok());
    }
}

/// A key of the other implementation.
struct Other<P: MlDsaParams> {
    key: ExpandedSigningKey<P>,
    jwk: Value,
}

impl<P: MlDsaParams> Other<P> {
    fn new(algorithm: Algorithm, seed: [u8; 32]) -> Self {
        let key = ExpandedSigningKey::<P>::from_seed(&seed.into());
        let public = URL_SAFE_NO_PAD.encode(key.verifying_key().encode());
        Self { key, jwk: json!({ "kty": "AKP", "alg": algorithm.name(), "kid": "other", "pub": public }) }
    }

    fn signing_input(algorithm: Algorithm) -> String {
        let token = client_token().alg(algorithm.name()).header("kid", "other").sign_with(&KEY);
        token.rsplit_once('.').unwrap().0.to_owned()
    }
}

fn assert_only_the_form_of_jose_is_accepted<P: MlDsaParams>(algorithm: Algorithm) {
    let other = Other::<P>::new(algorithm, [7; 32]);
    let verifier = accepting(algorithm, other.jwk.clone());
    let input = Other::<P>::signing_input(algorithm);
    let message = input.as_bytes();
    let with_context = |context: &[u8]| other.key.sign_deterministic(message, context).unwrap();
    // FIPS 204 §5.2, §5.4: the first byte separates the forms.
    let internal = |parts: &[&[u8]]| other.key.sign_internal(parts, &[0; 32].into());
    let hash = digest(&SHA512, message);
    let sent = |signature: &Signature<P>| verifier.verify(with_signature(&input, &signature.encode()));
    assert!(sent(&with_context(b"")).is_ok(), "{algorithm}");
    assert!(sent(&internal(&[&[0, 0], message])).is_ok(), "{algorithm}");
    for (form, signature) in [
        ("a context", with_context(b"x")),
        ("the algorithm as context", with_context(algorithm.name().as_bytes())),
        ("HashML-DSA", internal(&[&[1, 0], &SHA512_ID, hash.as_ref()])),
        ("the hash as message", other.key.sign_deterministic(hash.as_ref(), b"").unwrap()),
        ("Dilithium, without the first bytes", internal(&[message])),
    ] {
        assert!(matches!(sent(&signature), Err(Error::BadSignature { .. })), "{algorithm}: {form}");
    }
}

#[test]
fn signature_with_context_or_hash_is_rejected() {
    // ML02
    assert_only_the_form_of_jose_is_accepted::<MlDsa44>(Algorithm::MlDsa44);
    assert_only_the_form_of_jose_is_accepted::<MlDsa65>(Algorithm::MlDsa65);
    assert_only_the_form_of_jose_is_accepted::<MlDsa87>(Algorithm::MlDsa87);
}

/// Returns whether the other implementation accepts the token's signature.
fn judged<P: MlDsaParams>(jwk: &Value, input: &str, signature: &[u8]) -> bool {
    let key = URL_SAFE_NO_PAD.decode(jwk["pub"].as_str().unwrap()).unwrap();
    let key = VerifyingKey::<P>::decode(&key.as_slice().try_into().unwrap());
    let signature = signature.try_into().ok().and_then(|encoded| Signature::<P>::decode(&encoded));
    signature.is_some_and(|signature| key.verify_with_context(input.as_bytes(), b"", &signature))
}

/// Compares both implementations for signatures of random keys, of which one byte changes in the
/// signature, in the key or not at all.
fn assert_both_implementations_agree<P: MlDsaParams>(algorithm: Algorithm) {
    const ROUNDS: usize = 18;
    let mut random = fastrand::Rng::with_seed(9964);
    let mut accepted = 0;
    for round in 0..ROUNDS {
        let mut other = Other::<P>::new(algorithm, std::array::from_fn(|_| random.u8(..)));
        let input = Other::<P>::signing_input(algorithm);
        let signature = other.key.sign_deterministic(input.as_bytes(), b"").unwrap();
        let mut signature = signature.encode().to_vec();
        let change = |bytes: &mut Vec<u8>, random: &mut fastrand::Rng| {
            let position = random.usize(..bytes.len());
            bytes[position] ^= random.u8(1..);
        };
        match round % 3 {
            0 => {}
            1 => change(&mut signature, &mut random),
            _ => {
                let mut key = URL_SAFE_NO_PAD.decode(other.jwk["pub"].as_str().unwrap()).unwrap();
                change(&mut key, &mut random);
                other.jwk["pub"] = URL_SAFE_NO_PAD.encode(key).into();
            }
        }
        let ours = accepting(algorithm, other.jwk.clone()).verify(with_signature(&input, &signature)).is_ok();
        assert_eq!(ours, judged::<P>(&other.jwk, &input, &signature), "{algorithm}, round {round}");
        accepted += usize::from(ours);
    }
    assert_eq!(accepted, ROUNDS / 3, "{algorithm}");
}

#[test]
fn both_implementations_agree_about_signatures() {
    // ML02
    assert_both_implementations_agree::<MlDsa44>(Algorithm::MlDsa44);
    assert_both_implementations_agree::<MlDsa65>(Algorithm::MlDsa65);
    assert_both_implementations_agree::<MlDsa87>(Algorithm::MlDsa87);
}
