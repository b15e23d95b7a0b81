//! Invalid settings: the program prints one line with the name of the setting, and exits with code
//! 2.

mod demo_process;

use demo_process::{Ended, run};

const POOL: &str = "eu-west-1_Ab12Cd34E";
const PROOFS: [&str; 8] =
    ["--issuer", POOL, "--client-id", "a", "--dpop", "accept", "--origin", "https://api.example"];
const URL: &str = "https://issuer.example";

/// Asserts that there is one line on standard error, nothing on standard output, and exit code 2.
fn assert_one_line(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.starts_with("demo: ") && ended.stderr.ends_with('\n'), "{}", ended.stderr);
    for part in parts {
        assert!(ended.stderr.contains(part), "expected {part:?} in {}", ended.stderr);
    }
}

#[test]
fn invalid_flag_is_named_in_one_line() {
    let cases: &[(&[&str], &[&str])] = &[
        // unknown or malformed flags
        (&["--isuer", URL], &["--isuer"]),
        (&["start"], &["start"]),
        (&["--issuer"], &["--issuer"]),
        (&["--exit=yes"], &["--exit"]),
        (&["--issuer", POOL, "--issuer", POOL], &["--issuer"]),
        // invalid values
        (&["--listen", "here"], &["--listen (LISTEN)", "127.0.0.1:8080", "\"here\""]),
        (&["--listen", ""], &["--listen (LISTEN)", "\"\""]),
        (&["--listen", "127.0.0.1:99999"], &["--listen (LISTEN)", "127.0.0.1:99999"]),
        (&["--issuer", "", "--client-id", "a"], &["--issuer (ISSUER)"]),
        (&["--issuer", "issuer.example", "--client-id", "a"], &["--issuer (ISSUER)", "issuer.example"]),
        (&["--issuer", "two\nlines", "--client-id", "a"], &["--issuer (ISSUER)", r"two\nlines"]),
        // FR-B4: an issuer's name must be a URL if metadata is fetched from it.
        (
            &["--issuer", "http://issuer.example", "--client-id", "a"],
            &["--issuer (ISSUER)", "https", "\"http://issuer.example\""],
        ),
        (
            &["--issuer", "http://issuer.example ", "--jwks-uri", URL, "--client-id", "a"],
            &["--issuer (ISSUER)", "white space", "\"http://issuer.example \""],
        ),
        (
            &["--issuer", URL, "--jwks-uri", "http://issuer.example/keys", "--client-id", "a"],
            &["--jwks-uri (JWKS_URI)", "https", "http://issuer.example/keys"],
        ),
        // FR-A15
        (
            &["--issuer", "http://keycloak:8080/realms/a", "--audience", "a"],
            &["--issuer (ISSUER)", "`allow_keys_without_tls`", "http://keycloak:8080/realms/a"],
        ),
        (&["--allow-keys-without-tls"], &["--allow-keys-without-tls", "--issuer (ISSUER)"]),
        (&["--issuer", POOL, "--client-id", "a", "--jwks-uri", "keys"], &["--jwks-uri (JWKS_URI)", "keys"]),
        (
            &["--issuer", URL, "--profile", "Cognito", "--client-id", "a"],
            &["--profile (PROFILE)", "cognito or generic", "\"Cognito\""],
        ),
        (&["--issuer", POOL, "--client-id", "a,,b"], &["--client-id (CLIENT_ID)", "\"a,,b\""]),
        (&["--issuer", POOL, "--client-id", ""], &["--client-id (CLIENT_ID)"]),
        (&["--issuer", POOL, "--audience", "a, "], &["--audience (AUDIENCE)"]),
        (
            &["--issuer", POOL, "--client-id", "a", "--algorithms", "RS256,HS256"],
            &["--algorithms (ALGORITHMS)", "ES256", "\"HS256\""],
        ),
        (&["--issuer", POOL, "--client-id", "a", "--algorithms", ","], &["--algorithms (ALGORITHMS)"]),
        // values out of range
        (
            &["--issuer", POOL, "--client-id", "a", "--leeway-secs", "301"],
            &["--leeway-secs (LEEWAY_SECS)", "300 s", "301 s"],
        ),
        (
            &["--issuer", POOL, "--client-id", "a", "--leeway-secs", "-1"],
            &["--leeway-secs (LEEWAY_SECS)", "whole number", "\"-1\""],
        ),
        (&["--issuer", POOL, "--client-id", "a", "--leeway-secs", "1m"], &["--leeway-secs (LEEWAY_SECS)"]),
        (
            &["--issuer", POOL, "--client-id", "a", "--jwks-refresh-secs", "86401"],
            &["--jwks-refresh-secs (JWKS_REFRESH_SECS)", "24 h", "86401 s"],
        ),
        (
            &["--issuer", POOL, "--client-id", "a", "--jwks-cooldown-secs", "0"],
            &["--jwks-cooldown-secs (JWKS_COOLDOWN_SECS)", "1 s", "0 s"],
        ),
        (
            &["--issuer", POOL, "--client-id", "a", "--revocations", "/no/such/file"],
            &["--revocations (REVOCATIONS)", "\"/no/such/file\"", "No such file"],
        ),
        (&["--revocations", "/no/such/file"], &["--revocations (REVOCATIONS)", "--issuer (ISSUER)"]),
        (&["--issuer", POOL, "--client-id", "a", "--resource", "api"], &["--resource (RESOURCE)", "\"api\""]),
        // missing or contradictory flags
        (&["--issuer", POOL], &["--audience (AUDIENCE)", "--client-id (CLIENT_ID)"]),
        (&["--issuer", POOL, "--profile", "generic", "--audience", "api"], &["--issuer (ISSUER)", POOL]),
        (&["--exit", "--issuer", POOL, "--client-id", "a"], &["--exit", "--issuer (ISSUER)"]),
        (&["--jwks-uri", URL], &["--jwks-uri (JWKS_URI)", "--issuer (ISSUER)"]),
        (&["--exit", "--profile", "cognito"], &["--profile (PROFILE)", "--issuer (ISSUER)"]),
        (&["--leeway-secs", "5"], &["--leeway-secs (LEEWAY_SECS)", "--issuer (ISSUER)"]),
    ];
    for (arguments, parts) in cases {
        assert_one_line(&run(arguments, &[]), parts);
    }
}

