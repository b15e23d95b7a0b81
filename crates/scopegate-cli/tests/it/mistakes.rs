//! Which mistake does `explain` name for a rejected token?

use scopegate_issuer::{LocalIssuer, Mint};
use serde_json::json;

use crate::program::{CLIENT, NOW, Offline, POOL, POOL_ISSUER, Run, cognito_token, run};

#[track_caller]
fn assert_likely(run: &Run, sentence: &str) {
    assert_eq!(run.code, 1, "{}{}", run.out, run.errors);
    let likely = run.out.split("Likely: ").nth(1).unwrap_or_else(|| panic!("no mistake: {}", run.out));
    let likely = likely.split("\n\n").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(likely.contains(sentence), "{likely}");
}

#[test]
fn id_token_is_named() {
    let offline = Offline::new("mistake-id");
    let cognito = cognito_token().claim("token_use", "id").claim("aud", CLIENT).without_claim("client_id");
    assert_likely(&offline.explain(&cognito, &[]), "An ID token was sent instead of an access token");
    let other = Mint::rfc9068("https://issuer.example", CLIENT).issued_at(NOW).lifetime(60).audience(CLIENT);
    let other = offline.sign(&other.claim("nonce", "n").header("typ", "JWT"));
    let trusted = ["--issuer", "https://issuer.example", "--audience", "https://api.example"];
    assert_likely(&offline.explain_for(&trusted, &other, &[]), "An ID token was sent");
}

#[test]
fn refresh_token_is_named() {
    let offline = Offline::new("mistake-refresh");
    let token = offline.sign(
        &Mint::keycloak("https://sso.example/realms/a", CLIENT)
            .issued_at(NOW)
            .lifetime(60)
            .claim("typ", "Refresh"),
    );
    let trusted = ["--issuer", "https://sso.example/realms/a", "--audience", CLIENT];
    assert_likely(&offline.explain_for(&trusted, &token, &[]), "A refresh token was sent");
}

#[test]
fn staging_issuer_is_named() {
    let offline = Offline::new("mistake-staging");
    let token = |issuer: &str| {
        offline.sign(&Mint::cognito(issuer, CLIENT).without_claim("token_use").issued_at(NOW).lifetime(60))
    };
    let trusted = ["--issuer", "https://auth.example/t", "--client", CLIENT];
    assert_eq!(offline.explain_for(&trusted, &token("https://auth.example/t"), &[]).code, 0);
    let run = offline.explain_for(&trusted, &token("https://auth.staging.example/t"), &[]);
    assert_likely(&run, "The token is from a test environment (staging)");
    assert!(
        run.out.contains("The checks after `issuer` use the rules of the trusted issuer."),
        "{}",
        run.out
    );
    let run = offline.explain_for(&trusted, &token("https://auth.example/t/"), &[]);
    assert_likely(&run, "The token's issuer has a trailing slash");
}

#[test]
fn audience_of_cognito_is_named() {
    let offline = Offline::new("mistake-cognito");
    let token = offline.sign(&cognito_token());
    let run = offline.explain_for(&["--cognito", POOL, "--audience", "https://api.example"], &token, &[]);
    assert_likely(&run, "Access tokens of Amazon Cognito have no `aud`: use --client with the app client");
    assert_likely(&run, "(here \"1example23456789\")");
}

#[test]
fn version_of_entra_is_named() {
    let offline = Offline::new("mistake-entra");
    let tenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let v2 = format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let token = offline.sign(&Mint::entra_v1(tenant, CLIENT).issued_at(NOW).lifetime(60).audience("api://a"));
    let run = offline.explain_for(&["--issuer", &v2, "--audience", "a"], &token, &[]);
    assert_likely(
        &run,
        "version 1 token of Entra ID, and version 2 is trusted: set `requestedAccessTokenVersion`",
    );
}

