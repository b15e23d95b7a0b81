//! What does each check accept, and what does it refuse? Every test has at least one accepted and one refused
//! token that differ in that check only. Row ids (A15, …) are those of docs/conformance.md.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is the test's failure")]

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::{Algorithm, Claims, Error, Issuer, NotAnObject, Part, Principal, Verifier, VerifierBuilder};
use scopegate_issuer::{Alg, Mint, SigningKey};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example/pool";
const CLIENT: &str = "1example23456789";
const AUDIENCE: &str = "https://my-api-server.org";

/// RSA keys take a while to make, so all tests share these.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::RS256));
static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::RS256));

fn jwks(keys: &[&SigningKey]) -> String {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string()
}

fn at(now: u64) -> VerifierBuilder {
    Verifier::builder().with_clock(move || UNIX_EPOCH + Duration::from_secs(now)).with_leeway(Duration::ZERO)
}

/// Trusts a Cognito-like issuer for one client.
fn cognito() -> Verifier {
    let issuer = Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).with_jwks(&jwks(&[&KEY])).unwrap();
    at(NOW).trust(issuer).build().unwrap()
}

/// Trusts any kind of issuer for one audience.
fn generic() -> Verifier {
    at(NOW).trust(Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap().audience(AUDIENCE)).build().unwrap()
}

/// A good Cognito token at `NOW`.
fn cognito_token() -> Mint {
    Mint::cognito(ISSUER, CLIENT).issued_at(NOW).lifetime(3_600)
}

/// A good token of an issuer that follows RFC 9068.
fn generic_token() -> Mint {
    cognito_token().without_claim("token_use").header("typ", "at+jwt").claim("aud", AUDIENCE)
}

#[track_caller]
fn accepted(verifier: &Verifier, token: &Mint) -> Claims {
    verifier.verify(&token.sign_with(&KEY)).expect("the token is good")
}

#[track_caller]
fn refused(verifier: &Verifier, token: &Mint) -> Error {
    verifier.verify(&token.sign_with(&KEY)).expect_err("the token is bad")
}

macro_rules! assert_refused {
    ($verifier:expr, $token:expr, $pattern:pat) => {
        let error = refused(&$verifier, &$token);
        assert!(matches!(error, $pattern), "{error:?}");
    };
}

// 1. Form

#[test]
fn a_token_has_three_parts() {
    // A03, A05
    let token = cognito_token().sign_with(&KEY);
    assert!(cognito().verify(&token).is_ok());
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    assert!(matches!(cognito().verify(signing_input), Err(Error::NotThreeParts { found: 2, .. })));
    assert!(matches!(cognito().verify(&format!("{token}.")), Err(Error::NotThreeParts { found: 4, .. })));
    assert!(matches!(cognito().verify(&format!("{token}.{signature}.")), Err(Error::Encrypted)));
}

#[test]
fn a_token_is_canonical_base64url_without_padding() {
    // A01, A02
    let token = cognito_token().sign_with(&KEY);
    assert!(cognito().verify(&token).is_ok());
    for spelling in [format!("{token}="), format!("{token}\n"), format!(" {token}"), token.replace('.', " .")]
    {
        assert!(matches!(cognito().verify(&spelling), Err(Error::NotBase64Url { .. })));
    }
    // The last character of an RSA-2048 signature has four bits that mean nothing: all sixteen spellings decode to
    // the same bytes where they are not looked at.
    let (start, last) = token.split_at(token.len() - 1);
    let same_bytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .filter(|character| character.to_string() != last)
        .filter(|character| {
            matches!(
                cognito().verify(&format!("{start}{character}")),
                Err(Error::NotBase64Url { part: Part::Signature, .. })
            )
        });
    assert_eq!(same_bytes.count(), 60, "of 64 characters, 4 end in zero bits, and one of these is ours");
}

#[test]
fn a_token_of_more_than_16_kib_is_not_looked_at() {
    // C24
    let with_padding = |size: usize| cognito_token().claim("padding", "x".repeat(size));
    assert!(accepted(&cognito(), &with_padding(10_000)).get::<String>("padding").unwrap().is_some());
    for size in [16_000, 1_000_000] {
        assert_refused!(cognito(), with_padding(size), Error::TooLong { limit: 16_384, .. });
    }
}

#[test]
fn a_json_serialised_token_is_refused() {
    // A04
    let token = cognito_token().sign_with(&KEY);
    assert!(cognito().verify(&token).is_ok());
    let parts: Vec<&str> = token.split('.').collect();
    let signature = json!({ "protected": parts[0], "signature": parts[2] });
    let flattened = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] }).to_string();
    let general = json!({ "payload": parts[1], "signatures": [signature] }).to_string();
    for serialised in [&flattened, &general, &json!(token).to_string()] {
        assert!(cognito().verify(serialised).is_err());
    }
    assert!(matches!(cognito().verify(&flattened), Err(Error::NotThreeParts { .. })));
    // Nor does a part get to a JSON parser that is not base64url.
    for (header, payload) in [(r#"{"alg":"RS256"}"#, parts[1]), (parts[0], "{}"), (parts[0], r#""e30""#)] {
        let braces = format!("{header}.{payload}.{}", parts[2]);
        assert!(matches!(cognito().verify(&braces), Err(Error::NotBase64Url { .. })), "{braces}");
    }
}

#[test]
fn an_encrypted_token_is_named_as_such() {
    // A05, C19: and never called badly signed
    accepted(&generic(), &generic_token());
    let five = format!("{}.a.b", generic_token().sign_with(&KEY));
    assert!(matches!(generic().verify(&five), Err(Error::Encrypted)));
    assert_refused!(generic(), generic_token().header("enc", "A256GCM"), Error::Encrypted);
    let jwe = generic_token().alg("RSA-OAEP").header("enc", "A256GCM");
    assert_refused!(generic(), jwe, Error::Encrypted);
    assert_refused!(generic(), generic_token().alg("RSA-OAEP"), Error::UnacceptableAlgorithm { .. });
}

// 2. Header

