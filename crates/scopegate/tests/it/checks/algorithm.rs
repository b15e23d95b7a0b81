//! Which algorithms may a token be signed with, and by which kind of key?

use scopegate::{Algorithm, Error, Issuer, Part};
use scopegate_issuer::{Algorithm as KeyAlgorithm, SigningKey};
use serde_json::json;

use crate::checks::fixture::{
    AUDIENCE, CLIENT, ISSUER, KEY, NOW, accepted, assert_refused, at, cognito, cognito_token, generic,
    generic_token, jwks,
};

#[test]
fn the_issuers_algorithms_are_accepted_and_no_others() {
    // A09, A10, A13
    for alg in [
        KeyAlgorithm::RS256,
        KeyAlgorithm::RS384,
        KeyAlgorithm::RS512,
        KeyAlgorithm::PS256,
        KeyAlgorithm::PS384,
        KeyAlgorithm::PS512,
        KeyAlgorithm::ES256,
        KeyAlgorithm::ES384,
        KeyAlgorithm::EdDSA,
    ] {
        let key = SigningKey::generate(alg);
        let accepting = |algorithms: &[Algorithm]| {
            let issuer = Issuer::from_jwks(ISSUER, &jwks(&[&key, &KEY])).unwrap().audience(AUDIENCE);
            at(NOW).trust(issuer.algorithms(algorithms.iter().copied())).build().unwrap()
        };
        let ours: Algorithm = alg.to_string().parse().unwrap();
        let token = generic_token().sign_with(&key);
        assert!(accepting(Algorithm::ALL).verify(&token).is_ok(), "{alg}");
        assert!(accepting(&[Algorithm::RS256, ours]).verify(&token).is_ok(), "{alg}");
        if ours != Algorithm::RS256 {
            let error = accepting(&[Algorithm::RS256]).verify(&token).unwrap_err();
            assert!(matches!(error, Error::UnacceptableAlgorithm { .. }), "{alg} {error:?}");
        }
    }
}

#[test]
fn cognito_tokens_are_rs256() {
    // A10, A26
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let both = jwks(&[&key, &KEY]);
    let issuer = Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).jwks(&both);
    let verifier = at(NOW).trust(issuer).build().unwrap();
    assert!(verifier.verify(&cognito_token().sign_with(&KEY)).is_ok());
    let error = verifier.verify(&cognito_token().sign_with(&key)).unwrap_err();
    assert!(matches!(error, Error::UnacceptableAlgorithm { .. }), "{error:?}");
}

#[test]
fn ed25519_may_be_called_by_its_own_name() {
    // A24
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let mut jwk = key.jwk();
    jwk["alg"] = json!("Ed25519");
    let issuer = Issuer::from_jwks(ISSUER, &json!({ "keys": [jwk] }).to_string()).unwrap().audience(AUDIENCE);
    let verifier = at(NOW).trust(issuer).build().unwrap();
    assert!(verifier.verify(&generic_token().sign_with(&key)).is_ok());
    assert!(verifier.verify(&generic_token().alg("Ed25519").sign_with(&key)).is_ok());
    let ed448 = verifier.verify(&generic_token().alg("Ed448").sign_with(&key));
    assert!(matches!(ed448, Err(Error::UnacceptableAlgorithm { .. })), "{ed448:?}");
}

#[test]
fn an_unsigned_token_is_refused() {
    // A11
    accepted(&cognito(), &cognito_token());
    assert_refused!(cognito(), cognito_token().unsigned(), Error::NotBase64Url { part: Part::Signature, .. });
    let garbage = format!("{}e30", cognito_token().unsigned().sign_with(&KEY));
    assert!(matches!(cognito().verify(&garbage), Err(Error::UnacceptableAlgorithm { .. })));
    for alg in ["none", "None", "NONE", "noNE"] {
        // With a signature, so that the form is not what is refused.
        assert_refused!(cognito(), cognito_token().alg(alg), Error::UnacceptableAlgorithm { .. });
    }
}

#[test]
fn a_symmetric_algorithm_is_refused() {
    // A12
    accepted(&generic(), &generic_token());
    for alg in ["HS256", "HS384", "HS512"] {
        assert_refused!(generic(), generic_token().alg(alg), Error::UnacceptableAlgorithm { .. });
    }
}

#[test]
fn an_algorithm_of_another_kind_of_key_finds_no_key() {
    // A13, B08
    accepted(&generic(), &generic_token());
    for alg in ["RS384", "PS256", "ES256", "EdDSA"] {
        assert_refused!(generic(), generic_token().alg(alg), Error::UnknownKey { .. });
    }
    // The other way round, and a curve of another size.
    let (es256, es384) =
        (SigningKey::generate(KeyAlgorithm::ES256), SigningKey::generate(KeyAlgorithm::ES384));
    let set = jwks(&[&es256, &es384, &KEY]);
    let verifier =
        at(NOW).trust(Issuer::from_jwks(ISSUER, &set).unwrap().audience(AUDIENCE)).build().unwrap();
    assert!(verifier.verify(&generic_token().sign_with(&es256)).is_ok());
    for (key, alg) in [(&es256, "RS256"), (&es384, "ES256"), (&es256, "ES384")] {
        let error = verifier.verify(&generic_token().alg(alg).sign_with(key)).unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{alg} {error:?}");
    }
}