#[test]
fn token_that_has_just_expired_is_named() {
    let offline = Offline::new("mistake-expired");
    let run = offline.explain(&cognito_token().expires_at(NOW - 33), &[]);
    assert_likely(
        &run,
        "The token expired 33 s ago: the client used it to the end of its life, or the clocks differ",
    );
    let run = offline.explain(&cognito_token().expires_at(NOW - 7_200), &[]);
    assert_likely(&run, "The token expired 2 h ago: request a new one");
    let run = offline.explain(&cognito_token().claim("nbf", NOW + 45), &[]);
    assert_likely(&run, "The clock of this machine is behind that of the issuer");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_that_was_rotated_away_is_named() {
    let local = LocalIssuer::start().await.unwrap();
    let hour_ago =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() - 1_800;
    let token = local.mint().issued_at(hour_ago).sign();
    let flags = ["explain", "--issuer", local.issuer(), "--client", "local-reader"];
    assert_eq!(run(&flags, &token).code, 0);
    local.default_pool().rotate_without_overlap();
    assert_likely(&run(&flags, &token), "The issuer has rotated its keys since it signed the token");
    let forged = local.mint().header("kid", "another").sign();
    assert_likely(
        &run(&flags, &forged),
        "The issuer published its new key late, or another issuer signed the token",
    );
}

#[test]
fn another_region_or_pool_is_named() {
    let offline = Offline::new("mistake-region");
    let of = |issuer: &str| offline.explain(&cognito_token().claim("iss", issuer), &[]);
    let run = of(&POOL_ISSUER.replace("cognito-idp.eu-west-1", "cognito-idp.us-east-1"));
    assert_likely(&run, "The token is for another region: it is from us-east-1, and eu-west-1 is trusted");
    let run = of("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Xy98");
    assert_likely(&run, "The token is from another user pool, \"eu-west-1_Xy98\", in the same region");
}

#[test]
fn text_that_is_no_jwt_is_named() {
    let offline = Offline::new("mistake-form");
    let flags = ["--cognito", POOL, "--client", CLIENT];
    let valid = offline.sign(&cognito_token());
    let (head, tail) = valid.split_at(valid.len() / 2);
    for (input, sentence) in [
        ("eyJhbGciOiJSUzI1NiIsImtpZCI6ImtleS0xIn0", "A part of the token was lost"),
        (valid.rsplit_once('.').unwrap().0, "A part of the token was lost"),
        (&format!("{valid}="), "characters were changed or added when it was copied"),
        (&format!("{head}\n{tail}"), "The token has line breaks or spaces inside"),
        ("eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d", "The issuer encrypts its tokens"),
        (&offline.sign(&cognito_token().alg("HS256")), "signed with a shared secret (HS256)"),
        (&offline.sign(&cognito_token().alg("none")), "The token is not signed"),
    ] {
        assert_likely(&offline.explain_for(&flags, input, &[]), sentence);
    }
}

#[test]
fn token_for_another_receiver_is_named() {
    let offline = Offline::new("mistake-receiver");
    let run = offline.explain(&cognito_token().client("another"), &[]);
    assert_likely(&run, "The token was issued to the client \"another\", which --client does not list");
    let run = offline.explain(&cognito_token().claim("aud", "https://b.example"), &[]);
    assert_likely(
        &run,
        "The token is for the audience \"https://b.example\": use --audience if that is this API",
    );
    let flags = ["--issuer", POOL_ISSUER, "--audience", "https://api.example"];
    let of = |audience: &str| {
        offline.explain_for(&flags, &offline.sign(&cognito_token().claim("aud", audience)), &[])
    };
    assert_eq!(of("https://api.example").code, 0);
    assert_likely(&of("https://api.example/"), "The audiences differ in a trailing slash only");
    assert_likely(&of("https://API.example"), "The audiences differ in upper and lower case only");
    assert_likely(&of("api://https://api.example"), "The audiences differ in the prefix `api://` only");
    assert_likely(&of("https://b.example"), "The token was issued for another API");
}

#[test]
fn bound_token_is_named() {
    let offline = Offline::new("mistake-bound");
    let bound = |member: &str| offline.explain(&cognito_token().claim("cnf", json!({ member: "x" })), &[]);
    assert_likely(&bound("jkt"), "The token is for DPoP");
    assert_likely(&bound("x5t#S256"), "bound to a key or a client certificate, so it is no bearer token");
}

#[test]
fn forged_token_and_missing_scope_are_named() {
    let offline = Offline::new("mistake-forged");
    let run = offline.explain(&cognito_token().tampered(), &[]);
    assert_likely(&run, "The token was changed after it was signed, or another issuer uses the same key id");
    let run = offline.explain(&cognito_token(), &["--scope", "orders/write"]);
    assert_likely(&run, "The client did not request the scope, or the issuer did not grant it");
}