#[test]
fn invalid_setting_of_proofs_is_named() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--issuer", POOL, "--client-id", "a", "--dpop", "on"], &["--dpop (DPOP)", "accept", "\"on\""]),
        (
            &["--issuer", POOL, "--client-id", "a", "--dpop", "accept"],
            &["--dpop (DPOP)", "--origin (ORIGIN)"],
        ),
        (
            &["--issuer", POOL, "--client-id", "a", "--dpop", "accept", "--origin", "http://api.example"],
            &["--origin (ORIGIN)", "https", "http://api.example"],
        ),
        (&[&PROOFS[..], &["--dpop-nonce", "yes"]].concat(), &["--dpop-nonce (DPOP_NONCE)", "\"yes\""]),
        (
            &[&PROOFS[..], &["--dpop-algorithms", "ES256,HS256"]].concat(),
            &["--dpop-algorithms (DPOP_ALGORITHMS)", "\"HS256\""],
        ),
        (
            &[&PROOFS[..], &["--dpop-max-age-secs", "301"]].concat(),
            &["--dpop-max-age-secs (DPOP_MAX_AGE_SECS)", "300 s", "301 s"],
        ),
        (
            &[&PROOFS[..], &["--dpop-max-age-secs", "0"]].concat(),
            &["--dpop-max-age-secs (DPOP_MAX_AGE_SECS)", "expected 1 s to 300 s", "found 0 s"],
        ),
        (
            &[&PROOFS[..], &["--dpop-max-age-secs", "-1"]].concat(),
            &["--dpop-max-age-secs (DPOP_MAX_AGE_SECS)", "whole number of seconds", "\"-1\""],
        ),
        (
            &["--issuer", POOL, "--client-id", "a", "--dpop-nonce", "require"],
            &["--dpop-nonce (DPOP_NONCE)", "--dpop (DPOP)"],
        ),
        (
            &[&PROOFS[..], &["--replay-store", "disk"]].concat(),
            &["--replay-store (REPLAY_STORE)", "memory", "\"disk\""],
        ),
        (
            &[&PROOFS[..], &["--replay-store", "redis://cache.example:6379"]].concat(),
            &["--replay-store (REPLAY_STORE)", "TLS"],
        ),
        (
            &[&PROOFS[..], &["--replay-store", "https://cache.example"]].concat(),
            &["--replay-store (REPLAY_STORE)", "expected memory or a URL", "redis"],
        ),
        (
            &["--issuer", POOL, "--client-id", "a", "--replay-store", "memory"],
            &["--replay-store (REPLAY_STORE)", "--dpop (DPOP)"],
        ),
        (&["--origin", "https://api.example"], &["--origin (ORIGIN)", "--issuer (ISSUER)"]),
    ];
    for (arguments, parts) in cases {
        assert_one_line(&run(arguments, &[]), parts);
    }
}

