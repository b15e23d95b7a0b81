//! Does the token show in an error, or in what `Debug` writes?

use testkit::{CLIENT, ISSUER, KEY, cognito_token, cognito_verifier, rejected};

#[test]
fn errors_and_claims_hide_the_token() {
    // D18, W12
    let token = cognito_token().sign_with(&KEY);
    let parts: Vec<&str> = token.split('.').collect();
    let mut texts = vec![
        format!("{:?}", cognito_verifier().verify(&token).unwrap()),
        format!("{:?}", cognito_verifier()),
    ];
    assert!(texts[0].contains(CLIENT) && texts[1].contains(ISSUER), "{texts:?}");
    for bad in [
        cognito_token().bad_signature(),
        cognito_token().expired(),
        cognito_token().header("kid", "x".repeat(5_000)),
        cognito_token().claim("iss", "x\n".repeat(5_000)),
        cognito_token().client("other"),
        cognito_token().raw_payload("[]"),
    ] {
        let error = rejected(&cognito_verifier(), &bad);
        texts.push(format!("{error} {error:?}"));
    }
    for text in texts {
        assert!(!parts.iter().any(|part| text.contains(part)), "{text}");
        assert!(text.len() < 1_000 && !text.contains('\n'), "{text}");
    }
}
