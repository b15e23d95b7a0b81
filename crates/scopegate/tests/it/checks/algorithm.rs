//! Which algorithms may a token be signed with, and by which kind of key?

use scopegate::{Algorithm, Error, Issuer, Part};
use scopegate_issuer::{Algorithm as KeyAlgorithm, SigningKey};
use serde_json::json;
use testkit::{
    AUDIENCE, CLIENT, ISSUER, KEY, accepted, assert_rejected, cognito_token, cognito_verifier,
    issuer_with_keys, jwks, rfc9068_token, verifier_for_audience, verifier_trusting,
};

#[test]
fn only_configured_algorithms_are_accepted() {
    // A09, A10, A13
    for alg in KeyAlgorithm::ALL {
        let key = SigningKey::generate(alg);
        let accepting = |algorithms: &[Algorithm]| {
            let issuer = issuer_with_keys([key.jwk(), KEY.jwk()]).audience(AUDIENCE);
            verifier_trusting(issuer.algorithms(algorithms.iter().copied()))
        };
        let ours: Algorithm = alg.to_string().parse().unwrap();
        let token = rfc9068_token().sign_with(&key);
        assert!(accepting(Algorithm::ALL).verify(&token).is_ok(), "{alg}");
        assert!(accepting(&[Algorithm::RS256, ours]).verify(&token).is_ok(), "{alg}");
        if ours != Algorithm::RS256 {
            let error = accepting(&[Algorithm::RS256]).verify(&token).unwrap_err();
            assert!(matches!(error, Error::UnacceptableAlgorithm { .. }), "{alg} {error:?}");
        }
    }
}

#[test]
fn cognito_token_other_than_rs256_is_rejected() {
    // A10, A26
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let both = jwks([key.jwk(), KEY.jwk()]);
    let issuer = Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).jwks(&both);
    let verifier = verifier_trusting(issuer);
    assert!(verifier.verify(cognito_token().sign_with(&KEY)).is_ok());
    let error = verifier.verify(cognito_token().sign_with(&key)).unwrap_err();
    assert!(matches!(error, Error::UnacceptableAlgorithm { .. }), "{error:?}");
}

#[test]
fn ed25519_is_accepted_as_algorithm_name() {
    // A24
    let key = SigningKey::generate(KeyAlgorithm::EdDSA);
    let mut jwk = key.jwk();
    jwk["alg"] = json!("Ed25519");
    let issuer = issuer_with_keys([jwk]).audience(AUDIENCE);
    let verifier = verifier_trusting(issuer);
    assert!(verifier.verify(rfc9068_token().sign_with(&key)).is_ok());
    assert!(verifier.verify(rfc9068_token().alg("Ed25519").sign_with(&key)).is_ok());
    let ed448 = verifier.verify(rfc9068_token().alg("Ed448").sign_with(&key));
    assert!(matches!(ed448, Err(Error::UnacceptableAlgorithm { .. })), "{ed448:?}");
}

#[test]
fn unsigned_token_is_rejected() {
    // A11
    accepted(&cognito_verifier(), &cognito_token());
    assert_rejected!(
        cognito_verifier(),
        cognito_token().unsigned(),
        Error::NotBase64Url { part: Part::Signature, .. }
    );
    let garbage = format!("{}e30", cognito_token().unsigned().sign_with(&KEY));
    assert!(matches!(cognito_verifier().verify(&garbage), Err(Error::UnacceptableAlgorithm { .. })));
    for alg in ["none", "None", "NONE", "noNE"] {
        // These tokens have a signature, so their form is valid.
        assert_rejected!(cognito_verifier(), cognito_token().alg(alg), Error::UnacceptableAlgorithm { .. });
    }
}

#[test]
fn symmetric_algorithm_is_rejected() {
    // A12
    accepted(&verifier_for_audience(), &rfc9068_token());
    for alg in ["HS256", "HS384", "HS512"] {
        assert_rejected!(
            verifier_for_audience(),
            rfc9068_token().alg(alg),
            Error::UnacceptableAlgorithm { .. }
        );
    }
}

#[test]
fn algorithm_of_other_key_type_finds_no_key() {
    // A13, B08
    accepted(&verifier_for_audience(), &rfc9068_token());
    for alg in ["RS384", "PS256", "ES256", "EdDSA"] {
        assert_rejected!(verifier_for_audience(), rfc9068_token().alg(alg), Error::UnknownKey { .. });
    }
    // The reverse, and a curve of another size.
    let (es256, es384) =
        (SigningKey::generate(KeyAlgorithm::ES256), SigningKey::generate(KeyAlgorithm::ES384));
    let set = jwks([es256.jwk(), es384.jwk(), KEY.jwk()]);
    let verifier = verifier_trusting(Issuer::from_jwks(ISSUER, &set).unwrap().audience(AUDIENCE));
    assert!(verifier.verify(rfc9068_token().sign_with(&es256)).is_ok());
    for (key, alg) in [(&es256, "RS256"), (&es384, "ES256"), (&es256, "ES384")] {
        let error = verifier.verify(rfc9068_token().alg(alg).sign_with(key)).unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{alg} {error:?}");
    }
}
