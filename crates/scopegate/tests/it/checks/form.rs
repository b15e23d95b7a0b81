//! Is it a compact token: three parts of base64url, within bounds?

use scopegate::{Error, Part};
use serde_json::json;
use testkit::{
    KEY, accepted, assert_rejected, cognito_token, cognito_verifier, rfc9068_token, verifier_for_audience,
};

#[test]
fn token_without_three_parts_is_rejected() {
    // A03, A05
    let token = cognito_token().sign_with(&KEY);
    assert!(cognito_verifier().verify(&token).is_ok());
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    assert!(matches!(cognito_verifier().verify(signing_input), Err(Error::NotThreeParts { found: 2, .. })));
    assert!(matches!(
        cognito_verifier().verify(format!("{token}.")),
        Err(Error::NotThreeParts { found: 4, .. })
    ));
    assert!(matches!(cognito_verifier().verify(format!("{token}.{signature}.")), Err(Error::Encrypted)));
}

#[test]
fn non_canonical_base64url_is_rejected() {
    // A01, A02
    let token = cognito_token().sign_with(&KEY);
    assert!(cognito_verifier().verify(&token).is_ok());
    for spelling in [format!("{token}="), format!("{token}\n"), format!(" {token}"), token.replace('.', " .")]
    {
        assert!(matches!(cognito_verifier().verify(&spelling), Err(Error::NotBase64Url { .. })));
    }
    // The last character of an RSA-2048 signature has four unused bits. A decoder that ignores them
    // decodes all sixteen characters to the same bytes.
    let (start, last) = token.split_at(token.len() - 1);
    let same_bytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .filter(|character| character.to_string() != last)
        .filter(|character| {
            matches!(
                cognito_verifier().verify(format!("{start}{character}")),
                Err(Error::NotBase64Url { part: Part::Signature, .. })
            )
        });
    assert_eq!(same_bytes.count(), 60, "of 64 characters, 4 end in zero bits, and one of these is ours");
}

#[test]
fn token_above_16_kib_is_rejected() {
    // C24
    let with_padding = |size: usize| cognito_token().claim("padding", "x".repeat(size));
    assert!(
        accepted(&cognito_verifier(), &with_padding(10_000)).claim::<String>("padding").unwrap().is_some()
    );
    for size in [16_000, 1_000_000] {
        assert_rejected!(cognito_verifier(), with_padding(size), Error::TooLong { limit: 16_384, .. });
    }
}

#[test]
fn json_serialized_token_is_rejected() {
    // A04
    let token = cognito_token().sign_with(&KEY);
    assert!(cognito_verifier().verify(&token).is_ok());
    let parts: Vec<&str> = token.split('.').collect();
    let signature = json!({ "protected": parts[0], "signature": parts[2] });
    let flattened = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] }).to_string();
    let general = json!({ "payload": parts[1], "signatures": [signature] }).to_string();
    for serialised in [&flattened, &general, &json!(token).to_string()] {
        assert!(cognito_verifier().verify(serialised).is_err());
    }
    assert!(matches!(cognito_verifier().verify(&flattened), Err(Error::NotThreeParts { .. })));
    // A part that is not base64url does not reach the JSON parser.
    for (header, payload) in [(r#"{"alg":"RS256"}"#, parts[1]), (parts[0], "{}"), (parts[0], r#""e30""#)] {
        let braces = format!("{header}.{payload}.{}", parts[2]);
        assert!(matches!(cognito_verifier().verify(&braces), Err(Error::NotBase64Url { .. })), "{braces}");
    }
}

#[test]
fn encrypted_token_is_reported_as_encrypted() {
    // A05, C19: it is never reported as a bad signature
    accepted(&verifier_for_audience(), &rfc9068_token());
    let five = format!("{}.a.b", rfc9068_token().sign_with(&KEY));
    assert!(matches!(verifier_for_audience().verify(&five), Err(Error::Encrypted)));
    assert_rejected!(verifier_for_audience(), rfc9068_token().header("enc", "A256GCM"), Error::Encrypted);
    let jwe = rfc9068_token().alg("RSA-OAEP").header("enc", "A256GCM");
    assert_rejected!(verifier_for_audience(), jwe, Error::Encrypted);
    assert_rejected!(
        verifier_for_audience(),
        rfc9068_token().alg("RSA-OAEP"),
        Error::UnacceptableAlgorithm { .. }
    );
}
