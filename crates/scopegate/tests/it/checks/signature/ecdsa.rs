//! Which forms of an ECDSA signature are accepted? Each form is derived from a valid signature.
//! docs/generated/conformance.md has the row ids (A22).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::{Error, Verifier};
use scopegate_issuer::{Algorithm, SigningKey};
use testkit::{client_token, verifier_for_client};

/// The orders of the groups (SEC 2 §2.4.2, §2.5.1).
const N_OF_P256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const N_OF_P384: &str =
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";

/// A key, and a verifier that trusts it.
struct Party {
    key: SigningKey,
    verifier: Verifier,
    n: Vec<u8>,
}

impl Party {
    fn new(alg: Algorithm, n: &str) -> Self {
        let key = SigningKey::generate(alg);
        let hex = |position| u8::from_str_radix(&n[position..position + 2], 16).unwrap();
        let n = (0..n.len()).step_by(2).map(hex).collect();
        Self { verifier: verifier_for_client([key.jwk()]), key, n }
    }

    /// Returns a signing input and its valid signature.
    fn sign(&self) -> (String, Vec<u8>) {
        let token = client_token().sign_with(&self.key);
        let (signing_input, signature) = token.rsplit_once('.').unwrap();
        (signing_input.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
    }

    #[track_caller]
    fn assert_accepted(&self, signing_input: &str, signature: &[u8]) {
        let token = format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature));
        self.verifier.verify(&token).unwrap();
    }

    #[track_caller]
    fn assert_rejected(&self, signing_input: &str, signature: &[u8]) {
        let token = format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature));
        let error = self.verifier.verify(&token).unwrap_err();
        assert!(matches!(error, Error::BadSignature { .. }), "{error:?}");
    }
}

fn parties() -> [Party; 2] {
    [Party::new(Algorithm::ES256, N_OF_P256), Party::new(Algorithm::ES384, N_OF_P384)]
}

#[test]
fn der_encoded_signature_is_rejected() {
    // A22: the form of X.509 and of most libraries' defaults
    for party in parties() {
        let (signing_input, signature) = party.sign();
        party.assert_accepted(&signing_input, &signature);
        let integer = |number: &[u8]| {
            let number: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
            let sign = if number[0] & 0x80 == 0 { &[][..] } else { &[0] };
            [&[0x02, u8::try_from(sign.len() + number.len()).unwrap()], sign, &number].concat()
        };
        let (r, s) = signature.split_at(signature.len() / 2);
        let numbers = [integer(r), integer(s)].concat();
        let der = [&[0x30, u8::try_from(numbers.len()).unwrap()], &numbers[..]].concat();
        party.assert_rejected(&signing_input, &der);
    }
}

#[test]
fn signature_of_wrong_length_is_rejected() {
    // A22
    for party in parties() {
        let (signing_input, signature) = party.sign();
        party.assert_accepted(&signing_input, &signature);
        let (r, s) = signature.split_at(signature.len() / 2);
        party.assert_rejected(&signing_input, &[&[0], r, s].concat());
        party.assert_rejected(&signing_input, &[r, &[0], s].concat());
        party.assert_rejected(&signing_input, &[r, s, &[0]].concat());
        party.assert_rejected(&signing_input, &[&[0], r, &[0], s].concat());
        party.assert_rejected(&signing_input, &signature[1..]);
        party.assert_rejected(&signing_input, &signature[..signature.len() - 1]);
        party.assert_rejected(&signing_input, &[&signature[..], &signature[..]].concat());

        // One signature in 256 starts with a zero, which must be present.
        let zero_first = |(_, signature): &(String, Vec<u8>)| signature[0] == 0;
        let (signing_input, signature) = (0..20_000).map(|_| party.sign()).find(zero_first).unwrap();
        party.assert_accepted(&signing_input, &signature);
        party.assert_rejected(&signing_input, &signature[1..]);
    }
}

#[test]
fn signature_number_out_of_range_is_rejected() {
    // A22
    for party in parties() {
        let (signing_input, signature) = party.sign();
        party.assert_accepted(&signing_input, &signature);
        let (r, s) = signature.split_at(signature.len() / 2);
        let zero = vec![0; r.len()];
        let largest = vec![0xff; r.len()];
        for outside in [&zero, &party.n, &largest] {
            party.assert_rejected(&signing_input, &[outside, s].concat());
            party.assert_rejected(&signing_input, &[r, outside].concat());
            party.assert_rejected(&signing_input, &[&outside[..], outside].concat());
        }
    }
}