#[test]
fn header_and_payload_are_json_objects_with_different_member_names() {
    // A06, A07, A08, C01, C02
    let token = cognito_token();
    let claims = Value::Object(token.claims()).to_string();
    let header = json!({ "alg": "RS256", "kid": KEY.kid() }).to_string();
    let token = token.raw_header(&header).raw_payload(&claims);
    accepted(&cognito(), &token);
    for (part, text) in [
        (Part::Header, header.replacen('{', r#"{"alg":"none","#, 1)),
        (Part::Header, header.replace('}', r#","alg":"RS256"}"#)),
        (Part::Payload, claims.replacen('{', r#"{"scope":"admin","#, 1)),
        (Part::Payload, claims.replacen('{', r#"{"iss":"https://issuer.example/pool","#, 1)),
        (Part::Payload, claims.replacen('{', r#"{"exp":9999999999,"#, 1)),
        (Part::Payload, claims.replacen('{', r#"{"unknown":1,"unknown":1,"#, 1)),
    ] {
        let repeated = match part {
            Part::Header => token.clone().raw_header(text),
            _ => token.clone().raw_payload(text),
        };
        let error = refused(&cognito(), &repeated);
        assert!(
            matches!(&error, Error::NotAnObject { part: in_part, found: NotAnObject::RepeatedName, .. } if *in_part == part),
            "{error:?}"
        );
    }
    for text in [format!("{claims}x"), format!("{claims}{claims}"), format!("[{claims}]"), "null".to_owned()]
    {
        assert_refused!(
            cognito(),
            token.clone().raw_payload(text),
            Error::NotAnObject { part: Part::Payload, .. }
        );
    }
}

#[test]
fn header_and_payload_are_utf8() {
    // A06, C01
    let claims = Value::Object(cognito_token().claims()).to_string().into_bytes();
    let header = json!({ "alg": "RS256", "kid": KEY.kid() }).to_string().into_bytes();
    let verify = |header: &[u8], payload: &[u8]| {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(KEY.sign(input.as_bytes()));
        cognito().verify(&format!("{input}.{signature}"))
    };
    assert!(verify(&header, &claims).is_ok());
    let utf16 = |text: &[u8]| text.iter().flat_map(|byte| [*byte, 0]).collect::<Vec<u8>>();
    let marked = |text: &[u8]| [b"\xef\xbb\xbf", text].concat();
    let overlong = |text: &[u8]| [&text[..text.len() - 1], b",\"x\":\"\xc0\x80\"}"].concat();
    for bent in [utf16, marked, overlong] {
        let (in_header, in_payload) = (verify(&bent(&header), &claims), verify(&header, &bent(&claims)));
        assert!(matches!(in_header, Err(Error::NotAnObject { part: Part::Header, .. })), "{in_header:?}");
        assert!(matches!(in_payload, Err(Error::NotAnObject { part: Part::Payload, .. })), "{in_payload:?}");
    }
    for text in ["[]", "\"x\"", "1", "null", "true", ""] {
        let (in_header, in_payload) = (verify(text.as_bytes(), &claims), verify(&header, text.as_bytes()));
        assert!(in_header.is_err() && in_payload.is_err(), "{text}");
    }
}

#[test]
fn critical_extensions_are_refused() {
    // A15, A16
    accepted(&cognito(), &cognito_token().header("exp", NOW));
    let with_header = || cognito_token().header("exp", NOW);
    for crit in [
        // Unknown to us, although the header has it; and one that it does not have.
        json!(["exp"]),
        json!(["absent"]),
        json!([]),
        json!("exp"),
        json!({ "exp": true }),
        json!(["exp", "exp"]),
        json!(["exp", 1]),
        // Registered names must not be listed.
        json!(["alg"]),
        json!(["typ"]),
        json!(null),
        json!(1),
    ] {
        assert_refused!(cognito(), with_header().header("crit", crit), Error::CriticalExtension);
    }
    for b64 in [false, true] {
        let unencoded = with_header().header("b64", b64).header("crit", json!(["b64"]));
        assert_refused!(cognito(), unencoded, Error::CriticalExtension);
    }
    // In the payload, and so not under the header's protection, it is a claim like any other.
    accepted(&cognito(), &cognito_token().claim("crit", json!(["exp"])));
}

#[test]
fn the_issuers_algorithms_are_accepted_and_no_others() {
    // A09, A10, A13
    for alg in [
        Alg::RS256,
        Alg::RS384,
        Alg::RS512,
        Alg::PS256,
        Alg::PS384,
        Alg::PS512,
        Alg::ES256,
        Alg::ES384,
        Alg::EdDSA,
    ] {
        let key = SigningKey::generate(alg);
        let accepting = |algorithms: &[Algorithm]| {
            let issuer = Issuer::from_jwks(ISSUER, &jwks(&[&key, &KEY])).unwrap().audience(AUDIENCE);
            at(NOW).trust(issuer.with_algorithms(algorithms.iter().copied())).build().unwrap()
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
    let key = SigningKey::generate(Alg::ES256);
    let both = jwks(&[&key, &KEY]);
    let issuer = Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).with_jwks(&both).unwrap();
    let verifier = at(NOW).trust(issuer).build().unwrap();
    assert!(verifier.verify(&cognito_token().sign_with(&KEY)).is_ok());
    let error = verifier.verify(&cognito_token().sign_with(&key)).unwrap_err();
    assert!(matches!(error, Error::UnacceptableAlgorithm { .. }), "{error:?}");
}

#[test]
fn ed25519_may_be_called_by_its_own_name() {
    // A24
    let key = SigningKey::generate(Alg::EdDSA);
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
    let (es256, es384) = (SigningKey::generate(Alg::ES256), SigningKey::generate(Alg::ES384));
    let set = jwks(&[&es256, &es384, &KEY]);
    let verifier =
        at(NOW).trust(Issuer::from_jwks(ISSUER, &set).unwrap().audience(AUDIENCE)).build().unwrap();
    assert!(verifier.verify(&generic_token().sign_with(&es256)).is_ok());
    for (key, alg) in [(&es256, "RS256"), (&es384, "ES256"), (&es256, "ES384")] {
        let error = verifier.verify(&generic_token().alg(alg).sign_with(key)).unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{alg} {error:?}");
    }
}

#[test]
fn the_type_is_an_access_token_or_says_nothing() {
    // C14, C15, C16
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT", "JWT", "jwt"] {
        accepted(&generic(), &generic_token().header("typ", typ));
    }
    accepted(&generic(), &generic_token().without_header("typ"));
    for typ in ["id_token+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "", "at+jwt "] {
        assert_refused!(generic(), generic_token().header("typ", typ), Error::WrongType { .. });
    }
    assert_refused!(
        generic(),
        generic_token().header("typ", 1),
        Error::MalformedHeader { parameter: "typ", .. }
    );
}

#[test]
fn an_issuer_may_be_held_to_the_type_of_rfc_9068() {
    // C14
    let issuer = Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap().audience(AUDIENCE);
    let verifier = at(NOW).trust(issuer.with_typ_at_jwt_required()).build().unwrap();
    accepted(&verifier, &generic_token());
    assert_refused!(verifier, generic_token().header("typ", "JWT"), Error::WrongType { .. });
    assert_refused!(verifier, generic_token().without_header("typ"), Error::WrongType { found: None, .. });
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    // A17: the token is signed with its own key, which it shows
    let own = OTHER_KEY.clone().with_kid(KEY.kid());
    let with_key = |token: Mint| {
        let x5c = "bm90IGEgY2VydGlmaWNhdGU=";
        token
            .header("jwk", OTHER_KEY.jwk())
            .header("x5c", json!([x5c]))
            .header("jku", "https://evil.example/keys")
    };
    accepted(&cognito(), &with_key(cognito_token()));
    let error = cognito().verify(&with_key(cognito_token()).sign_with(&own)).unwrap_err();
    assert!(matches!(error, Error::BadSignature { .. }), "{error:?}");
}

// 3. Issuer

#[test]
fn the_issuer_is_compared_character_by_character() {
    // C10, C11, C25
    accepted(&cognito(), &cognito_token());
    for iss in [
        "https://issuer.example/pool/",
        "https://issuer.example/POOL",
        "https://ISSUER.example/pool",
        "https://issuer.example:443/pool",
        "https://issuer.example/poo%6C",
        "https://issuer.example/pool2",
        "https://issuer.example/poo",
        "https://issuer.example//pool",
        "https://issuer.example/./pool",
        "https://issuer.example/pool?",
        "https://issuer.example/pool#",
        "https://issuer.example/pool ",
        "https://issuer.example/p\u{f6}ol",
        "https://issuer.example",
        "http://issuer.example/pool",
        "issuer.example/pool",
        "",
    ] {
        assert_refused!(
            cognito(),
            cognito_token().claim("iss", iss),
            Error::UnknownIssuer { found: Some(_), .. }
        );
    }
}

#[test]
fn both_forms_of_a_pools_issuer_can_be_trusted_and_each_is_exact() {
    // C32: Cognito's ORIGINAL and UPDATED issuer configurations; replicas in other regions are others
    const ORIGINAL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
    const UPDATED: &str = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
    let with_keys = |issuer: Issuer| issuer.with_jwks(&jwks(&[&KEY])).unwrap();
    let original = || with_keys(Issuer::cognito("eu-west-1_Ab12Cd34E").unwrap().client(CLIENT));
    let updated = || with_keys(Issuer::cognito_at(UPDATED).unwrap().client(CLIENT));
    let token = |iss: &str| cognito_token().claim("iss", iss);
    for (verifier, of_original, of_updated) in [
        (at(NOW).trust(original()).build().unwrap(), true, false),
        (at(NOW).trust(updated()).build().unwrap(), false, true),
        (at(NOW).trust(original()).trust(updated()).build().unwrap(), true, true),
    ] {
        for (iss, trusted) in [(ORIGINAL, of_original), (UPDATED, of_updated)] {
            assert_eq!(verifier.verify(&token(iss).sign_with(&KEY)).is_ok(), trusted, "{iss}");
        }
        for iss in [
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34F",
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-west-1_Ab12Cd34E",
            "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34F",
            "https://issuer-cognito-idp.eu-central-1.amazonaws.com/eu-west-1_Ab12Cd34E",
        ] {
            assert_refused!(verifier, token(iss), Error::UnknownIssuer { found: Some(_), .. });
        }
    }
}

#[test]
fn the_issuer_is_one_string() {
    // C10
    for iss in [json!(null), json!(1), json!([ISSUER]), json!({ "iss": ISSUER })] {
        assert_refused!(
            cognito(),
            cognito_token().claim("iss", iss),
            Error::UnknownIssuer { found: None, .. }
        );
    }
    assert_refused!(
        cognito(),
        cognito_token().without_claim("iss"),
        Error::UnknownIssuer { found: None, .. }
    );
}

#[test]
fn each_issuer_is_judged_by_its_own_rules_and_keys() {
    // B13: the other issuer's key does not verify, also under its own `kid`
    const OTHER: &str = "https://other.example/";
    let verifier = at(NOW)
        .trust(Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap().client(CLIENT))
        .trust(Issuer::from_jwks(OTHER, &jwks(&[&OTHER_KEY])).unwrap().audience(AUDIENCE))
        .build()
        .unwrap();
    let (ours, others) = (cognito_token(), generic_token().claim("iss", OTHER));
    assert_eq!(verifier.verify(&ours.sign_with(&KEY)).unwrap().issuer(), ISSUER);
    assert_eq!(verifier.verify(&others.sign_with(&OTHER_KEY)).unwrap().issuer(), OTHER);
    assert!(matches!(verifier.verify(&ours.sign_with(&OTHER_KEY)), Err(Error::UnknownKey { .. })));
    let stolen_kid = OTHER_KEY.clone().with_kid(KEY.kid());
    assert!(matches!(verifier.verify(&ours.sign_with(&stolen_kid)), Err(Error::BadSignature { .. })));
    let other_rules = cognito_token().claim("iss", OTHER).sign_with(&OTHER_KEY);
    assert!(matches!(verifier.verify(&other_rules), Err(Error::MissingClaim { claim: "aud", .. })));
}

// 4. Key

#[test]
fn the_key_is_found_by_its_id_exactly() {
    // A18, C35: Cognito's ids hold `+`, `/` and `=`
    let key = KEY.clone().with_kid("abc+/D=");
    let issuer = Issuer::from_jwks(ISSUER, &jwks(&[&key, &OTHER_KEY])).unwrap().client(CLIENT);
    let verifier = at(NOW).trust(issuer).build().unwrap();
    assert!(verifier.verify(&cognito_token().sign_with(&key)).is_ok());
    for kid in ["ABC+/D=", "abc+/D", "abc%2B/D=", "", "abc+/D=\0", "../abc+/D="] {
        let error = verifier.verify(&cognito_token().header("kid", kid).sign_with(&key)).unwrap_err();
        assert!(matches!(error, Error::UnknownKey { key_id: Some(_), .. }), "{kid} {error:?}");
    }
}

#[test]
fn a_key_id_is_text_of_a_stranger() {
    // A18, A19
    let verifier = generic();
    accepted(&verifier, &generic_token());
    let long = "x".repeat(10_000);
    for kid in
        ["../../etc/passwd", "' OR '1'='1", "a\0b", "a\nINFO forged", "\u{202e}\u{1b}[31m", "{{7*7}}", &long]
    {
        let error = refused(&verifier, &generic_token().header("kid", kid));
        assert!(matches!(error, Error::UnknownKey { .. }), "{error:?}");
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(text.len() < 500, "{text}");
            assert!(!text.chars().any(char::is_control), "{text}");
        }
    }
    for kid in [json!(1), json!(null), json!([KEY.kid()])] {
        let error = refused(&verifier, &generic_token().header("kid", kid));
        assert!(matches!(error, Error::MalformedHeader { parameter: "kid", .. }), "{error:?}");
    }
}

#[test]
fn a_token_without_key_id_is_accepted_when_only_one_key_fits() {
    // B10
    let es256 = SigningKey::generate(Alg::ES256);
    let token = generic_token().without_header("kid").sign_with(&KEY);
    let trusting = |keys: &[&SigningKey]| {
        at(NOW).trust(Issuer::from_jwks(ISSUER, &jwks(keys)).unwrap().audience(AUDIENCE)).build().unwrap()
    };
    assert!(trusting(&[&es256, &KEY]).verify(&token).is_ok());
    let error = trusting(&[&OTHER_KEY, &KEY]).verify(&token).unwrap_err();
    assert!(matches!(error, Error::AmbiguousKey { found: 2, key_id: None, .. }), "{error:?}");
}

#[test]
fn keys_that_share_an_id_are_told_apart_by_their_type_only() {
    // B09
    let es256 = SigningKey::generate(Alg::ES256).with_kid(KEY.kid());
    let same_id = OTHER_KEY.clone().with_kid(KEY.kid());
    let trusting = |keys: &[&SigningKey]| {
        at(NOW).trust(Issuer::from_jwks(ISSUER, &jwks(keys)).unwrap().audience(AUDIENCE)).build().unwrap()
    };
    let verifier = trusting(&[&es256, &KEY]);
    assert!(verifier.verify(&generic_token().sign_with(&KEY)).is_ok());
    assert!(verifier.verify(&generic_token().sign_with(&es256)).is_ok());
    let error = trusting(&[&same_id, &KEY]).verify(&generic_token().sign_with(&KEY)).unwrap_err();
    assert!(matches!(error, Error::AmbiguousKey { found: 2, key_id: Some(_), .. }), "{error:?}");
}

// 5. Signature

#[test]
fn the_signature_must_verify() {
    // A26, A28
    accepted(&cognito(), &cognito_token());
    for forged in
        [cognito_token().tampered(), cognito_token().bad_signature(), cognito_token().signed_by_unknown_key()]
    {
        assert_refused!(cognito(), forged, Error::BadSignature { .. });
    }
}

#[test]
fn claims_are_not_judged_before_the_signature() {
    // A29, W21
    let wrong_in_every_way = cognito_token().client("other").claim("token_use", "id").claim("scope", 1);
    assert_refused!(cognito(), wrong_in_every_way, Error::NotAnAccessToken { .. });
    assert_refused!(cognito(), wrong_in_every_way.clone().bad_signature(), Error::BadSignature { .. });
    // But for the times, by which a token can only be refused.
    assert_refused!(cognito(), wrong_in_every_way.bad_signature().expired(), Error::Expired { .. });
}

// 6. Claims

#[test]
fn a_token_is_refused_from_its_expiry_on() {
    // C04, W10
    accepted(&cognito(), &cognito_token().expires_at(NOW + 1));
    for exp in [NOW, NOW - 1, 0] {
        assert_refused!(cognito(), cognito_token().expires_at(exp), Error::Expired { .. });
    }
}

#[test]
fn an_expiry_is_required_and_is_a_number() {
    // C06, C07, W9
    accepted(&cognito(), &cognito_token().claim("exp", NOW + 1));
    accepted(&cognito(), &cognito_token().claim("exp", json!(1_800_000_000.5)));
    assert_refused!(
        cognito(),
        cognito_token().without_claim("exp"),
        Error::MissingClaim { claim: "exp", .. }
    );
    for exp in [json!("1800000001"), json!(true), json!(null), json!([NOW + 1]), json!(1e300)] {
        let error = refused(&cognito(), &cognito_token().claim("exp", exp));
        assert!(matches!(&error, Error::MalformedClaim { claim, .. } if claim == "exp"), "{error:?}");
    }
}

#[test]
fn a_time_is_any_json_number_and_nothing_else() {
    // C07: the text is put into the payload as it stands
    let payload = Value::Object(cognito_token().without_claim("exp").claims()).to_string();
    let with =
        |exp: &str| cognito_token().raw_payload(payload.replacen('{', &format!("{{\"exp\":{exp},"), 1));
    for exp in ["1800000001", "1800000000.5", "1.8000000005e9", "18000000005E-1", "253402300799"] {
        accepted(&cognito(), &with(exp));
    }
    for past in ["1.8e9", "1799999999.999", "1e3", "-1", "-1.5", "0", "-0", "1e-400"] {
        assert_refused!(cognito(), with(past), Error::Expired { .. });
    }
    for exp in
        ["\"1800000001\"", "true", "[]", "{}", "null", "1e400", "-1e400", "9223372036854775808", "1e30"]
    {
        let error = refused(&cognito(), &with(exp));
        assert!(matches!(&error, Error::MalformedClaim { claim, .. } if claim == "exp"), "{exp} {error:?}");
    }
    for exp in ["NaN", "Infinity", "+1800000001", "01800000001", "1800000001.", "0x6b49d201"] {
        assert_refused!(cognito(), with(exp), Error::NotAnObject { part: Part::Payload, .. });
    }
}

#[test]
fn the_leeway_applies_to_all_times() {
    // C05
    let lenient = at(NOW)
        .with_leeway(Duration::from_secs(30))
        .trust(Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).with_jwks(&jwks(&[&KEY])).unwrap())
        .build()
        .unwrap();
    accepted(&lenient, &cognito_token().expires_at(NOW - 29));
    assert_refused!(lenient, cognito_token().expires_at(NOW - 30), Error::Expired { .. });
    for claim in ["nbf", "iat"] {
        accepted(&lenient, &cognito_token().claim(claim, NOW + 30));
        assert_refused!(lenient, cognito_token().claim(claim, NOW + 31), Error::NotYetValid { .. });
    }
}

#[test]
fn the_leeway_is_30_seconds_unless_changed() {
    // C05
    let builder = Verifier::builder().with_clock(|| UNIX_EPOCH + Duration::from_secs(NOW));
    let issuer = Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).with_jwks(&jwks(&[&KEY])).unwrap();
    let verifier = builder.trust(issuer).build().unwrap();
    accepted(&verifier, &cognito_token().expires_at(NOW - 29));
    assert_refused!(verifier, cognito_token().expires_at(NOW - 30), Error::Expired { .. });
}

#[test]
fn a_token_is_refused_before_its_time() {
    // C08, C09
    for claim in ["nbf", "iat"] {
        accepted(&cognito(), &cognito_token().claim(claim, NOW));
        let error = refused(&cognito(), &cognito_token().claim(claim, NOW + 1));
        assert!(matches!(error, Error::NotYetValid { claim: named, .. } if named == claim), "{error:?}");
        let error = refused(&cognito(), &cognito_token().claim(claim, "1"));
        assert!(matches!(&error, Error::MalformedClaim { claim: named, .. } if named == claim), "{error:?}");
    }
    accepted(&cognito(), &cognito_token().without_claim("iat"));
}

#[test]
fn the_audience_holds_a_configured_one() {
    // C12
    for aud in [json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE])] {
        accepted(&generic(), &generic_token().claim("aud", aud));
    }
    for aud in [
        json!("https://my-api-server.org/"),
        json!("https://MY-api-server.org"),
        json!("https://my-api-server.or"),
        json!("https://my-api-server.orga"),
        json!(format!("other {AUDIENCE}")),
        json!([format!("{AUDIENCE},other")]),
        json!([]),
        json!(["other"]),
        json!(""),
    ] {
        assert_refused!(generic(), generic_token().claim("aud", aud), Error::WrongAudience { .. });
    }
    assert_refused!(
        generic(),
        generic_token().without_claim("aud"),
        Error::MissingClaim { claim: "aud", .. }
    );
    for aud in [json!(1), json!(null), json!([AUDIENCE, 1]), json!({ "aud": AUDIENCE })] {
        let error = refused(&generic(), &generic_token().claim("aud", aud));
        assert!(matches!(&error, Error::MalformedClaim { claim, .. } if claim == "aud"), "{error:?}");
    }
}

#[test]
fn text_is_compared_by_code_points() {
    // C25: no normalisation, and an escape is the character that it stands for
    let (composed, decomposed) = ("https://api.example/caf\u{e9}", "https://api.example/cafe\u{301}");
    let issuer = Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap().audience(composed).client("caf\u{e9}");
    let verifier = at(NOW).trust(issuer).build().unwrap();
    let token = generic_token().claim("aud", composed).client("caf\u{e9}");
    accepted(&verifier, &token);
    assert_refused!(verifier, token.clone().claim("aud", decomposed), Error::WrongAudience { .. });
    assert_refused!(verifier, token.clone().client("cafe\u{301}"), Error::WrongClient { .. });
    let escaped = Value::Object(token.claims()).to_string().replace('\u{e9}', "\\u00e9");
    let escaped =
        escaped.replace("issuer.example", "issuer.ex\\u0061mple").replacen("\"iss\"", "\"\\u0069ss\"", 1);
    assert!(escaped.is_ascii() && escaped.contains("\\u0069ss"), "{escaped}");
    accepted(&verifier, &token.raw_payload(escaped));
}

#[test]
fn a_cognito_token_is_for_a_listed_client() {
    // C31
    accepted(&cognito(), &cognito_token());
    for client in ["other", "1EXAMPLE23456789", "1example2345678", "1example234567890", ""] {
        assert_refused!(cognito(), cognito_token().client(client), Error::WrongClient { found: Some(_), .. });
    }
    assert_refused!(
        cognito(),
        cognito_token().without_claim("client_id"),
        Error::WrongClient { found: None, .. }
    );
    // Another claim does not stand in for it.
    let elsewhere = cognito_token().without_claim("client_id").claim("azp", CLIENT);
    assert_refused!(cognito(), elsewhere, Error::WrongClient { found: None, .. });
    let error = refused(&cognito(), &cognito_token().claim("client_id", json!([CLIENT])));
    assert!(matches!(&error, Error::MalformedClaim { claim, .. } if claim == "client_id"), "{error:?}");
}

#[test]
fn a_token_for_many_audiences_does_not_flood_a_log() {
    let many = |n: usize| json!((0..n).map(|i| format!("https://api-{i}.example")).collect::<Vec<_>>());
    let mut with_ours = many(200);
    with_ours.as_array_mut().unwrap().push(json!(AUDIENCE));
    accepted(&generic(), &generic_token().claim("aud", with_ours));
    let error = refused(&generic(), &generic_token().claim("aud", many(200)));
    assert!(matches!(&error, Error::WrongAudience { found, .. } if found.len() == 3), "{error:?}");
    assert!(format!("{error} {error:?}").len() < 1_000, "{error:?}");
}

#[test]
fn a_long_list_of_clients_or_audiences_does_not_flood_a_log() {
    let many = || (0..500).map(|n| format!("client-of-some-department-{n}"));
    let draft = || Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap();
    let by_client = at(NOW).trust(draft().clients(many())).build().unwrap();
    accepted(&by_client, &cognito_token().client("client-of-some-department-499"));
    let error = refused(&by_client, &cognito_token().client("other"));
    assert!(matches!(&error, Error::WrongClient { expected, .. } if expected.len() == 3), "{error:?}");
    let by_audience = at(NOW).trust(draft().audiences(many())).build().unwrap();
    accepted(&by_audience, &generic_token().claim("aud", "client-of-some-department-499"));
    let error = refused(&by_audience, &generic_token().claim("aud", "other"));
    assert!(matches!(&error, Error::WrongAudience { expected, .. } if expected.len() == 3), "{error:?}");
}

#[test]
fn a_foreign_audience_is_refused_also_under_a_client_rule() {
    // C13, C34
    accepted(&cognito(), &cognito_token());
    assert_refused!(cognito(), cognito_token().claim("aud", AUDIENCE), Error::WrongAudience { .. });
    let issuer = Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).audience(AUDIENCE);
    let bound = at(NOW).trust(issuer.with_jwks(&jwks(&[&KEY])).unwrap()).build().unwrap();
    accepted(&bound, &cognito_token());
    accepted(&bound, &cognito_token().claim("aud", AUDIENCE));
    assert_refused!(bound, cognito_token().claim("aud", "other"), Error::WrongAudience { .. });
    assert_refused!(bound, cognito_token().claim("aud", AUDIENCE).client("other"), Error::WrongClient { .. });
}

#[test]
fn a_cognito_issuer_with_an_audience_and_no_clients_requires_the_audience() {
    // C34
    let issuer = Issuer::cognito_at(ISSUER).unwrap().audience(AUDIENCE);
    let verifier = at(NOW).trust(issuer.with_jwks(&jwks(&[&KEY])).unwrap()).build().unwrap();
    accepted(&verifier, &cognito_token().claim("aud", AUDIENCE));
    assert_refused!(verifier, cognito_token(), Error::MissingClaim { claim: "aud", .. });
}

#[test]
fn a_waiver_of_the_client_does_not_stand_in_for_the_audience() {
    let issuer = Issuer::cognito_at(ISSUER).unwrap().accept_any_client().audience(AUDIENCE);
    let verifier = at(NOW).trust(issuer.with_jwks(&jwks(&[&KEY])).unwrap()).build().unwrap();
    accepted(&verifier, &cognito_token().claim("aud", AUDIENCE).client("anybody"));
    assert_refused!(verifier, cognito_token(), Error::MissingClaim { claim: "aud", .. });
}

#[test]
fn an_issuer_with_audience_and_client_asks_for_both() {
    // C12
    let issuer = Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap().audience(AUDIENCE).client(CLIENT);
    let verifier = at(NOW).trust(issuer).build().unwrap();
    accepted(&verifier, &generic_token());
    assert_refused!(verifier, generic_token().client("other"), Error::WrongClient { .. });
    assert_refused!(verifier, generic_token().without_claim("aud"), Error::MissingClaim { claim: "aud", .. });
}

#[test]
fn the_client_is_read_from_the_claims_that_providers_use() {
    let issuer = Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap().client(CLIENT);
    let verifier = at(NOW).trust(issuer).build().unwrap();
    let nameless = cognito_token().without_claim("client_id");
    for claim in ["client_id", "azp", "appid", "cid"] {
        let claims = accepted(&verifier, &nameless.clone().claim(claim, CLIENT));
        assert_eq!(claims.client_id(), Some(CLIENT));
        assert_refused!(verifier, nameless.clone().claim(claim, "other"), Error::WrongClient { .. });
    }
    assert_refused!(verifier, nameless, Error::WrongClient { found: None, .. });
}

#[test]
fn claims_that_name_the_client_agree() {
    let issuer = Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap().client(CLIENT);
    let verifier = at(NOW).trust(issuer).build().unwrap();
    accepted(&verifier, &cognito_token().claim("azp", CLIENT).claim("cid", CLIENT));
    for claim in ["azp", "appid", "cid"] {
        let error = refused(&verifier, &cognito_token().claim(claim, "other"));
        assert!(matches!(&error, Error::MalformedClaim { claim: named, .. } if named == claim), "{error:?}");
    }
    // Cognito has one such claim, so another one is the pool's own business.
    accepted(&cognito(), &cognito_token().claim("azp", "other"));
}

#[test]
fn waiving_the_audience_or_the_client_waives_only_that() {
    // C13
    let trusting = |issuer: Issuer| at(NOW).trust(issuer).build().unwrap();
    let draft = || Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap();
    let any_client = trusting(draft().accept_any_client());
    accepted(&any_client, &cognito_token().client("anybody"));
    assert_refused!(any_client, cognito_token().claim("aud", AUDIENCE), Error::WrongAudience { .. });
    let any_audience = trusting(draft().accept_any_audience());
    accepted(&any_audience, &cognito_token().claim("aud", "anything"));
    accepted(&any_audience, &cognito_token());
    assert_refused!(any_audience, cognito_token().claim("aud", 1), Error::MalformedClaim { .. });
    let listed = trusting(draft().accept_any_audience().client(CLIENT));
    accepted(&listed, &cognito_token().claim("aud", "anything"));
    assert_refused!(listed, cognito_token().client("other"), Error::WrongClient { .. });
}

#[test]
fn only_an_access_token_is_accepted() {
    // C18, C30
    accepted(&cognito(), &cognito_token());
    for token_use in
        [json!("id"), json!("refresh"), json!("ACCESS"), json!(["access"]), json!(null), json!("")]
    {
        let token = cognito_token().claim("token_use", token_use);
        assert_refused!(cognito(), token, Error::NotAnAccessToken { claim: "token_use", .. });
    }
    let unmarked = cognito_token().without_claim("token_use");
    assert_refused!(cognito(), unmarked, Error::NotAnAccessToken { claim: "token_use", found: None, .. });
}

#[test]
fn an_id_token_is_refused_from_every_issuer() {
    // C18: its audience may be a client that is also an API
    accepted(&generic(), &generic_token());
    for claim in ["nonce", "at_hash", "c_hash"] {
        assert_refused!(
            generic(),
            generic_token().claim(claim, "n-0S6_WzA2Mj"),
            Error::NotAnAccessToken { .. }
        );
    }
    assert_refused!(generic(), generic_token().claim("token_use", "id"), Error::NotAnAccessToken { .. });
    accepted(&generic(), &generic_token().claim("token_use", "access"));
}

#[test]
fn an_id_token_is_refused_whatever_was_configured() {
    // C18: an ID token as OpenID Connect Core §2 has it, for a client that is trusted here
    let key = || jwks(&[&KEY]);
    let draft = || Issuer::from_jwks(ISSUER, &key()).unwrap();
    let id_token = cognito_token()
        .without_claim("token_use")
        .without_claim("client_id")
        .without_claim("scope")
        .claim("aud", CLIENT)
        .claim("azp", CLIENT)
        .claim("sub", "user-1")
        .claim("nonce", "n-0S6_WzA2Mj")
        .claim("at_hash", "77QmUPtjPfzWtF2AnpK9RQ");
    let access_token = id_token.clone().without_claim("nonce").without_claim("at_hash");
    for (name, issuer, without_marks_too) in [
        ("audience", draft().audience(AUDIENCE), true),
        ("client as audience", draft().audience(CLIENT), false),
        ("client", draft().client(CLIENT), true),
        ("both", draft().audience(CLIENT).client(CLIENT), false),
        ("any client", draft().accept_any_client(), true),
        ("any audience", draft().accept_any_audience(), false),
        ("type", draft().audience(CLIENT).with_typ_at_jwt_required(), true),
        ("nonce", draft().audience(CLIENT).accept_nonce(), false),
        ("Cognito", Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).with_jwks(&key()).unwrap(), true),
    ] {
        let verifier = at(NOW).trust(issuer).build().unwrap();
        assert!(verifier.verify(&id_token.sign_with(&KEY)).is_err(), "{name}");
        // Without its marks it is an access token for somebody, and the other rules decide.
        let unmarked = verifier.verify(&access_token.sign_with(&KEY));
        assert_eq!(unmarked.is_err(), without_marks_too, "{name}: {unmarked:?}");
    }
}

#[test]
fn a_nonce_can_be_accepted_and_nothing_else_with_it() {
    // C18
    let issuer = Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap().audience(AUDIENCE).accept_nonce();
    let verifier = at(NOW).trust(issuer).build().unwrap();
    accepted(&verifier, &generic_token().claim("nonce", "n-0S6_WzA2Mj"));
    assert_refused!(verifier, generic_token().claim("at_hash", "x"), Error::NotAnAccessToken { .. });
}

#[test]
fn a_token_that_is_bound_to_a_key_is_no_bearer_token() {
    // G00, G01, G02, W8, W14
    accepted(&generic(), &generic_token());
    for cnf in [json!({}), json!({ "vendor": 1 })] {
        accepted(&generic(), &generic_token().claim("cnf", cnf));
    }
    for cnf in [
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({ "jwk": { "kty": "EC" } }),
        json!({ "kid": "pop-key-1" }),
        json!({ "jku": "https://keys.example/", "kid": "1" }),
        json!({ "jwe": "a.b.c.d.e" }),
        json!({ "osc": { "id": "AQ", "ms": "-ejZb8hjmU-kOjhSNVoxsw" } }),
        json!({ "vendor": 1, "jkt": null }),
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "x5t#S256": "bwcK0esc3ACC3DB2Y5_l" }),
        json!({ "jkt": 1 }),
        json!("jkt"),
        json!(null),
        json!([]),
    ] {
        assert_refused!(generic(), generic_token().claim("cnf", cnf), Error::SenderConstrained { .. });
    }
    let payload = Value::Object(generic_token().claims()).to_string();
    let repeated = payload.replacen('{', r#"{"cnf":{"vendor":1,"vendor":2},"#, 1);
    assert_refused!(generic(), generic_token().raw_payload(repeated), Error::SenderConstrained { .. });
}

#[test]
fn scopes_are_read_from_text_and_arrays() {
    // C20, C21
    let scopes = |token: Mint| accepted(&generic(), &token).scopes().to_string();
    assert_eq!(scopes(generic_token().scope("b a")), "a b");
    assert_eq!(scopes(generic_token().scope("  a   b ")), "a b");
    assert_eq!(scopes(generic_token().scope("")), "");
    let none = || generic_token().without_claim("scope");
    assert_eq!(scopes(none()), "");
    assert_eq!(scopes(none().claim("scp", "a b")), "a b");
    assert_eq!(scopes(none().claim("scp", json!(["a", "b"]))), "a b");
    assert_eq!(scopes(none().claim("scp", json!([]))), "");
    assert_eq!(scopes(generic_token().scope("a").claim("scp", json!(["b"]))), "a b");
    // Cognito's claim is `scope`.
    let both = cognito_token().scope("a").claim("scp", json!(["b"]));
    assert_eq!(accepted(&cognito(), &both).scopes().to_string(), "a");
    for (claim, value) in [
        ("scope", json!(["a"])),
        ("scope", json!(1)),
        ("scope", json!(null)),
        ("scope", json!("a\tb")),
        ("scope", json!("a\nb")),
        ("scope", json!("a\"")),
        ("scope", json!("a\\")),
        ("scope", json!("ä")),
        ("scope", json!("a\u{a0}b")),
        ("scope", json!({ "a": true })),
        ("scp", json!(["a", 1])),
        ("scp", json!(["a b"])),
        ("scp", json!({ "a": true })),
        ("scp", json!("a\\")),
    ] {
        let error = refused(&generic(), &none().claim(claim, value));
        assert!(matches!(&error, Error::MalformedClaim { claim: named, .. } if named == claim), "{error:?}");
    }
}

#[test]
fn a_scope_is_granted_by_exactly_that_text() {
    // C20, C36: identifiers of Cognito's resource servers may be URLs
    let granted = "https://api.example/read";
    let claims = accepted(&cognito(), &cognito_token().scope(granted));
    assert!(claims.require(&granted.into()).is_ok());
    for other in [
        "https://api.example/rea",
        "https://api.example/reads",
        "https://api.example/read/",
        "https://api.example/Read",
        "https://API.example/read",
        "https://api.example:443/read",
        "https://api.example/",
        "https://api.example",
        "http://api.example/read",
        "read",
        "api.example/read",
        "https://api.example/*",
    ] {
        assert!(matches!(claims.require(&other.into()), Err(Error::InsufficientScope { .. })), "{other}");
    }
}

#[test]
fn permissions_and_roles_are_scopes_only_where_that_was_said() {
    // C21
    let issuer = || Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap().audience(AUDIENCE);
    let with = at(NOW).trust(issuer().with_permissions_as_scopes().with_roles_as_scopes()).build().unwrap();
    let token = generic_token()
        .scope("a")
        .claim("permissions", json!(["b", "not a scope"]))
        .claim("roles", json!(["c"]));
    assert_eq!(accepted(&with, &token).scopes().to_string(), "a b c");
    assert_eq!(accepted(&generic(), &token).scopes().to_string(), "a");
    for claim in ["permissions", "roles"] {
        assert_refused!(with, token.clone().claim(claim, "b"), Error::MalformedClaim { .. });
        accepted(&generic(), &token.clone().claim(claim, "b"));
    }
}

#[test]
fn unknown_claims_are_ignored() {
    // C03, C24
    let many = (0..100).fold(cognito_token(), |token, n| token.claim(&format!("claim{n}"), n));
    accepted(&cognito(), &many);
    for depth in [200, 500] {
        let deep = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let payload = Value::Object(cognito_token().claims()).to_string();
        let payload = payload.replacen('{', &format!("{{\"deep\":{deep},"), 1);
        let claims = accepted(&cognito(), &cognito_token().raw_payload(payload));
        assert!(claims.get::<Value>("deep").is_err(), "too deep to be read, and no reason to fall over");
    }
}

#[test]
fn standard_claims_that_are_there_have_their_type() {
    for claim in ["sub", "jti"] {
        accepted(&cognito(), &cognito_token().claim(claim, "x"));
        accepted(&cognito(), &cognito_token().without_claim(claim));
        let error = refused(&cognito(), &cognito_token().claim(claim, 1));
        assert!(matches!(&error, Error::MalformedClaim { claim: named, .. } if named == claim), "{error:?}");
    }
}

// 7. The result

#[test]
fn claims_say_who_calls_and_what_they_may() {
    let token = cognito_token().claim("jti", "id-1").scope("a b").claim("tenant", "t1");
    let claims = accepted(&cognito(), &token);
    assert_eq!(claims.issuer(), ISSUER);
    assert_eq!((claims.subject(), claims.client_id()), (Some(CLIENT), Some(CLIENT)));
    assert_eq!(claims.token_id(), Some("id-1"));
    assert_eq!(claims.audience().count(), 0);
    let for_two = accepted(&generic(), &generic_token().claim("aud", json!([AUDIENCE, "other"])));
    assert_eq!(for_two.audience().collect::<Vec<_>>(), [AUDIENCE, "other"]);
    assert!(claims.scopes().contains("a") && !claims.scopes().contains("c"));
    assert!((claims.expires_at().as_secs_f64() - 1_800_003_600.0).abs() < f64::EPSILON);
    assert!(claims.issued_at().is_some_and(|at| (at.as_secs_f64() - 1_800_000_000.0).abs() < f64::EPSILON));
    assert_eq!(claims.get::<String>("tenant").unwrap().as_deref(), Some("t1"));
    assert_eq!(claims.get::<String>("absent").unwrap(), None);
    assert!(claims.get::<u32>("tenant").is_err());
    assert!(claims.require(&"a".into()).is_ok());
    assert!(matches!(claims.require(&"c".into()), Err(Error::InsufficientScope { .. })));
}

#[test]
fn claims_can_be_read_as_a_type_of_the_application() {
    let claims = accepted(&cognito(), &cognito_token().claim("tenant", "t1"));
    let read: std::collections::BTreeMap<String, Value> = claims.deserialize().unwrap();
    assert_eq!(read["tenant"], "t1");
    assert!(matches!(claims.deserialize::<Vec<u8>>(), Err(Error::UnexpectedClaims { .. })));
}

#[test]
fn a_client_is_told_from_somebody_it_acts_for() {
    // C23
    let principal = |token: Mint| match accepted(&generic(), &token).principal() {
        Principal::Client { id, .. } => format!("client {id}"),
        Principal::Subject { id, .. } => format!("subject {id}"),
        other => format!("{other:?}"),
    };
    assert_eq!(principal(generic_token()), format!("client {CLIENT}"));
    assert_eq!(principal(generic_token().without_claim("sub")), format!("client {CLIENT}"));
    assert_eq!(
        principal(generic_token().claim("sub", format!("{CLIENT}@clients"))),
        format!("client {CLIENT}")
    );
    // Also where an id ends like what Auth0 adds.
    let odd = "job@clients";
    assert_eq!(principal(generic_token().client(odd).claim("sub", odd)), format!("client {odd}"));
    assert_eq!(principal(generic_token().client(odd).claim("sub", "job")), "subject job");
    assert_eq!(principal(generic_token().claim("sub", "user-1")), "subject user-1");
    assert_eq!(principal(generic_token().without_claim("client_id")), format!("subject {CLIENT}"));
    assert_eq!(principal(generic_token().without_claim("client_id").without_claim("sub")), "Unnamed");
}

#[test]
fn neither_errors_nor_claims_show_the_token() {
    // D18, W12
    let token = cognito_token().sign_with(&KEY);
    let parts: Vec<&str> = token.split('.').collect();
    let mut texts = vec![format!("{:?}", cognito().verify(&token).unwrap()), format!("{:?}", cognito())];
    assert!(texts[0].contains(CLIENT) && texts[1].contains(ISSUER), "{texts:?}");
    for bad in [
        cognito_token().bad_signature(),
        cognito_token().expired(),
        cognito_token().header("kid", "x".repeat(5_000)),
        cognito_token().claim("iss", "x\n".repeat(5_000)),
        cognito_token().client("other"),
        cognito_token().raw_payload("[]"),
    ] {
        let error = refused(&cognito(), &bad);
        texts.push(format!("{error} {error:?}"));
    }
    for text in texts {
        assert!(!parts.iter().any(|part| text.contains(part)), "{text}");
        assert!(text.len() < 1_000 && !text.contains('\n'), "{text}");
    }
}
