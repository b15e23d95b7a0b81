//! Which checks does `explain` show, and what does it never show?

use scopegate_issuer::{Fault, LocalIssuer};
use serde_json::{Value, json};

use crate::program::{CLIENT, NOW, Offline, POOL, cognito_token, file, program, run, run_with};

const FOR_US: [&str; 4] = ["--cognito", POOL, "--client", CLIENT];

fn line<'a>(out: &'a str, name: &str) -> &'a str {
    let is_named = |line: &&str| line.split_whitespace().nth(1) == Some(name);
    out.lines().find(is_named).unwrap_or_else(|| panic!("no check {name}: {out}"))
}

#[test]
fn valid_token_passes_every_check() {
    let offline = Offline::new("valid");
    let run = offline.explain(&cognito_token().scope("orders/read"), &["--scope", "orders/read"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.errors);
    assert_eq!(run.errors, "");
    let first = "VALID at 2027-01-15T08:00:00Z, until 2027-01-15T09:00:00Z (60 min left)\n";
    assert!(run.out.starts_with(first), "{}", run.out);
    let names =
        ["form", "header", "payload", "issuer", "type", "key", "lifetime", "signature", "kind", "audience"];
    for name in names.into_iter().chain(["binding", "identity", "scopes", "required"]) {
        assert!(line(&run.out, name).starts_with("✓ "), "{}", run.out);
    }
    assert!(line(&run.out, "lifetime").contains("exp 2027-01-15T09:00:00Z (RFC 7519 §4.1.4)"), "{}", run.out);
    assert!(run.out.lines().all(|line| line.chars().count() <= 80), "{}", run.out);
}

#[test]
fn later_failures_are_shown_too() {
    let offline = Offline::new("later");
    let run = offline.explain(&cognito_token().expires_at(NOW - 60).client("another").bad_signature(), &[]);
    assert_eq!(run.code, 1);
    assert!(run.out.starts_with("REJECTED with 401 (expired) at 2027-01-15T08:00:00Z\n"), "{}", run.out);
    assert!(line(&run.out, "lifetime").starts_with("✗ lifetime  FAILED: expired at"), "{}", run.out);
    for name in ["signature", "audience"] {
        assert!(line(&run.out, name).contains("would also fail"), "{}", run.out);
    }
    assert!(run.out.contains("Claims, not verified"), "{}", run.out);
}

#[test]
fn missing_scope_is_a_rejection() {
    let offline = Offline::new("scope");
    let token = cognito_token().scope("orders/read");
    let run = offline.explain(&token, &["--scope", "orders/read", "--scope", "orders/write"]);
    assert_eq!(run.code, 1);
    assert!(run.out.starts_with("REJECTED with 403 (insufficient_scope)"), "{}", run.out);
    assert!(line(&run.out, "required").starts_with("✗ "), "{}", run.out);
    assert_eq!(offline.explain(&token, &["--scope", "a\"b"]).code, 64);
}

#[test]
fn time_decides_about_the_lifetime() {
    let offline = Offline::new("time");
    let token = cognito_token();
    for (at, code) in [
        ("2027-01-15T08:00:00Z", 0),
        ("2027-01-15T09:00:29Z", 0),
        ("2027-01-15T09:00:30Z", 1),
        ("2027-01-15T07:59:00Z", 1),
        ("2027-01-15T10:00:00+02:00", 0),
        ("yesterday", 64),
    ] {
        let run = offline.explain(&token, &["--at", at]);
        assert_eq!(run.code, code, "{at}: {}{}", run.out, run.errors);
    }
}

#[test]
fn pasted_line_is_read() {
    let offline = Offline::new("pasted");
    let token = offline.sign(&cognito_token());
    for input in [
        format!("{token}\n"),
        format!("Bearer {token}"),
        format!("Authorization: Bearer {token}\r\n"),
        format!("curl https://api.example \\\n  -H 'authorization: Bearer {token}' \\\n  --compressed\n"),
        json!({ "access_token": token, "token_type": "Bearer" }).to_string(),
    ] {
        let run = offline.explain_for(&FOR_US, &input, &[]);
        assert_eq!(run.code, 0, "{input}: {}{}", run.out, run.errors);
    }
    let stored = file("pasted.txt", &format!("Authorization: Bearer {token}"));
    let run = offline.explain_for(&FOR_US, "", &["--file", stored.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{}", run.errors);
}

#[test]
fn opaque_token_is_undecidable() {
    let offline = Offline::new("opaque");
    for more in [&[][..], &["--json"]] {
        let run = offline.explain_for(&FOR_US, "gho_16C7e42F292c6912E7710c838347Ae178B4a", more);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.errors);
        let sentence = "this is an opaque token, which only its issuer can read, by introspection (RFC 7662)";
        assert_eq!(run.errors, format!("scopegate: {sentence}\n"));
    }
    // One part of a JWT is malformed, and a service without introspection rejects it.
    let head = offline.sign(&cognito_token());
    assert_eq!(offline.explain_for(&FOR_US, head.split('.').next().unwrap(), &[]).code, 1);
}

#[test]
fn token_as_argument_is_refused_or_noted_once() {
    let offline = Offline::new("argument");
    let token = offline.sign(&cognito_token());
    let refused = offline.explain_for(&FOR_US, "", &[&token]);
    assert_eq!((refused.code, refused.out.as_str()), (64, ""));
    assert!(refused.errors.contains("history of the shell"), "{}", refused.errors);
    assert!(!refused.errors.contains(&token), "{}", refused.errors);
    let accepted = offline.explain_for(&FOR_US, "", &["--token", &token]);
    assert_eq!(accepted.code, 0, "{}", accepted.errors);
    assert_eq!(accepted.errors.matches("history of the shell").count(), 1, "{}", accepted.errors);
    let empty = offline.explain_for(&FOR_US, "", &["--token", ""]);
    assert_eq!(empty.code, 64, "{}", empty.errors);
    assert!(empty.errors.contains("--token: expected a token, found none"), "{}", empty.errors);
}

#[test]
fn signature_is_never_shown() {
    let offline = Offline::new("signature");
    let valid = offline.sign(&cognito_token());
    let forged = offline.sign(&cognito_token().bad_signature());
    let cut = &valid[..valid.len() - 3];
    for token in [valid.as_str(), &forged, cut, &format!("{valid}="), &format!("{valid}.{valid}")] {
        let signature = &token.split('.').nth(2).unwrap()[..40];
        for more in [&[][..], &["--json"], &["--show"], &["--json", "--show"]] {
            let run = offline.explain_for(&FOR_US, token, more);
            assert!(!format!("{}{}", run.out, run.errors).contains(signature), "{more:?}");
        }
    }
}

#[test]
fn personal_data_is_masked_unless_shown() {
    let offline = Offline::new("masked");
    let token = cognito_token()
        .claim("sub", "ann@shop.example")
        .claim("email", "ann@shop.example")
        .claim("phone_number", "+15550100")
        .claim("client_secret", "s3cr3t")
        .claim("act", json!({ "sub": "bob@shop.example" }));
    for more in [&[][..], &["--json"]] {
        let masked = offline.explain(&token, more);
        assert_eq!(masked.code, 0, "{}", masked.out);
        for hidden in ["ann@", "bob@", "+15550100", "s3cr3t"] {
            assert!(!masked.out.contains(hidden), "{hidden}: {}", masked.out);
        }
        assert!(masked.out.contains("(masked)@shop.example"), "{}", masked.out);
        let shown = offline.explain(&token, &[more, &["--show"]].concat());
        for hidden in ["ann@", "bob@", "+15550100", "s3cr3t"] {
            assert!(shown.out.contains(hidden), "{hidden}: {}", shown.out);
        }
    }
}

#[test]
fn control_characters_are_escaped() {
    let offline = Offline::new("control");
    let token = cognito_token().claim("\u{1b}[31m", "\u{1b}[2J\u{202e}").client("\u{1b}[0m");
    let run = offline.explain(&token, &[]);
    assert!(!run.out.contains(['\u{1b}', '\u{202e}']), "{}", run.out);
    let colored = run_with(program().args(["doctor", "--help"]).env("NO_COLOR", "1"), "");
    assert!(!colored.out.contains('\u{1b}'));
}

#[test]
fn large_input_and_many_claims_are_bounded() {
    let offline = Offline::new("bounds");
    let token = offline.sign(&cognito_token());
    let padded = |length: usize| format!("{token}{}", " ".repeat(length - token.len()));
    assert_eq!(offline.explain_for(&FOR_US, &padded(256 * 1024), &[]).code, 0);
    assert_eq!(offline.explain_for(&FOR_US, &padded(256 * 1024 + 1), &[]).code, 64);
    let many = (0..100).fold(cognito_token(), |token, number| token.claim(&format!("a{number:03}"), "x"));
    let many = many.claim("a000", "y".repeat(1_000));
    let run = offline.explain(&many, &[]);
    assert_eq!(run.code, 0, "{}", run.out);
    let listed = run.out.split("\nClaims\n").nth(1).unwrap();
    assert_eq!(listed.lines().filter(|line| line.starts_with("  a")).count(), 61, "{listed}");
    assert!(listed.ends_with("  and 50 more\n"), "{listed}");
    let shown = listed.split_whitespace().nth(1).unwrap();
    assert_eq!(shown, format!("\"{}…", "y".repeat(299)));
}

#[test]
fn json_has_checks_and_verdict() {
    let offline = Offline::new("json");
    let run = offline.explain(&cognito_token().expires_at(NOW - 60).client("another"), &["--json"]);
    assert_eq!(run.code, 1);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["verdict"], "rejected");
    assert_eq!(report["error"]["code"], "expired");
    assert_eq!(report["error"]["status"], 401);
    assert_eq!(report["checked_at"], "2027-01-15T08:00:00Z");
    assert!(report["likely_mistake"].as_str().unwrap().contains("expired 60 s ago"), "{report}");
    let check = |name: &str| {
        report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap().clone()
    };
    assert_eq!(check("form")["outcome"], "passed");
    assert_eq!(check("lifetime")["outcome"], "failed");
    assert_eq!(check("audience")["outcome"], "would_also_fail");
    assert_eq!(check("audience")["reference"], "RFC 7519 §4.1.3");
    assert_eq!(report["header"]["alg"], "RS256");
    assert_eq!(report["claims"]["client_id"], "another");
    let valid = offline.explain(&cognito_token(), &["--json"]);
    let report: Value = serde_json::from_str(&valid.out).unwrap();
    assert_eq!((&report["verdict"], &report["error"]), (&json!("valid"), &Value::Null));
}

#[test]
fn wrong_flags_are_usage_errors() {
    let offline = Offline::new("usage");
    for arguments in [
        &["explain"][..],
        &["explain", "--issuer", "https://issuer.example"],
        &["explain", "--client", "a"],
        &["explain", "--issuer", "issuer.example", "--client", "a"],
        &["explain", "--cognito", "nothing", "--client", "a"],
        &["explain", "--cognito", POOL, "--issuer", "https://issuer.example", "--client", "a"],
        &["explain", "--cognito", POOL, "--client", "a", "--algorithms", "HS256"],
        &["explain", "--cognito", POOL, "--client", "a", "--jwks", "no-such-file.json"],
        &["explain", "--cognito", POOL, "--client", "a", "--file", "no-such-file.txt"],
        &["nothing"],
    ] {
        let run = run(arguments, "a.b.c");
        assert_eq!((run.code, run.out.as_str()), (64, ""), "{arguments:?} {}", run.errors);
        assert!(!run.errors.is_empty());
    }
    assert_eq!(offline.explain_for(&FOR_US, "  \n", &[]).code, 64);
    assert_eq!(run(&["explain", "--help"], "").code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_issuer_are_fetched() {
    let local = LocalIssuer::start().await.unwrap();
    let flags = ["explain", "--issuer", local.issuer(), "--client", "local-reader"];
    let token = local.mint().sign();
    let valid = run(&flags, &token);
    assert_eq!(valid.code, 0, "{}{}", valid.out, valid.errors);
    let by_url = run(&[&flags[..], &["--jwks", &local.jwks_uri()]].concat(), &token);
    assert_eq!(by_url.code, 0, "{}{}", by_url.out, by_url.errors);

    local.set_fault(Fault::Status(503));
    let unavailable = run(&flags, &token);
    assert_eq!(unavailable.code, 2, "{}{}", unavailable.out, unavailable.errors);
    assert!(unavailable.out.starts_with("UNDECIDABLE with 503 (keys_unavailable)"), "{}", unavailable.out);
    assert!(unavailable.out.contains("expected status 200, found 503"), "{}", unavailable.out);
    assert!(line(&unavailable.out, "signature").starts_with("– "), "{}", unavailable.out);
    // Other checks need no keys.
    assert!(line(&unavailable.out, "audience").starts_with("✓ "), "{}", unavailable.out);
}
