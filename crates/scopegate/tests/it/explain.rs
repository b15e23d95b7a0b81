//! Does an explanation agree with the verification, and does it go on after a failure?

use proptest::prelude::*;
use scopegate::CheckName::{Audience, Header, Issuer, Key, Kind, Lifetime, Scopes, Signature, Type};
use scopegate::{
    Check, CheckName, CheckOutcome, Denied, Error, Explanation, Revocation, Revocations, Verifier,
};
use scopegate_issuer::{Algorithm, LocalIssuer, Mint, SigningKey};
use serde_json::json;
use testkit::{
    AUDIENCE, CLIENT, ISSUER, KEY, NOW, builder_at, builder_trusting, client_token, cognito_issuer,
    cognito_token, cognito_verifier, rfc9068_token, verifier_for_audience, verifier_for_client,
};

fn failures(explanation: &Explanation) -> Vec<(CheckName, Error)> {
    let failed = |check: &Check| match &check.outcome {
        CheckOutcome::Failed(error) => Some((check.name, error.clone())),
        _ => None,
    };
    explanation.checks().iter().filter_map(failed).collect()
}

fn failed_checks(verifier: &Verifier, token: &str) -> Vec<CheckName> {
    failures(&verifier.explain(token)).into_iter().map(|(name, _)| name).collect()
}

fn not_run(explanation: &Explanation) -> Vec<CheckName> {
    let not_run = |check: &&Check| matches!(check.outcome, CheckOutcome::NotRun);
    explanation.checks().iter().filter(not_run).map(|check| check.name).collect()
}

/// Asserts that the first failure of the explanation is the error of the verification.
#[track_caller]
fn assert_agrees(verifier: &Verifier, name: &str, token: &str) {
    let (explanation, result) = (verifier.explain(token), verifier.verify(token));
    let failures = failures(&explanation);
    let signature = token.rsplit_once('.').map_or("", |(_, signature)| signature);
    if signature.len() > 20 {
        let shown = format!("{explanation:?}{:?}", explanation.payload());
        assert!(!shown.contains(signature), "{name}: the signature is shown");
    }
    match result {
        Ok(claims) => {
            assert!(failures.is_empty(), "{name}: {failures:?}");
            assert_eq!(explanation.result().unwrap().token_id(), claims.token_id(), "{name}");
        }
        Err(error) => {
            let (_, first) = failures.first().unwrap_or_else(|| panic!("{name}: no failure"));
            assert_eq!(first.to_string(), error.to_string(), "{name}");
            assert_eq!(first.kind(), error.kind(), "{name}");
            assert_eq!(explanation.result().unwrap_err().to_string(), error.to_string(), "{name}");
        }
    }
}