#[test]
fn origin_is_nothing_but_an_origin() {
    // DP18
    let name = "a URL with a user name";
    for (origin, found) in [
        ("https://api.example/v1", r#""https://api.example/v1""#),
        ("https://api.example/?x=1", r#""https://api.example/?x=1""#),
        ("https://api.example?x=1", r#""https://api.example?x=1""#),
        ("https://api.example#f", r#""https://api.example#f""#),
        ("https://user:s3cret@api.example", name),
        ("https://s3cret@api.example", name),
        ("api.example", r#""api.example""#),
        ("api.example:443", r#""api.example:443""#),
        ("//api.example", r#""//api.example""#),
        ("https://", r#""https://""#),
    ] {
        let expected =
            "expected a URL without user name, path, query and fragment, such as https://api.example";
        let message = format!("demo: --origin (ORIGIN): {expected}, found {found}\n");
        for dpop in [None, Some("off"), Some("accept")] {
            let mut environment = vec![("ISSUER", POOL), ("CLIENT_ID", "a"), ("ORIGIN", origin)];
            environment.extend(dpop.map(|dpop| ("DPOP", dpop)));
            let ended = run(&[], &environment);
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{origin} {dpop:?}");
            assert_eq!(ended.stderr, message, "{origin} {dpop:?}");
        }
    }
}

#[test]
fn password_of_replay_store_is_not_shown() {
    // DP45
    for url in ["redis://user:s3cret@cache.example:6379", "https://user:s3cret@cache.example", "s3cret@cache"]
    {
        let ended = run(&[&PROOFS[..], &["--replay-store", url]].concat(), &[]);
        assert_one_line(&ended, &["--replay-store (REPLAY_STORE)", "expected memory or a URL"]);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
}

#[test]
fn invalid_setting_of_certificates_or_users_is_named() {
    let issuer = ["--issuer", POOL, "--client-id", "a"];
    let binding = ["--certificate-binding", "accept"];
    let header = ["--certificate-header", "client-cert"];
    let cases: &[(&[&[&str]], &[&str])] = &[
        (&[&["--certificate-binding", "on"]], &["--certificate-binding (CERTIFICATE_BINDING)", "\"on\""]),
        // MT07
        (&[&binding, &header], &["(CERTIFICATE_BINDING)", "--trusted-proxies (TRUSTED_PROXIES)"]),
        (
            &[&binding, &["--trusted-proxies", "::1"]],
            &["(CERTIFICATE_BINDING)", "--certificate-header (CERTIFICATE_HEADER)"],
        ),
        (
            &[&binding, &["--certificate-header", "x-client"]],
            &["--certificate-header (CERTIFICATE_HEADER)", "ssl-client-cert", "\"x-client\""],
        ),
        (
            &[&binding, &header, &["--trusted-proxies", "10.0.0.1/8"]],
            &["--trusted-proxies (TRUSTED_PROXIES)", "10.0.0.1/8"],
        ),
        (
            &[&binding, &header, &["--trusted-proxies", "::1,proxy.example"]],
            &["--trusted-proxies (TRUSTED_PROXIES)", "a network such as 10.0.0.0/8", "proxy.example"],
        ),
        (
            &[&binding, &header, &["--trusted-proxies", "::1,"]],
            &["--trusted-proxies (TRUSTED_PROXIES)", "no item empty", "\"::1,\""],
        ),
        (
            &[&binding, &header, &["--trusted-proxies", "0.0.0.0/0"]],
            &["--trusted-proxies (TRUSTED_PROXIES)", "0.0.0.0/0"],
        ),
        (&[&header], &["--certificate-header (CERTIFICATE_HEADER)", "--certificate-binding"]),
        (&[&["--write-acr", "a,,b"]], &["--write-acr (WRITE_ACR)", "\"a,,b\""]),
        (
            &[&["--write-max-auth-age-secs", "0"]],
            &["--write-max-auth-age-secs (WRITE_MAX_AUTH_AGE_SECS)", "1 or more"],
        ),
        (
            &[&["--write-max-auth-age-secs", "5m"]],
            &["--write-max-auth-age-secs (WRITE_MAX_AUTH_AGE_SECS)", "whole number of seconds", "\"5m\""],
        ),
    ];
    for (arguments, parts) in cases {
        let arguments = [&[&issuer[..]], *arguments].concat().concat();
        assert_one_line(&run(&arguments, &[]), parts);
    }
}

const ENDPOINT: [&str; 8] = [
    "--introspection",
    "all",
    "--introspection-uri",
    "https://issuer.example/introspect",
    "--introspection-client-id",
    "api",
    "--introspection-client-secret",
    "s3cret-of-api",
];

#[test]
fn invalid_setting_of_introspection_is_named() {
    let issuer = ["--issuer", URL, "--client-id", "a"];
    let uri = ["--introspection-uri", "https://issuer.example/introspect"];
    let mode = ["--introspection", "opaque"];
    let id = ["--introspection-client-id", "api"];
    let secret = ["--introspection-client-secret", "s3cret-of-api"];
    let cases: &[(&[&[&str]], &[&str])] = &[
        // One of them is missing.
        (&[&uri, &id, &secret], &["(INTROSPECTION_URI)", "--introspection (INTROSPECTION)", "after_jwt"]),
        (&[&uri, &mode, &secret], &["--introspection-client-id (INTROSPECTION_CLIENT_ID)"]),
        (&[&uri, &mode, &id], &["--introspection-client-secret (INTROSPECTION_CLIENT_SECRET)"]),
        (&[&mode], &["--introspection (INTROSPECTION)", "--introspection-uri (INTROSPECTION_URI)"]),
        (&[&id], &["(INTROSPECTION_CLIENT_ID)", "--introspection-uri (INTROSPECTION_URI)"]),
        (&[&secret], &["(INTROSPECTION_CLIENT_SECRET)", "--introspection-uri (INTROSPECTION_URI)"]),
        (
            &[&["--introspection-cache-secs", "5"]],
            &["--introspection-cache-secs (INTROSPECTION_CACHE_SECS)", "(INTROSPECTION_URI)"],
        ),
        (
            &[&["--introspection-timeout-secs", "5"]],
            &["--introspection-timeout-secs (INTROSPECTION_TIMEOUT_SECS)", "(INTROSPECTION_URI)"],
        ),
        // Their values are invalid.
        (
            &[&uri, &id, &secret, &["--introspection", "on"]],
            &["--introspection (INTROSPECTION)", "all, opaque or after_jwt", "\"on\""],
        ),
        // IN01
        (
            &[&mode, &id, &secret, &["--introspection-uri", "http://issuer.example/introspect"]],
            &["--introspection-uri (INTROSPECTION_URI)", "https", "http://issuer.example"],
        ),
        (
            &[&uri, &mode, &secret, &["--introspection-client-id", ""]],
            &["--introspection-client-id (INTROSPECTION_CLIENT_ID)"],
        ),
        (
            &[&uri, &mode, &id, &["--introspection-client-secret", ""]],
            &["--introspection-client-secret (INTROSPECTION_CLIENT_SECRET)"],
        ),
        (
            &[&ENDPOINT, &["--introspection-cache-secs", "soon"]],
            &["--introspection-cache-secs (INTROSPECTION_CACHE_SECS)", "whole number", "\"soon\""],
        ),
        (
            &[&ENDPOINT, &["--introspection-timeout-secs", "-1"]],
            &["--introspection-timeout-secs (INTROSPECTION_TIMEOUT_SECS)", "whole number", "\"-1\""],
        ),
        // The same tokens cannot be verified.
        (&[&ENDPOINT, &["--jwks-uri", URL]], &["--jwks-uri (JWKS_URI)", "(INTROSPECTION) after_jwt"]),
        (&[&ENDPOINT, &["--profile", "generic"]], &["--profile (PROFILE)", "after_jwt"]),
        (&[&ENDPOINT, &["--algorithms", "RS256"]], &["--algorithms (ALGORITHMS)", "after_jwt"]),
        (&[&ENDPOINT, &["--jwks-refresh-secs", "60"]], &["(JWKS_REFRESH_SECS)", "after_jwt"]),
        (&[&ENDPOINT, &["--jwks-cooldown-secs", "60"]], &["(JWKS_COOLDOWN_SECS)", "after_jwt"]),
        (&[&ENDPOINT, &["--allow-keys-without-tls"]], &["--allow-keys-without-tls", "after_jwt"]),
    ];
    for (arguments, parts) in cases {
        let arguments = [&[&issuer[..]], *arguments].concat().concat();
        let ended = run(&arguments, &[]);
        assert_one_line(&ended, parts);
        // IN22
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
    assert_one_line(&run(&uri, &[]), &["--introspection-uri (INTROSPECTION_URI)", "--issuer (ISSUER)"]);
}

#[test]
fn introspection_time_out_of_range_is_named() {
    for (setting, value, expected) in [
        ("--introspection-cache-secs", "301", "0 s to 5 min"),
        ("--introspection-timeout-secs", "11", "100 ms to 10 s"),
        ("--introspection-timeout-secs", "0", "100 ms to 10 s"),
    ] {
        let issuer = ["--issuer", URL, "--client-id", "a"];
        let ended = run(&[&issuer[..], &ENDPOINT, &[setting, value]].concat(), &[]);
        assert_one_line(&ended, &[setting, expected, &format!("found {value} s")]);
    }
}

#[test]
fn value_that_no_challenge_can_hold_is_named() {
    let arguments = ["--issuer", POOL, "--client-id", "a", "--write-acr", "multi factor"];
    let ended = run(&arguments, &[]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    let last = ended.stderr.lines().last().expect("there is a message");
    assert!(last.contains("--write-acr (WRITE_ACR)") && last.contains("multi factor"), "{last}");
}

#[test]
fn resource_with_other_origin_than_proofs_is_named() {
    let ended = run(&[&PROOFS[..], &["--resource", "https://other.example"]].concat(), &[]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    let last = ended.stderr.lines().last().expect("there is a message");
    for part in ["--resource (RESOURCE)", "origin", "\"https://other.example\""] {
        assert!(last.contains(part), "{last}");
    }
}

#[test]
fn invalid_environment_variable_is_named() {
    for (environment, parts) in [
        (&[("LISTEN", "here")][..], &["--listen (LISTEN)", "\"here\""]),
        (&[("CLIENT_ID", "a")], &["--client-id (CLIENT_ID)", "--issuer (ISSUER)"]),
        (&[("ISSUER", POOL), ("CLIENT_ID", "a"), ("PROFILE", "x")], &["--profile (PROFILE)", "\"x\""]),
        (&[("RUST_LOG", "scopegate=loud")], &["RUST_LOG", "scopegate=loud"]),
    ] {
        assert_one_line(&run(&[], environment), parts);
    }
}

#[test]
fn help_names_every_setting_and_its_variable() {
    let ended = run(&["--help"], &[]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let settings = [
        "listen",
        "issuer",
        "jwks-uri",
        "profile",
        "audience",
        "client-id",
        "algorithms",
        "leeway-secs",
        "jwks-refresh-secs",
        "jwks-cooldown-secs",
        "revocations",
        "origin",
        "dpop",
        "dpop-nonce",
        "dpop-algorithms",
        "dpop-max-age-secs",
        "replay-store",
        "certificate-binding",
        "certificate-header",
        "trusted-proxies",
        "write-acr",
        "write-max-auth-age-secs",
        "introspection",
        "introspection-uri",
        "introspection-client-id",
        "introspection-client-secret",
        "introspection-cache-secs",
        "introspection-timeout-secs",
    ];
    for setting in settings {
        assert!(ended.stdout.contains(&format!("--{setting} ")), "--{setting}");
        let variable = setting.replace('-', "_").to_uppercase();
        assert!(ended.stdout.contains(&format!("[env: {variable}]")), "{variable}");
    }
}