/// Tokens with one defect or several, each with its name.
fn hostile() -> Vec<(&'static str, String)> {
    let sign = |mint: Mint| mint.sign_with(&KEY);
    let other = SigningKey::generate(Algorithm::ES256).with_kid(KEY.kid());
    let valid = sign(cognito_token());
    let (input, signature) = valid.rsplit_once('.').unwrap();
    let mut tokens = vec![
        ("valid", valid.clone()),
        ("empty", String::new()),
        ("opaque", "gho_16C7e42F292c6912E7710c838347Ae178B4a".to_owned()),
        ("two parts", input.to_owned()),
        ("four parts", format!("{valid}.x")),
        ("encrypted", "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d".to_owned()),
        ("padding", format!("{valid}=")),
        ("newline", format!("{input}\n.{signature}")),
        ("cut", valid[..valid.len() - 9].to_owned()),
        ("too long", format!("{valid}{}", "A".repeat(20_000))),
        ("another key", cognito_token().sign_with(&other)),
    ];
    let mints = [
        ("expired", cognito_token().issued_at(NOW - 7_200).expires_at(NOW - 3_600)),
        ("expires now", cognito_token().expires_at(NOW)),
        ("not yet valid", cognito_token().claim("nbf", NOW + 60)),
        ("issued later", cognito_token().issued_at(NOW + 60)),
        ("no exp", cognito_token().without_claim("exp")),
        ("exp as text", cognito_token().claim("exp", "soon")),
        ("issuer with slash", cognito_token().claim("iss", format!("{ISSUER}/"))),
        ("no issuer", cognito_token().without_claim("iss")),
        ("issuer is a number", cognito_token().claim("iss", 7)),
        ("unknown key id", cognito_token().header("kid", "another")),
        ("no key id", cognito_token().without_header("kid")),
        ("none", cognito_token().alg("none")),
        ("HS256", cognito_token().alg("HS256")),
        ("PS256", cognito_token().alg("PS256")),
        ("no alg", cognito_token().without_header("alg")),
        ("crit", cognito_token().header("crit", json!(["exp"]))),
        ("enc", cognito_token().header("enc", "A256GCM")),
        ("typ", cognito_token().header("typ", "dpop+jwt")),
        ("header twice", cognito_token().raw_header(r#"{"alg":"RS256","alg":"none"}"#)),
        ("header is text", cognito_token().raw_header("x")),
        ("payload twice", cognito_token().raw_payload(r#"{"iss":"a","iss":"b"}"#)),
        ("payload is text", cognito_token().raw_payload("x")),
        ("both are text", cognito_token().raw_header("x").raw_payload("y")),
        ("ID token", cognito_token().claim("token_use", "id").claim("aud", CLIENT)),
        ("nonce", cognito_token().claim("nonce", "n")),
        ("refresh token", client_token().claim("typ", "Refresh")),
        ("foreign audience", cognito_token().claim("aud", "https://another.example")),
        ("audience is a number", cognito_token().claim("aud", 7)),
        ("another client", cognito_token().client("another")),
        ("no client", cognito_token().without_claim("client_id")),
        ("two clients", cognito_token().claim("azp", "another")),
        ("bound to a key", cognito_token().claim("cnf", json!({"jkt": "x"}))),
        ("bound to nothing", cognito_token().claim("cnf", 7)),
        ("subject is a number", cognito_token().claim("sub", 7)),
        ("id is a number", cognito_token().claim("jti", 7)),
        ("no id", cognito_token().without_claim("jti")),
        ("scope is a number", cognito_token().claim("scope", 7)),
        ("scope with quote", cognito_token().scope("a\"b")),
        ("tampered", cognito_token().tampered()),
        ("bad signature", cognito_token().bad_signature()),
        ("unknown key", cognito_token().signed_by_unknown_key()),
        ("unsigned", cognito_token().unsigned()),
        ("expired and forged", cognito_token().expires_at(NOW - 1).bad_signature().client("another")),
        ("text and HS256", cognito_token().raw_payload("x").alg("HS256")),
        ("RFC 9068", rfc9068_token()),
        ("Auth0", Mint::auth0("shop.eu.auth0.com", CLIENT).issued_at(NOW).lifetime(60)),
        ("Entra", Mint::entra("9188040d-6c67-4c5b-b112-36a304b66dad", CLIENT).issued_at(NOW).lifetime(60)),
        ("Keycloak", Mint::keycloak(ISSUER, CLIENT).issued_at(NOW).lifetime(60)),
        ("Okta", Mint::okta(ISSUER, CLIENT).issued_at(NOW).lifetime(60)),
    ];
    tokens.extend(mints.into_iter().map(|(name, mint)| (name, sign(mint))));
    tokens
}

#[test]
fn first_failure_is_the_error_of_verify() {
    let id_required = builder_at(NOW).trust(cognito_issuer()).require_token_id().build().unwrap();
    let several = builder_at(NOW)
        .trust(cognito_issuer())
        .trust(scopegate::Issuer::from_jwks("other", &testkit::jwks([KEY.jwk()])).unwrap().client(CLIENT))
        .build()
        .unwrap();
    let verifiers = [
        cognito_verifier(),
        verifier_for_audience(),
        verifier_for_client([KEY.jwk()]),
        verifier_for_client([KEY.jwk(), SigningKey::generate(Algorithm::ES256).jwk()]),
        id_required,
        several,
    ];
    for (name, token) in hostile() {
        for verifier in &verifiers {
            assert_agrees(verifier, name, &token);
        }
    }
}

#[test]
fn revoked_and_denied_tokens_have_a_last_failure() {
    let revocations = Revocations::new();
    let verifier = builder_at(NOW)
        .trust(cognito_issuer())
        .revocations(&revocations)
        .check(|claims| match claims.client_id() {
            Some(CLIENT) if claims.scopes().contains("banned") => Err(Denied::new("banned")),
            _ => Ok(()),
        })
        .build()
        .unwrap();
    let (valid, denied) = (cognito_token().sign_with(&KEY), cognito_token().scope("banned").sign_with(&KEY));
    assert_agrees(&verifier, "valid", &valid);
    assert_agrees(&verifier, "denied", &denied);
    assert_eq!(failed_checks(&verifier, &denied), [CheckName::Application]);
    let jti = verifier.verify(&valid).unwrap().token_id().unwrap().to_owned();
    revocations.revoke(Revocation::token(ISSUER, &jti)).unwrap();
    assert_agrees(&verifier, "revoked", &valid);
    assert_eq!(failed_checks(&verifier, &valid), [CheckName::Revocation]);
}

#[cfg(feature = "http")]
#[test]
fn required_proof_is_the_first_failure() {
    let dpop = scopegate::Dpop::require().origin("https://api.example");
    let verifier = builder_at(NOW).trust(cognito_issuer()).dpop(dpop).build().unwrap();
    for (name, token) in hostile() {
        assert_agrees(&verifier, name, &token);
    }
}

#[test]
fn later_checks_run_after_a_failure() {
    let verifier = cognito_verifier();
    let bad = cognito_token().expires_at(NOW - 1).bad_signature().client("another").claim("scope", 7);
    assert_eq!(failed_checks(&verifier, &bad.sign_with(&KEY)), [Lifetime, Signature, Audience, Scopes]);
    let id_token = cognito_token().claim("token_use", "id").claim("aud", "x").expires_at(NOW - 1);
    assert_eq!(failed_checks(&verifier, &id_token.sign_with(&KEY)), [Lifetime, Kind, Audience]);
    // The only trusted issuer has the rules and the keys for the rest.
    let staging = cognito_token().claim("iss", "https://staging.example/pool").header("kid", "s");
    let explanation = verifier.explain(staging.client("another").sign_with(&KEY));
    let failed: Vec<_> = failures(&explanation).into_iter().map(|(name, _)| name).collect();
    assert_eq!(failed, [Issuer, Key, Audience]);
    assert_eq!(not_run(&explanation), [Signature]);
}

#[test]
fn check_without_its_input_does_not_run() {
    let verifier = cognito_verifier();
    let explanation = verifier.explain("opaque");
    assert!(explanation.header().is_none() && explanation.payload().is_none());
    assert_eq!(explanation.checks().len(), 13);
    assert_eq!(not_run(&explanation).len(), 12);
    // Without a readable header there is no key, but claims can be checked.
    let explanation = verifier.explain(cognito_token().raw_header("x").client("another").sign_with(&KEY));
    let failed: Vec<_> = failures(&explanation).into_iter().map(|(name, _)| name).collect();
    assert_eq!(failed, [Header, Audience]);
    assert_eq!(not_run(&explanation), [Type, Key, Signature]);
}

#[test]
fn token_that_failed_a_check_is_not_cached() {
    let verifier = cognito_verifier();
    for (_, token) in hostile().iter().filter(|(name, _)| *name != "valid") {
        if verifier.explain(token).result().is_err() {
            assert!(verifier.verify(token).is_err());
        }
    }
    let before = verifier.status().cached_tokens();
    let _ = verifier.explain(cognito_token().client("another").sign_with(&KEY));
    let _ = verifier.explain(cognito_token().bad_signature().sign_with(&KEY));
    assert_eq!(verifier.status().cached_tokens(), before);
}

#[test]
fn found_values_are_cut_and_escaped() {
    let verifier = cognito_verifier();
    let token = cognito_token().claim("iss", "\u{1b}[31m\n\u{202e}").claim("aud", vec!["\u{202e}x"; 400]);
    let explanation = verifier.explain(token.sign_with(&KEY));
    for check in explanation.checks() {
        assert!(check.found.len() < 1_000, "{}", check.found);
        assert!(!check.found.contains(['\u{1b}', '\n', '\u{202e}']), "{}", check.found);
    }
    let found = |name| explanation.checks().iter().find(|check| check.name == name).unwrap().found.clone();
    assert!(found(Issuer).starts_with("\"\\u{1b}[31m"), "{}", found(Issuer));
    assert!(found(Audience).contains("client_id \"1example23456789\""));
}

#[tokio::test]
async fn explanation_agrees_while_keys_rotate() {
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let before = local.mint().sign();
    assert_agrees(&verifier, "before", &before);
    local.default_pool().rotate_without_overlap();
    let after = local.mint().sign();
    assert_agrees(&verifier, "key is not fetched yet", &after);
    assert_eq!(failed_checks(&verifier, &after), [Key]);
    verifier.verify_or_refresh(&after).await.unwrap();
    assert_agrees(&verifier, "after", &after);
    assert_agrees(&verifier, "rotated away", &before);
    assert_eq!(failed_checks(&verifier, &before), [Key]);
}

fn any_claim() -> impl Strategy<Value = (&'static str, serde_json::Value)> {
    let names = ["iss", "aud", "exp", "nbf", "iat", "sub", "jti", "client_id", "azp", "scope", "scp", "cnf"];
    let names = names.into_iter().chain(["token_use", "nonce", "typ", "events"]).collect::<Vec<_>>();
    let values = prop_oneof![
        Just(json!(null)),
        Just(json!(7)),
        Just(json!("")),
        Just(json!("x")),
        Just(json!(["x", "y"])),
        Just(json!({"jkt": "x"})),
        Just(json!(NOW + 100)),
        Just(json!(NOW - 100)),
        Just(json!(ISSUER)),
        Just(json!(AUDIENCE)),
        Just(json!(CLIENT)),
    ];
    (proptest::sample::select(names), values)
}

fn any_parameter() -> impl Strategy<Value = (&'static str, serde_json::Value)> {
    let names = proptest::sample::select(vec!["alg", "kid", "typ", "crit", "enc", "b64", "x5t"]);
    let values = prop_oneof![
        Just(json!(null)),
        Just(json!("ES256")),
        Just(json!("none")),
        Just(json!("at+jwt")),
        Just(json!(true)),
    ];
    (names, values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_token_is_explained_as_it_is_verified(
        claims in proptest::collection::vec(any_claim(), 0..4),
        parameters in proptest::collection::vec(any_parameter(), 0..2),
        is_forged in any::<bool>(),
        cut in proptest::option::of(0..900_usize),
    ) {
        let mint = claims.into_iter().fold(cognito_token(), |mint, (name, value)| mint.claim(name, value));
        let mint = parameters.into_iter().fold(mint, |mint, (name, value)| mint.header(name, value));
        let mut token = if is_forged { mint.bad_signature() } else { mint }.sign_with(&KEY);
        if let Some(cut) = cut {
            token.truncate(cut);
        }
        for verifier in [cognito_verifier(), verifier_for_audience()] {
            assert_agrees(&verifier, &token, &token);
        }
    }
}
